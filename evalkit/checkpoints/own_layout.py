"""A network's weights in evalkit's own layout: `model.safetensors`, and beside it the sizes in `config.json`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.core.faults import Section, refuse_unknown
from evalkit.core.jsonio import read_json

TENSORS, CONFIG = "model.safetensors", "config.json"


def weights_file(path: Path) -> Path:
    """The safetensors file of a weights folder or file.

    Raises BadCheckpoint for a folder without one, and UserError for a format that this version cannot read.
    """
    if path.is_dir():
        found = path / TENSORS
        if not found.is_file():
            raise BadCheckpoint(f"{path}: the folder holds no {TENSORS}")
        return found
    if path.suffix != ".safetensors":
        raise UserError(
            f"{path}: this version reads safetensors only, not {''.join(path.suffixes[-2:]) or 'this file'}",
            "the published .h5 and .pt files are read by a later version; none is unpickled",
        )
    return path


_Config = TypeVar("_Config")


def read_config(path: Path, kind: type[_Config]) -> _Config:
    """The network's sizes: `config.json` in a weights folder, or beside a lone file the published ones.

    `kind` is a frozen dataclass of plain numbers. Raises BadCheckpoint, naming the file and the key, for a
    key that is unknown or absent, a value of another type, or sizes that do not go together.
    """
    if not path.is_dir():
        return kind()
    file = path / CONFIG
    if not file.is_file():
        raise BadCheckpoint(f"{path}: the folder holds no {CONFIG}")
    content = read_json(file)
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{file}: is not a JSON object")
    default = kind()
    known = {field.name: type(getattr(default, field.name)) for field in fields(default)}  # type: ignore[arg-type]
    try:
        refuse_unknown(file, Section("", content, known))
    except UserError as error:
        raise BadCheckpoint(error.message, error.hint) from None
    absent = sorted(set(known) - set(content))
    if absent:
        raise BadCheckpoint(f"{file}: keys absent: {', '.join(absent)}")
    values = {name: _number(file, name, content[name], known[name]) for name in known}
    try:
        return kind(**values)
    except ValueError as error:
        raise BadCheckpoint(f"{file}: {error}") from None


def _number(file: Path, name: str, value: object, kind: type) -> Any:
    fits = isinstance(value, int) or (kind is float and isinstance(value, float))
    if not fits or isinstance(value, bool) or not 0 <= value < 1e9:  # type: ignore[operator]
        raise BadCheckpoint(f"{file}: {name} is {value!r}, expected a {kind.__name__}")
    return kind(value)
