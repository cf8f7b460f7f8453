"""What a function of the notebook's door takes, read off its annotations: a value of another kind is refused by name,
instead of being an AttributeError somewhere inside."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, SupportsFloat, SupportsIndex, TypeVar, Union, get_args, get_origin

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering, refuse, shown

P = ParamSpec("P")
T = TypeVar("T")

_WRONG: ContextVar[Gathering] = ContextVar("wrong values")
_WORDS = {
    str: "text", Path: "a path", int: "a whole number", float: "a number", bool: "True or False", NoneType: "None"
}  # fmt: skip


def parameters_checked(function: Callable[P, T]) -> Callable[P, T]:
    """The function, which raises a UserError with every parameter whose value is of no kind that it takes. Too many or
    too few arguments are Python's own TypeError."""
    return _checked(function, gathers=False)


def parameters_gathered(function: Callable[P, T]) -> Callable[P, T]:
    """As `parameters_checked`, for a function that begins with `wrong_values()`: a default (None without one)
    stands in the place of a value of a wrong kind, which is told with whatever else the function refuses."""
    return _checked(function, gathers=True)


def wrong_values() -> Gathering:
    """What was given in a wrong kind, to which the function adds what it finds, and which it must settle before it
    works."""
    return _WRONG.get()


def _checked(function: Callable[P, T], gathers: bool) -> Callable[P, T]:
    inner = inspect.unwrap(function)
    signature = inspect.signature(inner)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        bound, wrong = signature.bind(*args, **kwargs), Gathering()
        for name, value in list(bound.arguments.items()):
            parameter = signature.parameters[name]
            kind, several = _kind(parameter.annotation, inner), parameter.kind is parameter.VAR_POSITIONAL
            fits = [wrong.read(False, _require, name, each, kind) for each in (value if several else (value,))]
            if not all(fits) and not several:
                bound.arguments[name] = None if parameter.default is parameter.empty else parameter.default
        if not gathers:
            wrong.settle()
        _WRONG.set(wrong)
        if wrong.errors:
            with wrong.look():
                function(*bound.args, **bound.kwargs)
            refuse(wrong.errors)
        return function(*args, **kwargs)

    return call


def _kind(annotation: Any, function: Callable[..., Any]) -> Any:
    """An annotation as the type that it names; return values may be of types that are imported for mypy alone, so each
    is read by itself."""
    return eval(annotation, function.__globals__) if isinstance(annotation, str) else annotation


def _require(name: str, value: object, kind: Any) -> bool:
    """True. Raises UserError where the value is of another kind."""
    if not _fits(value, kind):
        raise UserError(f"{name} is {shown(value)}", f"it takes {' or '.join(dict.fromkeys(_words(kind)))}")
    return True


def _fits(value: object, kind: Any) -> bool:
    origin, inside = get_origin(kind), get_args(kind)
    if kind in (Any, inspect.Parameter.empty, object) or origin is tuple:  # whoever uses it says more of what is wrong
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inside)
    if origin is Literal:
        return isinstance(value, str)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(each, inside[1]) for each in value.values())
    if origin is Sequence:
        whole = isinstance(value, Collection) and not isinstance(value, str | bytes | bytearray | Mapping)
        return whole and all(_fits(each, inside[0]) for each in value)  # type: ignore[attr-defined]
    if kind is Path:
        return isinstance(value, os.PathLike)
    if kind in (int, float):
        number = isinstance(value, SupportsIndex) or (kind is float and isinstance(value, SupportsFloat))
        return number and not isinstance(value, bool)
    if kind is bool:
        return isinstance(value, bool) or type(value).__name__ == "bool"  # NumPy's
    return isinstance(value, kind)


def _words(kind: Any) -> list[str]:
    """What a person is told that a parameter takes."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return [word for each in inside for word in _words(each)]
    if origin is Literal:
        return [repr(each) for each in inside]
    if origin is Mapping:
        return ["a mapping {id: (samples, rate)}" if get_origin(inside[1]) is tuple else "a mapping by name"]
    if origin is Sequence:
        return ["a list of names"]
    return [_WORDS.get(kind, f"a {kind.__name__}")]
