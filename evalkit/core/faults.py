"""What is wrong with a file of ours, told all at once: keys that nobody reads, and whatever else its readers find.

A key that is ignored is a setting that is silently not made: `gruop` for `group` makes ten times as many clusters,
and an interval that is too narrow. So every reader of a table that a person writes says which keys it knows.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.core.errors import UserError

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
    named = ", ".join(f"{_shown(key)}{f' in {section.name}' if section.name else ''}" for section, key in told)
    plural = "s" if len(strange) > 1 else ""
    hints = dict.fromkeys(_nearest(section, key, len(told) > 1) for section, key in told)
    raise UserError(f"{where}: unknown key{plural} {named}{more}", "; ".join(hints))


def together(*readers: Callable[[], Any]) -> list[Any]:
    """What each of a file's readers returns. Where some raise a UserError, raises one that tells all of them."""
    values, errors = [], []
    for read in readers:
        try:
            values.append(read())
        except UserError as error:
            errors.append(error)
    if errors:
        raise _as_one(errors)
    return values


def _as_one(errors: list[UserError]) -> UserError:
    """One line: what they begin with in common, the file's name, is said once."""
    if len(errors) == 1:
        return errors[0]
    first = errors[0].message
    head = first[: first.find(": ") + 2]
    rest = [error.message.removeprefix(head) for error in errors[1:] if error.message != first]
    hints = dict.fromkeys(error.hint for error in errors if error.hint)
    return UserError("; ".join(dict.fromkeys([first, *rest])), "; ".join(hints))


def _nearest(section: Section, key: object, named: bool) -> str:
    close = difflib.get_close_matches(str(key)[:_LONGEST_KEY], list(section.known), n=2, cutoff=0.6)
    of = f" {_shown(key)}" if named else ""
    if close:
        return f"did you mean {' or '.join(close)}{f' instead of{of}' if of else ''}?"
    return f"known{f' in {section.name}' if section.name else ''}: {', '.join(sorted(section.known))}"


def _shown(key: object) -> str:
    text = repr(key)
    return text if len(text) <= _LONGEST_KEY else text[: _LONGEST_KEY - 1] + "…"
