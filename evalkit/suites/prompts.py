"""Prompt files: CSV with a header line, or JSON lines; UTF-8.

A prompt file may hold anything. It is read strictly: the first thing wrong with it is one
:class:`UserError` that names the file and the line. Hostile *ids* (`../x`, 300 characters, `CON`) are
fine here: :func:`evalkit.core.ids.safe_name` makes them harmless.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.jsonio import parse_json
from evalkit.core.reading import read_text
from evalkit.suites.base import Columns, Prompt

LONGEST_SECONDS = 3600.0
"""No text-to-audio model makes an hour; a larger number is a slip (samples or milliseconds)."""

MOST_BYTES = 64 << 20
"""The largest prompt file; AudioCaps' 4,875 prompts are 400 kB."""

MOST_PROMPTS = 200_000

_COLUMN = re.compile(r"[A-Za-z][\w .-]{0,39}")
_COLUMNS_TOLD = 12


@dataclass(frozen=True)
class _Row:
    """One record of a prompt file and where it starts."""

    where: str
    line: int
    fields: Mapping[str, Any]


def read_prompts(path: Path, columns: Columns) -> list[Prompt]:
    """Every prompt of a `.csv` or `.jsonl` file, in the file's order.

    Raises UserError, naming the file and line: not UTF-8, NUL, broken line, missing field, empty text,
    length not in (0, 3600] s, an id used twice (both lines are named), or no prompts at all.
    """
    readers = {".csv": _csv_rows, ".jsonl": _json_rows}
    if path.suffix.lower() not in readers:
        raise UserError(f"{path}: a prompt file must be .csv or .jsonl")
    rows = readers[path.suffix.lower()](path, read_text(path, MOST_BYTES, "prompt file"))
    prompts: list[Prompt] = []
    lines: dict[str, int] = {}
    for row in rows:
        prompt = _prompt(row, columns)
        if prompt.id in lines:
            raise UserError(f"{path}: id {_short(prompt.id)} is on line {lines[prompt.id]} and on line {row.line}")
        lines[prompt.id] = row.line
        if len(lines) > MOST_PROMPTS:
            raise UserError(f"{path}: holds more than {MOST_PROMPTS:,} prompts", "split it into several suites")
        prompts.append(prompt)
    if not prompts:
        raise UserError(f"{path}: holds no prompts")
    return prompts


def _csv_rows(path: Path, text: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for values in reader:
            where, start, line = f"{path}, line {line}", line, reader.line_num + 1
            if not values:
                continue
            if header is None:
                header = values
                if len(set(header)) != len(header):
                    raise UserError(f"{where}: a column's name is used twice")
            elif len(values) != len(header):
                raise UserError(f"{where}: has {len(values)} fields, the header has {len(header)}")
            else:
                yield _Row(where, start, dict(zip(header, values, strict=True)))
    except csv.Error as error:
        raise UserError(f"{path}, line {line}: is not CSV: {error}") from None


def _json_rows(path: Path, text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        fields = parse_json(line.encode("utf-8", "surrogatepass"), where)
        if not isinstance(fields, dict):
            raise UserError(f"{where}: is not a JSON object")
        yield _Row(where, number, fields)


def _prompt(row: _Row, columns: Columns) -> Prompt:
    identifier = _words(row, columns.id)
    return Prompt(
        id=identifier,
        text=_words(row, columns.text),
        seconds=_seconds(row, columns.seconds),
        group=identifier if columns.group is None else _words(row, columns.group),
        labels=() if columns.labels is None else _labels(row, columns.labels),
    )


def _field(row: _Row, column: str) -> Any:
    value = row.fields.get(column)
    if value is None:
        raise UserError(f"{row.where}: has no {column!r}", _columns_told(row.fields))
    return value


def _columns_told(fields: Mapping[str, Any]) -> str:
    """The names of the columns, where they are names. A manifest of a stranger may say that `/etc/passwd` is its prompt
    file, or that a link to it is: no line of such a file is to be printed."""
    names = list(map(str, fields))[:_COLUMNS_TOLD]
    plain = [name for name in names if _COLUMN.fullmatch(name)]
    return f"columns here: {', '.join(plain)}" if len(plain) == len(names) > 1 else ""


def _words(row: _Row, column: str) -> str:
    value = _field(row, column)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise UserError(f"{row.where}: {column!r} is not text")
    if not value.strip():
        raise UserError(f"{row.where}: {column!r} is empty")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise UserError(f"{row.where}: {column!r} holds a NUL or half of a surrogate pair")
    return value


def _seconds(row: _Row, column: str | float) -> float:
    value = _field(row, column) if isinstance(column, str) else column
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 < seconds <= LONGEST_SECONDS:
        raise UserError(f"{row.where}: seconds is {_short(value)}", "it must be above 0 and at most 3600")
    return seconds


def _labels(row: _Row, column: str) -> tuple[str, ...]:
    value = _field(row, column)
    parts = value.split(";") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise UserError(f"{row.where}: {column!r} is neither text nor a list of text")
    return tuple(part.strip() for part in parts if part.strip())


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
