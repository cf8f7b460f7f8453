"""The prompts of a table: which of its columns is which, and what a value must be.

A prompt file may hold anything. It is read strictly: everything that is wrong with it is one :class:`UserError` that
names the file and the lines. Hostile *ids* (`../x`, 300 characters, `CON`) are fine here:
:func:`evalkit.core.ids.safe_name` makes them harmless.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from evalkit.core.errors import UserError
from evalkit.suites.base import Columns, Prompt
from evalkit.suites.rows import Faults, Row, Table

LEAST_SECONDS, LONGEST_SECONDS = 0.001, 3600.0
"""No text-to-audio model makes an hour; a larger number is a slip (samples or milliseconds), and a smaller one too: of
less than a millisecond there may be no sample."""

LONGEST_LYRICS = 20_000
"""A model reads a tenth of it; ten minutes of rap have 10,000 characters."""

_COLUMN = re.compile(r"[A-Za-z][\w .-]{0,39}")
_COLUMNS_TOLD = 12
_DECIMAL_COMMA = re.compile(r"(\d+),(\d{1,2}|\d{4,})")
"""`10,0`, as spreadsheets of half of Europe write it; three digits may be thousands, and are not guessed."""

_NO_TEXT = frozenset(("nan", "null", "none", "n/a", "#n/a", "<na>"))
"""What programs write into the cell of a value that is missing."""


def prompts_of(table: Table, columns: Columns) -> list[Prompt]:
    """Every prompt of a table that `evalkit.suites.rows` read, one a row, in its order.

    Raises UserError, naming the file and the lines: NUL, broken line, missing field, empty text, length not
    in (0, 3600] s, an id used twice (both lines are named), or no prompts at all.
    """
    faults = table.faults
    prompts: dict[str, Prompt] = {}
    lines: dict[str, int] = {}
    for row in table.rows:
        prompt = _prompt(row, columns, faults)
        value = row.fields.get(columns.id)
        identifier = str(value) if isinstance(value, str | int) else ""
        if identifier in lines:
            unit = faults.unit
            faults.add(None, f"id {_short(identifier)} is on {unit} {lines[identifier]} and on {unit} {row.number}")
        elif identifier.strip():  # of a row with other faults too
            lines[identifier] = row.number
        if prompt is not None:
            prompts[prompt.id] = prompt
    faults.refuse()
    if not prompts:
        raise UserError(f"{table.path}: holds no prompts")
    return list(prompts.values())


def _prompt(row: Row, columns: Columns, faults: Faults) -> Prompt | None:
    """The prompt of a row, or None where one of its fields is none; every such field is among the faults."""
    before = len(faults)
    read = partial(_read, row, faults)
    identifier, text = read(columns.id, words), read(columns.text, caption)
    seconds = read(columns.seconds, length) if isinstance(columns.seconds, str) else _constant(columns.seconds, faults)
    group = identifier if columns.group is None else read(columns.group, words)
    labels = () if columns.labels is None else read(columns.labels, classes)
    sung = None if columns.lyrics is None else row.fields.get(columns.lyrics)
    lyrics = "" if sung is None or sung != sung else read(str(columns.lyrics), words_sung)
    return Prompt(identifier, text, seconds, group, labels, lyrics=lyrics) if len(faults) == before else None


def _read(row: Row, faults: Faults, column: str, reader: Callable[[Any], Any]) -> Any:
    value = row.fields.get(column)
    if value is None:
        faults.add(row.number, f"has no {column!r}", columns_told(row.fields))
        return None
    try:
        return reader(value)
    except UserError as error:
        subject = "seconds" if reader is length else repr(column)
        faults.add(row.number, f"{subject} {error.message}", error.hint)
        return None


def _constant(seconds: float, faults: Faults) -> float:
    """One length for all prompts; 0: nothing says how long they are to be."""
    try:
        return length(seconds) if seconds != 0 else 0.0
    except UserError as error:
        faults.add(None, f"seconds {error.message}", error.hint)
        return 0.0


def columns_told(fields: Mapping[str, Any]) -> str:
    """The names of the columns, where they are names. A manifest of a stranger may say that `/etc/passwd` is its prompt
    file, or that a link to it is: no line of such a file is to be printed."""
    names = list(map(str, fields))[:_COLUMNS_TOLD]
    plain = [name for name in names if _COLUMN.fullmatch(name)]
    return f"columns here: {', '.join(plain)}" if len(plain) == len(names) > 1 else ""


def words(value: object) -> str:
    """A text, or a whole number as text. Raises UserError, a sentence about the value, for what is none or is empty."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise UserError("is not text")
    if not value.strip():
        raise UserError("is empty")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise UserError("holds a NUL or half of a surrogate pair")
    return value


def caption(value: object) -> str:
    """A text that is no program's word for a missing value. Raises UserError as `words` does."""
    text = words(value)
    if text.strip().casefold() in _NO_TEXT:
        raise UserError(f"is {_short(text)}, which stands for a value that is missing")
    return text


def words_sung(value: object) -> str:
    """Lyrics, their lines parted by \\n; "" for what stands for none. Raises UserError as `words` does."""
    if not isinstance(value, str):
        raise UserError("is not text", "lyrics are one text with line breaks; call a column of another kind otherwise")
    text = "\n".join(value.splitlines()).strip()
    if text.casefold() in _NO_TEXT:
        return ""
    if len(text) > LONGEST_LYRICS:
        raise UserError(f"has {len(text):,} characters, at most {LONGEST_LYRICS:,} are read")
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" for letter in text):
        raise UserError("holds a control character or half of a surrogate pair")
    return text


def length(value: Any) -> float:
    """Seconds, from 0.001 to 3600. Raises UserError as `words` does."""
    decimal = _DECIMAL_COMMA.fullmatch(value.strip()) if isinstance(value, str) else None
    if decimal:
        value = ".".join(decimal.groups())
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not LEAST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise UserError(f"is {_short(value)}", f"it must be at least {LEAST_SECONDS:g} and at most {LONGEST_SECONDS:g}")
    return seconds


def classes(value: object) -> tuple[str, ...]:
    """Names of classes: a list of them, or one text with `;` between them. Raises UserError as `words` does."""
    parts = value.split(";") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise UserError("is neither text nor a list of text")
    return tuple(part.strip() for part in parts if part.strip())


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
