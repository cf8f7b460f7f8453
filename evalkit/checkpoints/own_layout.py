"""A network's weights in evalkit's own layout: `model.safetensors`, and beside it the sizes in `config.json`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from evalkit.checkpoints.shards import read_files, tensor_files
from evalkit.checkpoints.torch_file import TORCH_SUFFIXES
from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.core.faults import Section, refuse_unknown
from evalkit.core.jsonio import read_json

TENSORS, CONFIG = "model.safetensors", "config.json"
_STEM = "model"


def read_weights(path: Path, reads: str) -> dict[str, Tensor]:
    """name -> tensor of a weights folder, a safetensors file, or a torch file with the network's own names.

    `reads` says what the network is read from, for the error. Raises MissingWeights, or BadCheckpoint for a folder
    without tensors, a file that cannot be read, or one of another format.
    """
    if path.is_dir():
        files = tensor_files(path, _STEM)
        if not files:
            there = ", ".join(sorted(each.name for each in path.iterdir())[:5]) or "it is empty"
            raise BadCheckpoint(f"{path}: the folder holds no {TENSORS} ({there})", f"it is read from {reads}")
        return read_files(files)
    if path.suffix not in (".safetensors", *TORCH_SUFFIXES):
        raise BadCheckpoint(f"{path}: is of none of the formats that these weights are read from", f"they are {reads}")
    return read_files([path])


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
