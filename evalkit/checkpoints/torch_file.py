"""Reading torch's own checkpoint files (.pt, .pth, .ckpt, .bin) without running what is in them.

Such a file is a pickle, which may call any function of any module while it is read. torch's restricted
unpickler (`weights_only=True`) calls nothing but the builders of tensors and plain containers. LAION's CLAP files
hold one kind of thing beyond that, NumPy scalars among the optimizer's settings; the names that such a
scalar is made of are let in here, and bound to stand-ins that do nothing, so that not even NumPy runs.
Whatever else a file asks for, it is refused, and the refusal names what it asked for.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evalkit.checkpoints.config_file import plain_values
from evalkit.core.errors import BadCheckpoint, MissingWeights
from evalkit.core.memory import growth_limited

TORCH_SUFFIXES = (".pt", ".pth", ".ckpt", ".bin")

_NESTS = ("state_dict", "model")
"""Keys under which a training checkpoint keeps its tensors: LAION's, lightning's and DeiT's."""

_MOST_GROWTH = 400 << 20
_REPEATED = 512 << 20
"""Bytes of a constant that was stored as one number and shown many times."""

_SHARED = 4
"""How often a stored number may belong to another tensor, on average: tied weights are there twice."""

_ASKED = re.compile(r"GLOBAL `?([A-Za-z_][\w.]*)")


class _Dtype:
    """Stands for `numpy.dtype`: takes what a pickled one is made of, and is nothing."""

    def __init__(self, *_arguments: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass


def _scalar(_dtype: object, _value: object = None) -> None:
    """Stands for NumPy's builder of scalars: no weight is one, so its value is not needed."""


_LET_IN: Sequence[tuple[Callable[..., object], str]] = [
    (_scalar, "numpy.core.multiarray.scalar"),  # as NumPy 1 names it, in every published file
    (_scalar, "numpy._core.multiarray.scalar"),
    (_Dtype, "numpy.dtype"),
]


def read_torch(path: Path) -> dict[str, Tensor]:
    """name -> tensor of a torch checkpoint, as stored, on the CPU, mapped from the disk where the format allows.

    Takes a plain state dict, or one under `state_dict` or `model`. Raises MissingWeights where there is no
    such file; BadCheckpoint, naming it, where it is not a whole checkpoint, holds something other than
    tensors, or asks for a function that weights do not need (named; nothing of it has run then).
    """
    if not path.is_file():
        raise MissingWeights(f"{path}: no such weights file")
    content = _load(path)
    for nest in _NESTS:
        if isinstance(content, Mapping) and isinstance(content.get(nest), Mapping):
            content = content[nest]
            break
    if not isinstance(content, Mapping) or not content:
        raise BadCheckpoint(f"{path}: holds no dictionary of tensors", "it is another kind of torch file")
    return plain_tensors(path, content)


def read_entry(path: Path, key: str) -> object:
    """What a torch checkpoint keeps under `key` beside its tensors; None where it has no such entry.

    Raises as :func:`read_torch` does, where the file is no checkpoint or asks for code.
    """
    if not path.is_file():
        raise MissingWeights(f"{path}: no such weights file")
    content = _load(path)
    return plain_values(path, content.get(key)) if isinstance(content, Mapping) else None


def read_content(path: Path, let_in: Sequence[tuple[Callable[..., object], str]]) -> object:
    """A whole torch file, for formats of their own. `let_in` are (stand-in, name): what a pickle may ask for beside
    tensors and plain containers, and what it gets in its place. Raises as :func:`read_torch` does."""
    if not path.is_file():
        raise MissingWeights(f"{path}: no such weights file")
    return _load(path, let_in)


def _load(path: Path, let_in: Sequence[tuple[Callable[..., object], str]] = _LET_IN) -> object:
    try:
        whole_archive = zipfile.is_zipfile(path)
        most = 2 * path.stat().st_size + _MOST_GROWTH  # a compressed archive can unpack to a thousand times its size
        with growth_limited(most), torch.serialization.safe_globals(list(let_in)), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own words name no file: of a newer pickle protocol, say
            content: object = torch.load(path, map_location="cpu", weights_only=True, mmap=whole_archive)
        return content
    except Exception as error:  # a damaged or hostile pickle can fail in any way; each is one line here
        asked = _ASKED.search(str(error))
        if asked:
            raise BadCheckpoint(
                f"{path}: its pickle asks for {asked[1]}, which no weights need; refused, nothing of it was run",
                "get the file from its publisher; evalkit never unpickles code",
            ) from None
        raise BadCheckpoint(
            f"{path}: not a whole torch checkpoint: {_first_line(error)}", "copy or download it again"
        ) from error


def _first_line(error: Exception) -> str:
    """What torch says, without the advice that follows (to switch the protection off)."""
    text = str(error).split("WeightsUnpickler error:")[-1].strip()
    return (text.splitlines() or [type(error).__name__])[0][:200]


def plain_tensors(path: Path, content: Mapping[Any, object]) -> dict[str, Tensor]:
    """name -> tensor. Raises BadCheckpoint for a name that is no text and a value that is no tensor; for one that shows
    a few stored numbers again and again, which takes memory only once somebody copies it, and for too many of them."""
    tensors: dict[str, Tensor] = {}
    total = 0
    for key, value in content.items():
        if not isinstance(key, str):
            raise BadCheckpoint(f"{path}: a tensor is named {key!r:.80}, which is no text")
        if not isinstance(value, Tensor) or value.layout is not torch.strided or value.device.type != "cpu":
            raise BadCheckpoint(f"{path}: {key} is not a plain tensor but {type(value).__name__}")
        size = value.numel() * value.element_size()
        total += size
        if size > value.untyped_storage().nbytes() + _REPEATED:
            raise BadCheckpoint(f"{path}: {key} is of {size:,} bytes, more than the file holds for it")
        tensors[key] = value.detach()
    if total > _SHARED * path.stat().st_size + _REPEATED:
        raise BadCheckpoint(f"{path}: its tensors are of {total:,} bytes, many times the file's")
    return tensors
