"""What is wrong with a file of ours, told all at once: keys that nobody reads, and whatever else its readers find.

A key that is ignored is a setting that is silently not made: `gruop` for `group` makes ten times as many clusters,
and an interval that is too narrow. So every reader of a table that a person writes says which keys it knows.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.core.errors import Several, UserError

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
    named = ", ".join(f"{shown_key(key)}{f' in {section.name}' if section.name else ''}" for section, key in told)
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


def several(where: str, errors: Sequence[UserError]) -> UserError:
    """The one error, or all of them as one."""
    return errors[0] if len(errors) == 1 else Several(where, errors)


def _as_one(errors: list[UserError]) -> UserError:
    """One line: what they begin with in common, the file's name, is said once."""
    first = errors[0].message
    head = first[: first.find(": ")] if ": " in first else ""
    shared = bool(head) and all(error.message.startswith(f"{head}: ") for error in errors)
    return several(head if shared else "", errors)


def nearest(key: object, known: Collection[str], named: str = "", of: str = "") -> str:
    """What may have been meant by a key that nothing reads, or which keys there are."""
    close = difflib.get_close_matches(str(key)[:_LONGEST_KEY], list(known), n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}{of}?"
    return f"known{named}: {', '.join(sorted(known))}"


def _nearest(section: Section, key: object, named: bool) -> str:
    where = f" in {section.name}" if section.name else ""
    return nearest(key, section.known, where, f" instead of {shown_key(key)}" if named else "")


def shown_key(key: object) -> str:
    """A key as an error shows it: a stranger's may have megabytes."""
    text = repr(key)
    return text if len(text) <= _LONGEST_KEY else text[: _LONGEST_KEY - 1] + "…"
