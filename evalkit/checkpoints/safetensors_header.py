"""What a safetensors file says of its tensors, checked against the file's size before a tensor is read. No torch here.

The format: eight bytes, the header's length; the header, JSON; the tensors' bytes one after the other.
Source: huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError
from evalkit.core.fitting import fits
from evalkit.core.jsonio import parse_json
from evalkit.core.reading import open_regular

MOST_BYTES = 16 << 20
"""The longest header; that of the largest Stable Audio has 200 kB."""

_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8,
    "U64": 64, "U32": 32, "U16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "C64": 64, "F4": 4,
}  # fmt: skip
_TYPES = {"dtype": str, "shape": tuple[int, ...], "data_offsets": tuple[int, ...]}
_METADATA = "__metadata__"
_AGAIN = "copy or download it again"


@dataclass(frozen=True)
class Entry:
    """One tensor: its type as safetensors calls it, and its shape."""

    kind: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return math.prod(self.shape)


def read_header(path: Path) -> Mapping[str, Entry]:
    """name -> what the file says of that tensor.

    Raises MissingWeights where there is no such file, and BadCheckpoint, naming it, where it is no safetensors file,
    has an absurd header, or one whose tensors are not the bytes that follow it.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(MOST_BYTES, size - 8):
                raise BadCheckpoint(f"{path}: not a whole safetensors file: a header of {length:,} bytes", _AGAIN)
            content = parse_json(file.read(length), path)
    except FileNotFoundError:
        raise MissingWeights(f"{path}: no such weights file") from None
    except OSError as error:
        raise BadCheckpoint(f"{path}: cannot be read: {error.strerror}") from None
    except UserError as error:
        raise BadCheckpoint(error.message, error.hint or _AGAIN) from None
    if not isinstance(content, dict) or not fits(content.pop(_METADATA, {}), Mapping[str, str]):
        raise BadCheckpoint(f"{path}: not a safetensors file: its header is no table of tensors", _AGAIN)
    return {name: _entry(path, name, told, size - 8 - length) for name, told in content.items()}


def _entry(path: Path, name: str, told: object, room: int) -> Entry:
    where = f"{path}: not a whole safetensors file: tensor {name[:80]!r}"
    if not isinstance(told, dict) or not all(fits(told.get(key), hint) for key, hint in _TYPES.items()):
        raise BadCheckpoint(f"{where} has no type, shape or place", _AGAIN)
    kind, shape, ends = told["dtype"], told["shape"], told["data_offsets"]
    if (
        kind not in _BITS
        or len(shape) > 16
        or min(shape, default=0) < 0
        or len(ends) != 2
        or not 0 <= ends[0] <= ends[1] <= room
    ):
        raise BadCheckpoint(f"{where} lies outside of the file, or has no type or shape that can be", _AGAIN)
    if math.prod(shape) * _BITS[kind] != 8 * (ends[1] - ends[0]):
        raise BadCheckpoint(f"{where} of shape {str(shape)[:80]} has {ends[1] - ends[0]:,} bytes", _AGAIN)
    return Entry(kind, tuple(shape))
