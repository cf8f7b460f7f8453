"""The further columns of a prompt file, which scores can be sliced by: read without trusting them, within bounds.

A column is numbers where every value is one, tags where its values are lists (of JSON, as JSON or Python writes them
in a text, or of Parquet), and text otherwise. They are no part of what a prompt is: not of a suite's digest, nor of a
run's identity. A column that cannot be carried is left out with a reason.
"""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from evalkit.core.errors import UserError
from evalkit.core.jsonio import parse_json
from evalkit.core.text import one_line
from evalkit.suites.base import Columns, Prompt, Value
from evalkit.suites.rows import Row

MOST_COLUMNS = 32
MOST_LOOKED_AT = 64
LONGEST_NAME = 60
LONGEST_TEXT = 200
MOST_TAGS = 64
MOST_CHARACTERS = 16 << 20
"""Of all carried columns together."""

_OWN = 50
"""Prompts from which on a text that is another one for each of them is a name, by which nothing can be sliced."""

_LARGEST = 1e100
_MISSING = frozenset(("", "nan", "null", "none", "n/a", "#n/a", "<na>"))
_LONGEST_LIST = 20_000
_NUMBER = re.compile(r"[+-]?(?=[\d.,])(?:0|[1-9]\d*)?(?:\.\d+|,(?:\d{1,2}|\d{4,}))?(?:[eE][+-]?\d{1,3})?", re.ASCII)
"""A decimal comma is one; before three digits it may part thousands, and nothing is guessed."""

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_PYTHON_LIST = re.compile(rf"\[\s*(?:(?:{_QUOTED})\s*(?:,\s*(?:{_QUOTED})\s*)*)?,?\s*\]")

Kind = Literal["text", "number", "tags"]


@dataclass(frozen=True)
class Further:
    """`prompts` with their values of the further columns; `kinds` {column: what its values are} are those that are
    carried, and `left_out` {column: reason} the others."""

    prompts: Sequence[Prompt]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def of_suite(self) -> dict[str, Any]:
        """The fields of a Suite that say it."""
        return {"columns": self.kinds, "columns_left_out": self.left_out}

    @property
    def told(self) -> str:
        """Which columns are carried, in a sentence; "" where the file has none."""
        if not self.kinds and not self.left_out:
            return ""
        carried = ", ".join(f"{one_line(name)} ({kind})" for name, kind in self.kinds.items())
        without = "; ".join(f"{one_line(name, LONGEST_NAME)}: {reason}" for name, reason in self.left_out.items())
        return f"columns for --by: {carried or 'none'}" + (f"; left out: {without}" if without else "")


class _Unfit(Exception):
    """Why a column is not carried, in words that end a sentence."""


def further_of(prompts: Sequence[Prompt], rows: Sequence[Row], names: Iterable[str], columns: Columns) -> Further:
    """The prompts of these rows, one each, with what the file's other columns `names` say of them. The text, the id
    and the lyrics are none of these, and labels and seconds only under other names than these, as they can be sliced by
    anyway."""
    known = {columns.id, columns.text, columns.lyrics} | {
        each for each in ("labels", "seconds") if getattr(columns, each) == each
    }
    asked = [name for name in names if name not in known]
    found: dict[str, Sequence[Value | None]] = {}
    kinds: dict[str, Kind] = {}
    left_out: dict[str, str] = {}
    room = MOST_CHARACTERS
    for name in asked[:MOST_LOOKED_AT]:
        try:
            _require_name(name)
            if len(kinds) == MOST_COLUMNS:
                raise _Unfit(f"{MOST_COLUMNS} columns are carried at most")
            kind, values = _column([row.fields.get(name) for row in rows])
            room -= (size := sum(map(_characters, values)))
            if room < 0:
                room += size
                raise _Unfit(f"the columns together would hold more than {MOST_CHARACTERS:,} characters")
            kinds[name], found[name] = kind, values
        except _Unfit as reason:
            left_out[one_line(name, LONGEST_NAME)] = str(reason)
    if len(asked) > MOST_LOOKED_AT:
        left_out[f"{len(asked) - MOST_LOOKED_AT:,} more"] = f"{MOST_LOOKED_AT} columns are looked at"
    told = [
        replace(prompt, further=tuple((name, value) for name in kinds if (value := found[name][place]) is not None))
        for place, prompt in enumerate(prompts)
    ]
    return Further(told if kinds else prompts, kinds, left_out)


def _require_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise _Unfit(f"its name is longer than {LONGEST_NAME} characters")
    if not name.isprintable() or name != one_line(name):
        raise _Unfit("its name is not printable")


def _column(cells: Sequence[Any]) -> tuple[Kind, Sequence[Value | None]]:
    known = [None if _is_missing(cell) else cell for cell in cells]
    there = [cell for cell in known if cell is not None]
    if not there:
        raise _Unfit("it is empty")
    lists = [each if isinstance(each, list) else _listed(each) for each in there]
    if all(each is not None for each in lists):
        return "tags", [None if cell is None else _tags(cell) for cell in known]
    if any(isinstance(each, list | dict | bytes) for each in there):
        raise _Unfit("it holds objects" if any(isinstance(each, dict | bytes) for each in there) else "it mixes lists")
    if all(_number(each) is not None for each in there):
        return "number", [None if cell is None else _number(cell) for cell in known]
    texts = [None if cell is None else _text(cell) for cell in known]
    if len(there) > _OWN and len({each for each in texts if each is not None}) == len(there):
        raise _Unfit("every prompt has a value of its own")
    return "text", texts


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, float):
        return cell != cell
    return cell is None or (isinstance(cell, str) and cell.strip().casefold() in _MISSING)


def _number(cell: Any) -> float | None:
    """None for what is no number: also for what has zeros before it, as codes do."""
    if isinstance(cell, str):
        written = cell.strip()
        if len(written) > LONGEST_TEXT or not _NUMBER.fullmatch(written) or not written[-1:].isdigit():
            return None
        cell = float(written.replace(",", "."))
    if isinstance(cell, bool) or not isinstance(cell, int | float | decimal.Decimal):
        return None
    try:
        found = float(cell)
    except (OverflowError, ValueError):
        return None
    return found if abs(found) < _LARGEST else None


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if not isinstance(cell, str | int | float | decimal.Decimal | datetime.date | datetime.time | datetime.timedelta):
        raise _Unfit("it holds objects")
    if isinstance(cell, int) and cell.bit_length() > 4 * LONGEST_TEXT:
        raise _Unfit(f"it holds numbers of more than {LONGEST_TEXT} digits")
    written = str(cell)
    if len(written) > LONGEST_TEXT:
        raise _Unfit(f"it holds texts of more than {LONGEST_TEXT} characters")
    return one_line(written)


def _tags(cell: Any) -> tuple[str, ...] | None:
    values = cell if isinstance(cell, list) else _listed(cell) or []
    if len(values) > MOST_TAGS:
        raise _Unfit(f"it holds lists of more than {MOST_TAGS}")
    return tuple(dict.fromkeys(_text(each) for each in values if not _is_missing(each))) or None


def _listed(cell: Any) -> list[Any] | None:
    """The list that a text is: as JSON writes it, or as Python writes one of texts; None where it is none."""
    if not isinstance(cell, str) or len(cell) > _LONGEST_LIST or not cell.lstrip().startswith("["):
        return None
    try:
        found = parse_json(cell.encode("utf-8", "surrogatepass"), "")
        return found if isinstance(found, list) else None
    except UserError:
        if not _PYTHON_LIST.fullmatch(cell.strip()):
            return None
        return [re.sub(r"\\(.)", r"\1", each[1:-1]) for each in re.findall(_QUOTED, cell)]


def _characters(value: Value | None) -> int:
    if isinstance(value, tuple):
        return sum(map(len, value))
    return len(value) if isinstance(value, str) else 0
