"""Tables of prompts as people have them, read into rows: CSV, TSV, JSON lines, JSON and Parquet.

CSV is told by its header: separated by commas, semicolons (as spreadsheets of half of Europe write it) or tabs; with
none of them it has one column, and a line is one value, commas and all; where a space follows each separator of the
header, none of these is a part of a value. JSON is a list of objects or of texts, {id: text}, {id: {...}}, one list of
objects among other facts, a table by its columns as pandas writes it, or JSON lines; which of the two suffixes it has
does not matter. UTF-8, or what the file's mark says. Rows without a word in them are passed over, and counted.

A file may hold anything. What is wrong with it is gathered, so that all of it can be told at once.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.jsonio import parse_json
from evalkit.core.paths import is_folder
from evalkit.core.reading import read_bytes, read_text
from evalkit.store.tables import parse_columns

MOST_BYTES = 64 << 20
"""The largest prompt file; AudioCaps' 4,875 prompts are 400 kB."""

MOST_PROMPTS = 200_000

KEY = "id"
"""The column that the keys of a JSON object are taken as; where its values have one of that name, it is `key`."""

TEXT = "prompt"
"""The column that texts of a JSON file are taken as where nothing names them."""

TEXTS = ("prompt", "caption", "text", "description", "captions", "prompts", "caption_1", "sentence")
"""The names of a column of prompts, the likeliest first."""

_SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
_SEPARATORS = ",;\t"
_QUOTED_LATE = re.compile(r'[ \t]+".')
"""`id, "a text"`: as CSV has it, the quotes are a part of the text."""

_NO_SEPARATOR = "\x1f"
_LINES = (".jsonl", ".ndjson")
_LINES_TOLD = 3
_FAULTS_TOLD = 40
_HINTS_TOLD = 3


@dataclass(frozen=True)
class Row:
    """One record: `number` is its line in a CSV or JSONL file, else its place, counted from 1."""

    number: int
    fields: Mapping[str, Any]


@dataclass
class Faults:
    """What is wrong with the rows of a file; the same fault of many rows is told once, with the first of them."""

    path: Path
    unit: str = "line"
    found: dict[str, list[int]] = field(default_factory=dict)
    hints: dict[str, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(max(1, len(numbers)) for numbers in self.found.values())

    def add(self, number: int | None, fault: str, hint: str = "") -> None:
        """A sentence on row `number`, or on the file."""
        self.found.setdefault(fault, []).extend([] if number is None else [number])
        if hint:
            self.hints[hint] = None

    def refuse(self) -> None:
        """Raises one UserError for all of them, where there are any."""
        if not self.found:
            return
        told = [f"{self._where(numbers)}{fault}" for fault, numbers in self.found.items()]
        more = f"; and {len(told) - _FAULTS_TOLD} faults more" if len(told) > _FAULTS_TOLD else ""
        separator = ", " if len(told) == 1 and any(self.found.values()) else ": "
        hints = "; ".join(list(self.hints)[:_HINTS_TOLD])
        raise UserError(f"{self.path}{separator}{'; '.join(told[:_FAULTS_TOLD])}{more}", hints)

    def _where(self, numbers: Sequence[int]) -> str:
        if not numbers:
            return ""
        shown = ", ".join(map(str, numbers[:_LINES_TOLD]))
        more = f" and {len(numbers) - _LINES_TOLD:,} more" if len(numbers) > _LINES_TOLD else ""
        unit = self.unit if len(numbers) == 1 else {"entry": "entries"}.get(self.unit, f"{self.unit}s")
        return f"{unit} {shown}{more}: "


@dataclass(frozen=True)
class Table:
    """The rows of a file, the names of its columns in their order, what is wrong with it so far, and how many rows were
    passed over, as nothing stands in them."""

    path: Path
    columns: Sequence[str]
    rows: Sequence[Row]
    faults: Faults
    blank: int = 0


def read_rows(path: Path) -> Table:
    """Every row of a prompt file. Raises UserError, naming the file, where it is none of these, is not UTF-8, cannot
    be read as what its name says, or holds more than `MOST_PROMPTS` rows."""
    if is_folder(path):
        raise UserError(f"{path}: is a folder, and no prompt file", _prompt_files_in(path))
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        way_out = "its suffix says which it is"
        if path.suffix.lower() in _SPREADSHEETS:
            way_out = "save the sheet as CSV"
        raise UserError(f"{path}: a prompt file must be {', '.join(_READERS)}", way_out)
    faults, blank = Faults(path), 0
    rows: list[Row] = []
    columns: dict[str, None] = {}
    for row in reader(path, faults):
        if any(value is not None and value != "" for value in row.fields.values()):
            rows.append(row)
            columns.update(dict.fromkeys(row.fields))
        else:
            blank += 1
        if len(rows) > MOST_PROMPTS:
            raise UserError(f"{path}: holds more than {MOST_PROMPTS:,} prompts", "split it into several suites")
    if not rows and not faults:
        raise UserError(f"{path}: holds no prompts")
    return Table(path, list(columns), rows, faults, blank)


def _prompt_files_in(folder: Path) -> str:
    names = list(map(repr, map(str, prompt_files(folder))))
    return f"name the file: {', '.join(names[:_HINTS_TOLD])}" if names else ""


def prompt_files(folder: Path) -> list[Path]:
    """The files of a folder that may hold prompts, by name; none where it cannot be read."""
    try:
        return sorted(each for each in folder.iterdir() if each.suffix.lower() in _READERS)
    except OSError:
        return []


def _csv_rows(path: Path, faults: Faults, separators: str = _SEPARATORS) -> Iterator[Row]:
    text = read_text(path, MOST_BYTES, "prompt file")
    separator = _separator(text, separators)
    spaced = _is_spaced(_header_of(text), separator)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] | None = None
    line = 1
    while True:
        start = line
        try:
            values = next(reader, None)
        except csv.Error as error:
            faults.add(start, f"is not CSV: {error}")
            values = []
        line = reader.line_num + 1
        if values is None:
            return
        if header is None and values and not _names_separator(values):
            header = [name.strip() for name in values]
            named = [name for name in header if name]
            if len(set(named)) != len(named):
                faults.add(start, "a column's name is used twice")
        elif header is not None and values and not any(values):
            yield Row(start, {})
        elif header is not None and values:
            if len(values) != len(header):
                faults.add(start, f"has {len(values)} fields, the header has {len(header)}", _unquoted(values, header))
            if any(_QUOTED_LATE.match(value) for value in values):
                faults.add(start, "a quote stands behind a space, where it is a part of the text", "take the space out")
            cells = [value.lstrip(" ") if spaced else value for value in values]
            yield Row(start, {name: cell for name, cell in zip(header, cells, strict=False) if name})


def _separator(text: str, separators: str) -> str:
    """The separator that makes most columns of the header, the first of them where two do."""
    header = _header_of(text)
    if header[:4].lower() == "sep=" and len(header) == 5:
        return header[4]
    best = max(separators, key=header.count)
    return best if best in header else _NO_SEPARATOR


def _header_of(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _is_spaced(header: str, separator: str) -> bool:
    """Does a space follow each separator of the header, as a person types a list?"""
    count = header.count(separator)
    return count > 0 and header.count(f"{separator} ") == count


def _names_separator(values: Sequence[str]) -> bool:
    """The line `sep=;` that spreadsheets put before the header."""
    return values[0].lower() == "sep=" and not any(values[1:])


def _unquoted(values: Sequence[str], header: Sequence[str]) -> str:
    return "a text that holds the separator stands in double quotes" if len(values) > len(header) else ""


def _tsv_rows(path: Path, faults: Faults) -> Iterator[Row]:
    return _csv_rows(path, faults, "\t" + _SEPARATORS)


def _json_rows(path: Path, faults: Faults) -> Iterator[Row]:
    """JSON or JSON lines, whatever the suffix says; it decides of a text that is neither, or both."""
    text = read_text(path, MOST_BYTES, "prompt file")
    first = next((line for line in text.split("\n") if line.strip()), "")
    meant = path.suffix.lower() in _LINES and (isinstance(_whole(first), dict) or _whole(text) is None)
    if meant or _holds_lines(text):
        yield from _json_lines(text, faults)
        return
    value = parse_json(text.encode("utf-8", "surrogatepass"), path, once=True)
    faults.unit = "entry"
    for number, entry in enumerate(_entries(value, path), start=1):
        yield Row(number, entry)


def _json_lines(text: str, faults: Faults) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = parse_json(line.encode("utf-8", "surrogatepass"), "", once=True)
        except UserError as error:
            faults.add(number, error.message.removeprefix(": "))
            continue
        if isinstance(fields, dict):
            yield Row(number, fields)
        else:
            faults.add(number, "is not a JSON object")


def _holds_lines(text: str) -> bool:
    """Is it JSON lines, as the lists of Tango and AudioLDM are under the name of JSON? Two lines tell."""
    lines = [line for line in text.split("\n") if line.strip()][:2]
    return len(lines) == 2 and all(isinstance(_whole(line), dict) for line in lines)


def _whole(text: str) -> Any:
    """The list or object that a text is as JSON; None where it is none."""
    try:
        found = parse_json(text.encode("utf-8", "surrogatepass"), "")
    except UserError:
        return None
    return found if isinstance(found, list | dict) else None


def _entries(value: object, path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON value. Raises UserError where it holds none."""
    if isinstance(value, list):
        return [_fields(entry) for entry in value]
    if not isinstance(value, dict):
        raise UserError(f"{path}: is neither a list of prompts nor an object of them by id")
    lists = [each for each in value.values() if _is_list_of_objects(each)]
    if len(lists) == 1:
        return list(lists[0])
    table = _by_columns(value)
    if table is not None:
        return table
    inner = [entry for entry in value.values() if isinstance(entry, dict)]
    key = "key" if any(KEY in entry for entry in inner) else KEY
    return [{key: name, **_fields(entry)} for name, entry in value.items()]


def _by_columns(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of {column: [cells]} or {column: {row: cell}}, one column of which is called as prompts are; None for
    another object."""
    if not any(name.lower() in TEXTS for name in value):
        return None
    columns = list(value.values())
    if all(isinstance(each, dict) and each.keys() == columns[0].keys() for each in columns):
        cells = [list(each.values()) for each in columns]
        if any(isinstance(cell, dict) for cell in cells[0]) or any(name.lower() in TEXTS for name in columns[0]):
            return None
    elif all(isinstance(each, list) and len(each) == len(columns[0]) for each in columns):
        cells = columns
    else:
        return None
    return [dict(zip(value, row, strict=True)) for row in zip(*cells, strict=True)]


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _fields(entry: object) -> dict[str, Any]:
    return entry if isinstance(entry, dict) else {TEXT: entry}


def _parquet_rows(path: Path, faults: Faults) -> Iterator[Row]:
    columns = parse_columns(read_bytes(path, MOST_BYTES, "prompt file"), path)
    faults.unit = "row"
    for number, values in enumerate(zip(*columns.values(), strict=True), start=1):
        yield Row(number, dict(zip(columns, values, strict=True)))


_READERS: dict[str, Callable[[Path, Faults], Iterator[Row]]] = {
    ".csv": _csv_rows,
    ".tsv": _tsv_rows,
    ".jsonl": _json_rows,
    ".json": _json_rows,
    ".parquet": _parquet_rows,
    ".ndjson": _json_rows,
}
