"""A table that a person wrote, while it is read: its values as they should be, and whatever is wrong, with its line.

A reader asks for the values it needs and goes on after a fault, with a value that stands in; at the end
:meth:`Faults.refuse` tells all faults of the file together. What stands in is never used, as no reader returns then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError, close_names
from evalkit.core.faults import nearest, several, shown_key
from evalkit.core.toml_lines import line_of


@dataclass
class Faults:
    """What is wrong with the file `where`; `lines` {path of a key: its line}."""

    where: Path
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    found: list[tuple[int, UserError]] = field(default_factory=list)

    def add(self, path: tuple[str, ...], text: str, hint: str = "") -> None:
        """A sentence about the key at `path`, or about the nearest table around it that is there."""
        self.found.append((line_of(self.lines, path), UserError(text, hint)))

    def refuse(self) -> None:
        """Raises one UserError for all of them, in the order of their lines, where there are any."""
        if not self.found:
            return
        errors = []
        for line, error in sorted(self.found, key=lambda each: each[0]):
            at = f", line {line}" if line else ""
            errors.append(UserError(f"{self.where}{at}: {error.message}", error.hint))
        raise several(str(self.where), errors)


class Sheet:
    """One table of a file. Every method returns a value of the type that it says, whatever the file holds."""

    def __init__(self, table: Mapping[str, Any], faults: Faults, at: tuple[str, ...] = ()) -> None:
        self.table, self.faults, self.at = table, faults, at
        self.name = f"[{'.'.join(at)}]" if at else ""

    def fault(self, key: str, text: str, hint: str = "") -> None:
        """A sentence about `key`, which it need not hold; "" is the table itself."""
        subject = " ".join(part for part in (self.name, key) if part)
        self.faults.add((*self.at, key) if key else self.at, f"{subject} {text}".strip(), hint)

    def known(self, keys: Collection[str]) -> None:
        """Keys that nothing reads are faults, each with the nearest known ones."""
        for key in self.table:
            if key not in keys:
                told = f"unknown key {shown_key(key)}{f' in {self.name}' if self.name else ''}"
                self.faults.add((*self.at, key), told, nearest(key, keys, f" in {self.name}" if self.name else ""))

    def text(self, key: str, default: str | None = None, empty: bool = False) -> str:
        """Text, of at least one letter unless it may be `empty`; `default` where the key is absent, None: it must be
        there."""
        value = self.table.get(key, default)
        if isinstance(value, str) and (empty or value.strip()):
            return value
        self.fault(key, "is missing" if value is None else f"is {_short(value)}, not text", f'{key} = "..."')
        return default or ""

    def one_of(self, key: str, choices: Collection[str], default: str) -> str:
        value = self.table.get(key, default)
        if isinstance(value, str) and value in choices:
            return value
        near = close_names(value, choices) if isinstance(value, str) else ""
        hint = f"did you mean {near}?" if near else f"it must be one of {', '.join(choices)}"
        self.fault(key, f"is {_short(value)}", hint)
        return default

    def count(self, key: str, least: int = 0) -> int:
        """A whole number of `least` or more; 0 where the key is absent."""
        value = self.table.get(key, 0)
        if isinstance(value, int) and not isinstance(value, bool) and (key not in self.table or value >= least):
            return value
        self.fault(key, f"is {_short(value)}, not a whole number{f' of {least} or more' if least else ''}")
        return 0

    def names(self, key: str) -> list[str]:
        """A list of texts; [] where the key is absent."""
        value = self.table.get(key, [])
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return value
        self.fault(key, f"is {_short(value)}, not a list of texts")
        return []

    def sheet(self, key: str, optional: bool = False) -> Sheet:
        """The table `key` of this one; an empty one stands in."""
        value = self.table.get(key, {} if optional else None)
        if not isinstance(value, dict):
            told = "is missing" if value is None else f"is {_short(value)}, not a table"
            self.faults.add((*self.at, key), f"[{'.'.join((*self.at, key))}] {told}")
            value = {}
        return Sheet(value, self.faults, (*self.at, key))

    def ask(self, key: str, reader: Any, *given: Any) -> Any:
        """What `reader(*given)` returns; None where it raises a UserError, which is a fault of `key` then."""
        try:
            return reader(*given)
        except UserError as error:
            self.faults.add((*self.at, key) if key else self.at, error.message, error.hint)
            return None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
