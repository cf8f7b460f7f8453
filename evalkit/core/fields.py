"""Reading a record that somebody else's code filled in: every field as it should be, and all faults told at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from typing import Any

from evalkit.core.errors import close_names


class Fields:
    """The fields of one record, by name; each is returned as plain Python has it (numpy's scalars become that), and
    what is wrong with it is added to `faults`."""

    def __init__(self, record: object) -> None:
        self._record = record
        self.faults: list[str] = []

    def whole(self, name: str, least: int, optional: bool = False) -> int | None:
        """A whole number of `least` or more; 16000.0 is none."""
        value = self._get(name)
        if is_whole(value) and int(value) >= least:
            return int(value)
        return self._fault(name, value, f"a whole number of {least} or more", optional)

    def real(self, name: str, optional: bool = False) -> float | None:
        """A number above 0, or infinity."""
        value = self._get(name)
        if is_number(value) and float(value) > 0:
            return float(value)
        return self._fault(name, value, "a number above 0", optional)

    def text(self, name: str, empty: bool = False, optional: bool = False) -> str | None:
        """Text, of at least one letter unless it may be `empty`."""
        value = self._get(name)
        if isinstance(value, str) and (empty or value.strip()):
            return value
        return self._fault(name, value, "text" if empty else "text that is not empty", optional)

    def one_of(self, name: str, choices: Collection[str]) -> str | None:
        value = self._get(name)
        if isinstance(value, str) and value in choices:
            return value
        near = close_names(value, choices) if isinstance(value, str) else ""
        hint = f"; did you mean {near}?" if near else ""
        return self._fault(name, value, f"one of {', '.join(map(repr, choices))}{hint}")

    def flag(self, name: str) -> bool | None:
        value = self._get(name)
        if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):  # numpy's has another type
            return bool(value)
        return self._fault(name, value, "True or False")

    def names(self, name: str) -> tuple[str, ...] | None:
        """A tuple or list of texts."""
        value = self._get(name)
        if isinstance(value, tuple | list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        return self._fault(name, value, "a tuple of texts")

    def options(self, name: str) -> dict[str, Any]:
        """A mapping of names to plain values, those that JSON has."""
        return self._table(name, self._get(name))

    def presets(self, name: str) -> dict[str, dict[str, Any]]:
        """A mapping of names to mappings of names to plain values."""
        value = self._get(name)
        if not _is_table(value):
            return self._fault(name, value, "a mapping of names to options") or {}
        return {key: self._table(f"{name}[{key!r}]", each) for key, each in value.items()}

    def fault(self, text: str) -> None:
        self.faults.append(text)

    def _table(self, where: str, value: Any) -> dict[str, Any]:
        if not _is_table(value):
            return self._fault(where, value, "a mapping of names to plain values") or {}
        plain = {}
        for key, each in value.items():
            try:
                plain[key] = plain_value(each)
            except ValueError as error:
                self.faults.append(f"{where}[{key!r}] is {error}, expected a plain value, as JSON has")
        return plain

    def _get(self, name: str) -> Any:
        return getattr(self._record, name)

    def _fault(self, name: str, value: object, expected: str, optional: bool = False) -> Any:
        if optional and value is None:
            return None
        self.faults.append(f"{name} is {value!r:.60}, expected {expected}{' or None' if optional else ''}")
        return None


def is_number(value: Any) -> bool:
    """Is this a real number, Python's or numpy's? NaN and infinity are; True is not."""
    return not isinstance(value, bool) and isinstance(value, Real)


def is_whole(value: Any) -> bool:
    """Is this a whole number by its type, Python's or numpy's? True is not, and 2.0 is not."""
    return not isinstance(value, bool) and isinstance(value, Integral)


def plain_value(value: Any) -> Any:
    """The value as JSON can hold it, numpy's scalars as plain ones. Raises ValueError saying what it is instead."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(repr(value))
        return value
    if isinstance(value, tuple | list):
        return type(value)(plain_value(each) for each in value) if type(value) in (tuple, list) else _refuse(value)
    if _is_table(value):
        return {key: plain_value(each) for key, each in value.items()}
    return _refuse(value)


def _refuse(value: object) -> Any:
    raise ValueError(f"a {type(value).__name__}")


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)
