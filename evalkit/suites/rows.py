"""Tables of prompts as people have them, read into rows: CSV, TSV, JSON lines, JSON and Parquet.

CSV is told by its header: separated by commas, semicolons (as spreadsheets of half of Europe write it) or tabs; with
none of them it has one column, and a line is one value, commas and all. JSON is a list of objects or of texts,
{id: text}, {id: {...}}, one list of objects under a name, or JSON lines under the wrong suffix. UTF-8, with or without
its mark. Rows without a word in them are passed over.

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

_SEPARATORS = ",;\t"
_QUOTED_LATE = re.compile(r'[ \t]+".')
"""`id, "a text"`: as CSV has it, the quotes are a part of the text."""

_NO_SEPARATOR = "\x1f"
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
    """The rows of a file, the names of its columns in their order, and what is wrong with it so far."""

    path: Path
    columns: Sequence[str]
    rows: Sequence[Row]
    faults: Faults


def read_rows(path: Path) -> Table:
    """Every row of a prompt file. Raises UserError, naming the file, where it is none of these, is not UTF-8, cannot
    be read as what its name says, or holds more than `MOST_PROMPTS` rows."""
    if is_folder(path):
        raise UserError(f"{path}: is a folder, and no prompt file", _prompt_files_in(path))
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: a prompt file must be {', '.join(_READERS)}", "its suffix says which it is")
    faults = Faults(path)
    rows: list[Row] = []
    columns: dict[str, None] = {}
    for row in reader(path, faults):
        if any(value is not None and value != "" for value in row.fields.values()):
            rows.append(row)
            columns.update(dict.fromkeys(row.fields))
        if len(rows) > MOST_PROMPTS:
            raise UserError(f"{path}: holds more than {MOST_PROMPTS:,} prompts", "split it into several suites")
    if not rows and not faults:
        raise UserError(f"{path}: holds no prompts")
    return Table(path, list(columns), rows, faults)


def _prompt_files_in(folder: Path) -> str:
    names = sorted(each.name for each in folder.iterdir() if each.suffix.lower() in _READERS)
    return f"name the file: {', '.join(repr(str(folder / name)) for name in names[:_HINTS_TOLD])}" if names else ""


def _csv_rows(path: Path, faults: Faults, separators: str = _SEPARATORS) -> Iterator[Row]:
    text = read_text(path, MOST_BYTES, "prompt file")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text, separators), strict=True)
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
        elif header is not None and values and any(values):
            if len(values) != len(header):
                faults.add(start, f"has {len(values)} fields, the header has {len(header)}", _unquoted(values, header))
            if any(_QUOTED_LATE.match(value) for value in values):
                faults.add(start, "a quote stands behind a space, where it is a part of the text", "take the space out")
            yield Row(start, {name: value for name, value in zip(header, values, strict=False) if name})


def _separator(text: str, separators: str) -> str:
    """The separator that makes most columns of the header, the first of them where two do."""
    lines = iter(text.splitlines())
    header = next((line for line in lines if line.strip()), "")
    if header[:4].lower() == "sep=" and len(header) == 5:
        return header[4]
    best = max(separators, key=header.count)
    return best if best in header else _NO_SEPARATOR


def _names_separator(values: Sequence[str]) -> bool:
    """The line `sep=;` that spreadsheets put before the header."""
    return values[0].lower() == "sep=" and not any(values[1:])


def _unquoted(values: Sequence[str], header: Sequence[str]) -> str:
    return "a text that holds the separator stands in double quotes" if len(values) > len(header) else ""


def _tsv_rows(path: Path, faults: Faults) -> Iterator[Row]:
    return _csv_rows(path, faults, "\t" + _SEPARATORS)


def _json_lines(path: Path, faults: Faults) -> Iterator[Row]:
    for number, line in enumerate(read_text(path, MOST_BYTES, "prompt file").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = parse_json(line.encode("utf-8", "surrogatepass"), "")
        except UserError as error:
            faults.add(number, error.message.removeprefix(": "))
            continue
        if isinstance(fields, dict):
            yield Row(number, fields)
        else:
            faults.add(number, "is not a JSON object")


def _json_rows(path: Path, faults: Faults) -> Iterator[Row]:
    text = read_text(path, MOST_BYTES, "prompt file")
    if _holds_lines(text):
        yield from _json_lines(path, faults)
        return
    value = parse_json(text.encode("utf-8", "surrogatepass"), path)
    faults.unit = "entry"
    if isinstance(value, dict) and len(value) == 1 and _is_list_of_objects(next(iter(value.values()))):
        value = next(iter(value.values()))
    if isinstance(value, dict):
        inner = [entry for entry in value.values() if isinstance(entry, dict)]
        key = "key" if any(KEY in entry for entry in inner) else KEY
        entries = [{key: name, **_fields(entry)} for name, entry in value.items()]
    elif isinstance(value, list):
        entries = [_fields(entry) for entry in value]
    else:
        raise UserError(f"{path}: is neither a list of prompts nor an object of them by id")
    for number, entry in enumerate(entries, start=1):
        yield Row(number, entry)


def _holds_lines(text: str) -> bool:
    """Is it JSON lines under the name of JSON, as the lists of Tango and AudioLDM are? Two lines tell."""
    lines = [line for line in text.split("\n") if line.strip()][:2]
    try:
        return len(lines) == 2 and all(isinstance(parse_json(line.encode(), ""), dict) for line in lines)
    except (UserError, UnicodeEncodeError):
        return False


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
    ".jsonl": _json_lines,
    ".json": _json_rows,
    ".parquet": _parquet_rows,
}
