"""How an error is told on a terminal: on one line; several faults on a line each, under the file that they are in."""

from __future__ import annotations

from evalkit.cli.output import warn_all
from evalkit.core.errors import UserError
from evalkit.core.faults import Faults
from evalkit.core.text import one_line

LONGEST = 4000
"""Characters of an error that are told."""

_LONGEST_OF_MANY = 1000
_MOST = 40
"""Faults that are told one by one."""

_WIDE = 78
"""Where a fault and its way out have more characters, the way out is on a line of its own."""


def complain(error: UserError, about: str = "") -> None:
    """Tell of an error on stderr; `about` is what it befell."""
    warn_all(complaint(error, about))


def complaint(error: UserError, about: str = "") -> list[str]:
    """The lines that tell of an error. What came from outside breaks none of them and is cut where it is long; of very
    many faults the rest is counted."""
    start = f"{about}: " if about else ""
    if not isinstance(error, Faults):
        return [one_line(f"{start}{error}", LONGEST)]
    files = error.by_file()
    count = sum(map(len, files.values()))
    alone = next(iter(files)) if len(files) == 1 else ""
    lines = [one_line(f"{start}{f'{alone}: ' if alone else ''}{count} faults", _LONGEST_OF_MANY)]
    told = 0
    for file, faults in files.items():
        nested = bool(file) and not alone
        if nested:
            lines.append(f"  {one_line(file, _LONGEST_OF_MANY)}")
        for sentence, hint in faults[: _MOST - told]:
            lines += _lines(sentence, hint, "    " if nested else "  ")
        told = min(_MOST, told + len(faults))
    return [*lines, *([f"  and {count - told} more"] if count > told else [])]


def _lines(sentence: str, hint: str, indent: str) -> list[str]:
    said, way_out = one_line(sentence, _LONGEST_OF_MANY), one_line(hint, _LONGEST_OF_MANY)
    if not way_out or len(indent) + len(said) + len(way_out) + 3 <= _WIDE:
        return [f"{indent}{said}{f' ({way_out})' if way_out else ''}"]
    return [f"{indent}{said}", f"{indent}    {way_out}"]
