"""Strict JSON, written so that a reader never sees half of it, and read under limits.

`json.dumps` writes NaN, which is not JSON and breaks every browser; here it is an error.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.core import limits
from evalkit.core.errors import UserError
from evalkit.core.files import write_bytes, writing
from evalkit.core.reading import read_bytes, read_regular

MOST_BYTES = 64 << 20
"""The largest JSON file; a baseline over 100,000 prompts has half of it."""

MOST_LEDGER = 128 << 20
"""The largest ledger: 300,000 outcomes."""

_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_LONGEST_WHOLE = 300
"""Digits of a whole number that any float can hold."""


def dumps(value: object) -> str:
    """JSON text with sorted keys, indented for reading; raises ValueError on NaN or infinity."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: object) -> None:
    """Write strict JSON atomically. Raises CannotWrite."""
    write_bytes(path, dumps(value).encode("utf-8", "surrogatepass"))


def read_json(path: Path, most: int = MOST_BYTES, finite: bool = False, once: bool = False) -> Any:
    """Read a JSON file of at most `most` bytes; see :func:`parse_json`.

    Raises UserError, naming the file, where it is absent, no regular file, too large, or not JSON.
    """
    return parse_json(read_bytes(path, most), path, finite, once)


def parse_json(
    data: bytes, where: object, finite: bool = False, once: bool = False, values: int = limits.MOST_VALUES
) -> Any:
    """The value of JSON text. NaN literals stay NaN, and what is too large for a float is infinite, so that a gate can
    refuse them by name; `finite` refuses them here. `once` refuses a key that is twice in one object, of which Python
    would take the last.

    Raises UserError, naming `where`, for what is not JSON, is nested deeper than `limits.DEEPEST` or holds more than
    so many `values`: seen before anything is made of it. No error repeats what the text says.
    """
    reason = _too_much(data, values)
    try:
        if not reason:
            constant = _refuse_constant if finite else None
            number = _finite if finite else float
            return json.loads(
                data.decode("utf-8", "surrogatepass"),
                parse_constant=constant,
                parse_float=number,
                object_pairs_hook=_each_once if once else None,
                parse_int=lambda digits: number(digits) if len(digits) > _LONGEST_WHOLE else int(digits),
            )
    except (ValueError, RecursionError) as error:
        reason = str(error)[:200]
    raise UserError(f"{where}: cannot be read as JSON: {reason}")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key is twice there")
    return table


def _too_much(data: bytes, values: int) -> str:
    """Why the text is not to be parsed, or "". Commas and brackets inside of strings are counted as values too."""
    opened = data.count(b"[") + data.count(b"{")
    if opened + data.count(b",") > values:
        return f"holds more than {values:,} values"
    if opened > limits.DEEPEST and limits.depth(_STRINGS.sub(b"", data)) > limits.DEEPEST:
        return f"is nested deeper than {limits.DEEPEST} levels"
    return ""


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is larger than any that there is")
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Append one JSON record to a line-based ledger and flush it to the disk.

    A torn last line, left by a crash, is closed first so that the new record starts on its own line.
    Raises CannotWrite.
    """
    line = json.dumps(record, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    with writing(path), path.open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write(line.encode("utf-8", "surrogatepass"))
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path, most: int = MOST_LEDGER) -> Iterator[dict[str, Any] | None]:
    """The records of a ledger in order; None for a line that is no record: torn by a crash, or of somebody else.

    Raises UserError for a ledger that is no regular file, or has more than `most` bytes.
    """
    try:
        data = read_regular(path, most)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    for line in io.BytesIO(data):
        if line.strip():
            yield _record(line)


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = parse_json(line, "a line")
    except UserError:
        return None
    return record if isinstance(record, dict) else None
