"""What is wrong with a file of ours, told all at once: keys that nobody reads, and whatever else its readers find.

A key that is ignored is a setting that is silently not made: `gruop` for `group` makes ten times as many clusters,
and an interval that is too narrow. So every reader of a table that a person writes says which keys it knows.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, ParamSpec, TypeVar

from evalkit.core.errors import UserError

P = ParamSpec("P")
T = TypeVar("T")
_TOLD = 8
"""Keys that are named one by one."""

_LONGEST_KEY = 60


@dataclass(frozen=True)
class Section:
    """A table of a file, as errors call it ("" for the file itself), and the keys that are read of it. What is no
    table is nobody's here: whoever reads it says so."""

    name: str
    table: object
    known: Collection[str]


def refuse_unknown(where: object, *sections: Section) -> None:
    """Raises one UserError for all keys of these tables that nothing reads, each with the nearest known ones."""
    strange = [
        (section, key)
        for section in sections
        if isinstance(section.table, Mapping)
        for key in section.table
        if key not in section.known
    ]
    if not strange:
        return
    told = strange[:_TOLD]
    more = f" and {len(strange) - _TOLD} more" if len(strange) > _TOLD else ""
    named = ", ".join(f"{shown(key)}{f' in {section.name}' if section.name else ''}" for section, key in told)
    plural = "s" if len(strange) > 1 else ""
    hints = dict.fromkeys(_nearest(section, key, len(told) > 1) for section, key in told)
    raise UserError(f"{where}: unknown key{plural} {named}{more}", "; ".join(hints))


class Fault(UserError):
    """Something wrong in a file of ours: `told` of its `line`, 0 where it is about the whole file, and `column`."""

    def __init__(self, file: object, line: int, told: str, hint: str = "", column: int = 0) -> None:
        self.file, self.line, self.told = str(file), line, told
        self.place = (f"line {line}" if line else "") + (f", column {column}" if line and column else "")
        super().__init__(f"{file}{f', {self.place}' if line else ''}: {told}", hint)

    @property
    def in_its_file(self) -> str:
        """The message without the file's name."""
        return f"{f'{self.place}: ' if self.place else ''}{self.told}"


class Faults(UserError):
    """Several things that the person can put right, told at once: as one line like any error, or one by one."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        self.errors = tuple(errors)
        if any(isinstance(each, Fault) for each in errors):
            super().__init__(
                "; ".join(f"{file}{': ' if file else ''}{_joined(told)}" for file, told in self.by_file().items())
            )
        else:
            super().__init__(_said_once(errors), "; ".join(dict.fromkeys(each.hint for each in errors if each.hint)))

    def by_file(self) -> dict[str, list[tuple[str, str]]]:
        """{file: (sentence, way out) of each fault in it, in the order of their lines}; under "" what is about no file
        of ours."""
        of: dict[str, list[UserError]] = {}
        for each in self.errors:
            of.setdefault(each.file if isinstance(each, Fault) else "", []).append(each)
        return {file: list(dict.fromkeys(map(_told, sorted(found, key=_line)))) for file, found in of.items()}


def _line(error: UserError) -> int:
    return error.line if isinstance(error, Fault) else 0


def _told(error: UserError) -> tuple[str, str]:
    return error.in_its_file if isinstance(error, Fault) else error.message, error.hint


class Gathering:
    """What is wrong with something, gathered while its parts are looked at, so that all of it is told at once."""

    def __init__(self, known: Sequence[UserError] = ()) -> None:
        self.errors: list[UserError] = []
        for each in known:
            self.add(each)

    def add(self, error: UserError) -> None:
        found = error.errors if isinstance(error, Faults) else (error,)
        known = {str(each) for each in self.errors}
        self.errors += [each for each in found if str(each) not in known]

    def require(self, holds: bool, told: str, hint: str = "") -> None:
        """Keep a fault, told so, where something does not hold."""
        if not holds:
            self.add(UserError(told, hint))

    @contextmanager
    def look(self) -> Iterator[None]:
        """Keep the UserError of the block."""
        try:
            yield
        except UserError as error:
            self.add(error)

    def read(self, instead: T, reader: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """What a reader makes of its arguments, or `instead` where it raises a UserError, which is kept."""
        try:
            return reader(*args, **named)
        except UserError as error:
            self.add(error)
            return instead

    def settle(self) -> None:
        """Raises what was gathered: the one error itself, or Faults."""
        if self.errors:
            refuse(self.errors)


def refuse(errors: Sequence[UserError]) -> NoReturn:
    """Raise one error as itself, several as Faults."""
    raise errors[0] if len(errors) == 1 else Faults(errors)


def together(*readers: Callable[[], Any]) -> list[Any]:
    """What each of a file's readers returns. Where some raise a UserError, raises one that tells all of them."""
    values, gathering = [], Gathering()
    for read in readers:
        with gathering.look():
            values.append(read())
    gathering.settle()
    return values


def _joined(told: Sequence[tuple[str, str]]) -> str:
    return "; ".join(f"{sentence}{f' ({hint})' if hint else ''}" for sentence, hint in told)


def _said_once(errors: Sequence[UserError]) -> str:
    """One line: what they begin with in common, the file's name, is said once."""
    first = errors[0].message
    file, colon, _ = first.partition(": ")
    head = f"{file}{colon}" if colon else ""
    return "; ".join(dict.fromkeys([first, *(error.message.removeprefix(head) for error in errors[1:])]))


def nearest(key: object, known: Collection[str]) -> str:
    """The known keys that a mistyped one may mean, as `a or b`; "" where none is near."""
    return " or ".join(difflib.get_close_matches(str(key)[:_LONGEST_KEY], list(known), n=2, cutoff=0.6))


def _nearest(section: Section, key: object, named: bool) -> str:
    close = nearest(key, section.known)
    of = f" {shown(key)}" if named else ""
    if close:
        return f"did you mean {close}{f' instead of{of}' if of else ''}?"
    return f"known{f' in {section.name}' if section.name else ''}: {', '.join(sorted(section.known))}"


def shown(key: object) -> str:
    """A key or value as an error shows it: on one line, not for long."""
    text = repr(key)
    return text if len(text) <= _LONGEST_KEY else text[: _LONGEST_KEY - 1] + "…"
