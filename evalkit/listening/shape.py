"""Records out of JSON that anybody may have written: every field of its type, nothing besides, all faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from evalkit.core.errors import UserError
from evalkit.core.faults import nearest, shown
from evalkit.core.fitting import fits

_T = TypeVar("_T")

MOST_ROWS = 20_000
"""Of one list; a long study has some thousands."""

_TOLD = 6


class Looking:
    """What is wrong with one file, gathered while its records are read."""

    def __init__(self, where: str, most: int = MOST_ROWS) -> None:
        self.where, self.most = where, most
        self.faults: list[str] = []

    def fault(self, place: str, told: str) -> None:
        """Keep a fault, at a place in the file such as `ratings[3].score`, or "" for the whole."""
        self.faults.append(f"{place} {told}" if place else told)

    def require(self, holds: bool, place: str, told: str) -> bool:
        """Keep a fault where something does not hold; says whether it does."""
        if not holds:
            self.fault(place, told)
        return holds

    def settle(self, hint: str = "") -> None:
        """Raises a UserError that tells all faults, or of very many the first ones and how many there are."""
        if self.faults:
            more = f"; and {len(self.faults) - _TOLD} more" if len(self.faults) > _TOLD else ""
            raise UserError(f"{self.where}: {'; '.join(self.faults[:_TOLD])}{more}", hint)

    def record(self, kind: type[_T], value: object, place: str = "") -> _T | None:
        """The dataclass `kind` filled from a JSON object, lists as tuples and inner objects as the records that the
        class states; None where a fault was found."""
        if not isinstance(value, Mapping):
            self.fault(place, f"is no object of {', '.join(each.name for each in fields(kind))}")  # type: ignore[arg-type]
            return None
        before, hints, found = len(self.faults), get_type_hints(kind), {}
        for key in value:
            if key not in hints:
                near = nearest(key, hints)
                self.fault(_at(place, shown(key)), f"is not known{f': did you mean {near}?' if near else ''}")
            else:
                found[key] = self._value(hints[key], value[key], _at(place, key))
        for name in [each for each in hints if each not in value]:
            self.fault(_at(place, name), "is missing")
        return kind(**found) if len(self.faults) == before else None

    def _value(self, hint: Any, value: object, at: str) -> Any:
        if get_origin(hint) is tuple:
            return self._list(get_args(hint)[0], value, at)
        if is_dataclass(hint) and isinstance(hint, type):
            return self.record(hint, value, at)
        if not fits(value, hint):
            return self.fault(at, f"is {shown(value)}, expected {_NAMES.get(hint, str(hint))}")
        return value

    def _list(self, inner: Any, value: object, place: str) -> Any:
        if not isinstance(value, list):
            return self.fault(place, "is no list")
        if len(value) > self.most:
            return self.fault(place, f"has {len(value):,} entries, at most {self.most:,} are read")
        return tuple(self._value(inner, each, f"{place}[{number}]") for number, each in enumerate(value))


_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
