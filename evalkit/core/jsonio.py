"""Strict JSON, written so that a reader never sees half of it.

`json.dumps` writes NaN, which is not JSON and breaks every browser; here it is an error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.files import write_bytes, writing


def dumps(value: object) -> str:
    """JSON text with sorted keys, indented for reading; raises ValueError on NaN or infinity."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: object) -> None:
    """Write strict JSON atomically. Raises CannotWrite."""
    write_bytes(path, dumps(value).encode("utf-8", "surrogatepass"))


def read_json(path: Path) -> Any:
    """Read a JSON file; NaN literals stay NaN so that a gate can refuse them by name.

    Raises UserError, naming the file, where it is absent or not JSON.
    """
    try:
        return parse_json(path.read_bytes(), path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read as JSON: {error}") from None


def parse_json(data: bytes, path: Path) -> Any:
    """The value of a JSON file's bytes, as `read_json`. Raises UserError, naming the file, where they are not JSON."""
    try:
        return json.loads(data.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as JSON: {error}") from None


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


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a ledger in order; lines that a crash tore are passed over."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        try:
            record = json.loads(line.decode("utf-8", "surrogatepass"))
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record
