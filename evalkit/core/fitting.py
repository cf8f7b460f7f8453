"""Whether a value that came out of JSON is of the type that a record states for it."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

_LARGEST = 1 << 63


def fits(value: object, hint: Any) -> bool:
    """Is `value`, as JSON has it, of the type `hint`? A tuple is a list there, a float may be whole; a number is finite
    and a whole one has at most 64 bits, as whatever it is handed to has. Raises TypeError for a type not met so far."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin is tuple:
        return isinstance(value, list) and all(fits(each, inner[0]) for each in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(
            fits(key, inner[0]) and fits(each, inner[1]) for key, each in value.items()
        )
    if hint in (str, bool, types.NoneType):
        return isinstance(value, hint)
    if hint in (int, float):
        number = isinstance(value, int | float if hint is float else int) and not isinstance(value, bool)
        return number and (abs(value) < _LARGEST if isinstance(value, int) else math.isfinite(value))  # type: ignore
    raise TypeError(f"no rule for {hint}")
