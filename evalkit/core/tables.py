"""A table that a person wrote, read key by key: whatever is wrong with it is told in one go, each fault with its line.

Every reader of :class:`Table` takes a key that may be wrong, keeps the fault where it is, and returns something of the
right type, so that the reading goes on to the next; `settle` then raises all of it. A key that nobody asked for is a
setting that would silently not be made, and such a fault too: what is known of a table is what was asked of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.faults import Fault, Gathering, nearest, refuse, shown
from evalkit.core.toml_lines import KeyPath

_LOOKED_AT = 100
"""Unknown keys of a file whose nearest known one is looked for; a file may have a hundred thousand."""

_ABSENT = object()


@dataclass
class Report:
    """What is wrong with a file: its `name` in errors, the `lines` of its keys, and what was `found`, each fault with
    the path of its key (that of something else: None). The values of `spoiled` keys are told already; of a `torn` text
    some lines could not be read, so nobody can say what is `missing` {path of a key: how to write it}."""

    name: str
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    found: list[tuple[KeyPath | None, UserError]] = field(default_factory=list)
    missing: dict[KeyPath, str] = field(default_factory=dict)
    spoiled: set[KeyPath] = field(default_factory=set)
    torn: bool = False

    def fault(self, path: KeyPath, told: str, hint: str = "") -> None:
        self.found.append((path, Fault(self.name, self.line(path), f"{_prefix(path)}{told}", hint)))

    @contextmanager
    def also(self) -> Iterator[None]:
        """Keep a UserError of the block beside the file's own: it is about what the file names."""
        gathering = Gathering()
        with gathering.look():
            yield
        self.found += [(None, error) for error in gathering.errors]

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest table around it that has one; 0 where none has."""
        return next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), 0)


class Table:
    """One table of a file, or the file itself. A default stands for a key that is absent; without one it is missing."""

    def __init__(self, content: Mapping[str, Any], report: Report, path: KeyPath = (), absent: bool = False) -> None:
        """`path` leads to it in the file. Of an `absent` one nothing is told: it is told that it is."""
        self.report, self._content, self._path, self._absent = report, content, path, absent
        self._known: dict[str, None] = {}
        self._inner: list[Table] = []

    def text(self, key: str, default: str | None = None, empty: bool = False) -> str:
        """Text; of at least one letter unless it may be `empty`."""

        def fits(value: Any) -> bool:
            return isinstance(value, str) and (empty or bool(value.strip())) and "\0" not in value

        return str(self.read(key, fits, "text", default, "", f'add {key} = "..."'))

    def one_of(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        expected = f"one of {', '.join(choices)}"
        return str(self.read(key, lambda value: value in list(choices), expected, default, "", "", choices))

    def whole(self, key: str, default: int | None = None, least: int = 0) -> int:
        """A whole number of `least` or more; 8000.0 is none."""
        expected = "a whole number" if least == 0 else f"a whole number of {least} or more"

        def fits(value: Any) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and value >= least

        return int(self.read(key, fits, expected, default, least))

    def number(self, key: str, default: float | None = None) -> float:
        """A number above 0."""
        return float(self.read(key, is_positive, "a positive number", default, 1.0))

    def switch(self, key: str, default: bool = False) -> bool:
        return bool(self.read(key, lambda value: isinstance(value, bool), "true or false", default, default))

    def texts(self, key: str, what: str = "texts") -> tuple[str, ...]:
        """A list of texts, called `what` in errors; none where it is absent."""

        def fits(value: Any) -> bool:
            return isinstance(value, list) and all(isinstance(each, str) for each in value)

        return tuple(self.read(key, fits, f"a list of {what}", [], []))

    def read(
        self, key: str, fits: Callable[[Any], bool], expected: str, default: Any, blank: Any,
        hint: str = "", choices: Collection[str] = (),
    ) -> Any:  # fmt: skip
        """The value of a key where it `fits`; else the default, or `blank` where there is none, and what was `expected`
        is among the faults. `hint` says how to write a missing one, `choices` what a mistyped one may mean."""
        value = self._get(key)
        if value is _ABSENT and default is None:
            self.miss(key, hint)
        elif value is not _ABSENT and not fits(value):
            near = nearest(value, choices) if isinstance(value, str) else ""
            told = f"{key!r} is {_as_written(value)}, expected {expected}"
            self.fault(key, told, f"did you mean {near}?" if near else "")
        elif value is not _ABSENT:
            return value
        return blank if default is None else default

    def table(self, key: str, optional: bool = False) -> Table:
        """The table under a key; one that holds nothing where it is absent, or is none."""
        self.knows(key)
        return self._table(key, optional)

    def tables(self, known: Collection[str] | None = None) -> dict[str, Table]:
        """The table under every key that is there, whatever it is called; where the `known` names are given, a key of
        another name is unknown."""
        self.knows(*(self._content if known is None else known))
        return {key: self._table(key) for key in self._content}

    def free(self, key: str) -> dict[str, Any]:
        """The table under a key as it is written: somebody else knows its keys. Empty where it is absent."""
        found = self.table(key, optional=True)
        found.knows(*found._content)
        return dict(found._content)

    def names(self) -> list[str]:
        """The keys that are there."""
        return list(self._content)

    def holds(self, key: str) -> bool:
        """Is the key there?"""
        return key in self._content

    def has_table(self, key: str) -> bool:
        """Is the key there, with a table under it?"""
        return isinstance(self._content.get(key), Mapping)

    def knows(self, *keys: str) -> None:
        """These keys have a meaning, also where nothing asks for them."""
        self._known |= dict.fromkeys(keys)

    def rest(self) -> list[str]:
        """The keys that nothing has asked for so far."""
        return [key for key in self._content if key not in self._known]

    @property
    def is_sound(self) -> bool:
        """Has nothing been found that is wrong with this table, or in it, once all of it has been asked for?"""
        return not self._absent and not self.rest() and not self._faulty()

    def doubtful(self) -> set[str]:
        """The keys of which nobody knows what was meant, once all of the table has been asked for: with a fault, or in
        it, missing, or perhaps what an unknown key is a slip of. Of a table that is not there, every key."""
        if self._absent:
            return set(self._known)
        slips = {name for key in self.rest()[:_LOOKED_AT] for name in nearest(key, self._known).split(" or ")}
        return slips | {str(path[len(self._path)]) for path in self._faulty() if len(path) > len(self._path)}

    def _faulty(self) -> list[KeyPath]:
        paths = [*(path for path, _ in self.report.found if path is not None), *self.report.missing]
        return [path for path in paths if path[: len(self._path)] == self._path]

    def fault(self, key: str, told: str, hint: str = "") -> None:
        """Tell of a key, or with "" of the table itself."""
        if not self._absent:
            self.report.fault((*self._path, key) if key else self._path, told, hint)

    def miss(self, key: str, hint: str = "") -> None:
        """Tell that a key is missing, and how it is written."""
        path = (*self._path, key)
        if not self._absent and path not in self.report.spoiled:
            self.report.missing[path] = hint

    @contextmanager
    def at(self, key: str = "") -> Iterator[None]:
        """Tell a UserError of the block as one of this key, or of the table itself."""
        gathering = Gathering()
        with gathering.look():
            yield
        for error in gathering.errors:
            self.fault(key, error.message, error.hint)

    def settle(self) -> None:
        """Raises what is wrong with the file, all at once; to be called last, once everything has been asked for."""
        strangers = list(self._strangers())
        for table, key in strangers[:_LOOKED_AT]:
            table._refuse_stranger(key)
        if len(strangers) > _LOOKED_AT:
            self.report.fault((), f"and {len(strangers) - _LOOKED_AT:,} more unknown keys")
        for path, hint in self.report.missing.items() if not self.report.torn else ():
            self.report.fault(path, f"{str(path[-1])!r} is missing", hint)
        if self.report.found:
            refuse([error for _, error in self.report.found])

    def _strangers(self) -> Iterator[tuple[Table, str]]:
        yield from ((self, key) for key in self.rest())
        for table in self._inner:
            yield from table._strangers()

    def _refuse_stranger(self, key: str) -> None:
        """Where a key is missing that it may have been meant as, one fault is told, not two."""
        near = nearest(key, self._known)
        meant = next((name for name in near.split(" or ") if (*self._path, name) in self.report.missing), "")
        if meant:
            del self.report.missing[*self._path, meant]
        among = f" in [{dotted(self._path)}]" if self._path else ""
        told = f"unknown key {shown(key)}{among}{f', and {meant!r} is missing' if meant else ''}"
        known = f"known{among}: {', '.join(sorted(self._known))}"
        line = self.report.lines.get((*self._path, key), 0)
        hint = f"did you mean {near}?" if near else known
        self.report.found.append(((*self._path, key), Fault(self.report.name, line, told, hint)))

    def _get(self, key: str) -> Any:
        self.knows(key)
        return _ABSENT if (*self._path, key) in self.report.spoiled else self._content.get(key, _ABSENT)

    def _table(self, key: str, optional: bool = True) -> Table:
        value = self._content.get(key, _ABSENT)
        if value is _ABSENT and not optional:
            self.miss(key, f"add a section [{dotted((*self._path, key))}]")
        elif value is not _ABSENT and not isinstance(value, Mapping):
            self.fault(key, f"{key!r} is {_as_written(value)}, expected a table")
        is_table = isinstance(value, Mapping)
        found = Table(value if is_table else {}, self.report, (*self._path, key), self._absent or not is_table)
        self._inner.append(found)
        return found


def is_positive(value: Any) -> bool:
    """Is this a number above 0 that is finite? True is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _as_written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else shown(value)


def dotted(path: KeyPath) -> str:
    """The path of a key as a person writes it."""
    return ".".join(str(part) if len(str(part)) <= 60 else f"{str(part)[:59]}…" for part in path)


def _prefix(path: KeyPath) -> str:
    """What stands before a fault of a key: the table that it is in."""
    return f"[{dotted(path[:-1])}]: " if path[:-1] else ""
