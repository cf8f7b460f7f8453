"""The files that hold a network's tensors as the hub's libraries name them: one, or shards listed in an index.

`model.safetensors`, `model-00001-of-00003.safetensors` beside `model.safetensors.index.json`, and both as a variant
(`model.fp16.safetensors`, `model.safetensors.index.fp16.json`); torch's `.bin` where there is no safetensors file. The
plain variant comes first; a lone other one is read too, as its tensors are cast to what the network computes in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.checkpoints.config_file import read_object
from evalkit.checkpoints.safetensors_header import read_header
from evalkit.core.errors import BadCheckpoint
from evalkit.core.faults import together
from evalkit.core.paths import is_file

if TYPE_CHECKING:
    from torch import Tensor

_INDEX = re.compile(r"(?P<stem>.+)\.(?:safetensors|bin)\.index(?:\.[\w-]+)?\.json")
_KINDS = (".safetensors", ".bin")


def is_index(path: Path) -> bool:
    """Whether the name is that of an index of shards."""
    return _INDEX.fullmatch(path.name) is not None


def whole_of(index: Path) -> Path:
    """The file that the shards of an index would be in one: what a config beside them is named by."""
    name = _INDEX.fullmatch(index.name)
    return index.with_name(f"{name['stem'] if name else index.stem}.safetensors")


def variants(folder: Path, stem: str, kind: str = ".safetensors") -> dict[str, Path]:
    """{variant: file or index} of the network called `stem` in a folder; the plain one is ""."""
    one = re.compile(re.escape(stem) + r"(?:\.(?P<variant>[\w-]+))?" + re.escape(kind))
    many = re.compile(re.escape(stem + kind) + r"\.index(?:\.(?P<variant>[\w-]+))?\.json")
    found: dict[str, Path] = {}
    for form in (one, many):  # an index comes last, and so before a lone file of the same name
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            name = form.fullmatch(path.name)
            if name and path.is_file():
                found[name["variant"] or ""] = path
    return found


def lone_variant(folder: Path, stem: str) -> str | None:
    """The variant (fp16) that a folder has instead of plain weights, for `from_pretrained`; None where it has these."""
    found = {**variants(folder, stem, ".bin"), **variants(folder, stem)}
    return next(iter(found)) if len(found) == 1 and "" not in found else None


def tensor_files(folder: Path, stem: str, kinds: tuple[str, ...] = _KINDS) -> list[Path]:
    """The files with the tensors of the network called `stem`, in the order of their names; [] where there are none.

    Raises BadCheckpoint where an index names files that are not in the folder, or where there are only variants and
    several of them.
    """
    for kind in kinds:
        found = variants(folder, stem, kind)
        if not found:
            continue
        if "" not in found and len(found) > 1:
            names = ", ".join(path.name for path in found.values())
            raise BadCheckpoint(f"{folder}: holds several variants ({names})", "keep the one that you mean")
        chosen = found.get("") or next(iter(found.values()))
        return shards_of(chosen) if is_index(chosen) else [chosen]
    return []


def shards_of(index: Path) -> list[Path]:
    """The files that an index names, by name. Raises BadCheckpoint where they are not all in its folder."""
    listed = read_object(index).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise BadCheckpoint(f"{index}: lists no tensors", "it is written beside the shards; copy or download it again")
    names = sorted({str(name) for name in listed.values()})
    missing = [name for name in names if Path(name).name != name or not is_file(index.parent / name)]
    if missing:
        raise BadCheckpoint(
            f"{index}: names files that are not in the folder ({len(missing)} of {len(names)}: {missing[0][:80]!r})",
            "put all shards beside it",
        )
    return [index.parent / name for name in names]


def require_whole(files: Iterable[Path]) -> None:
    """Raises MissingWeights or BadCheckpoint with every safetensors file that is cut or is none, by its header."""
    together(*(partial(read_header, file) for file in files if file.suffix == ".safetensors"))


def read_files(files: list[Path], shapes: bool = False) -> dict[str, Tensor]:
    """name -> tensor of all of these files; with `shapes`, without the values of safetensors files. Raises
    MissingWeights or BadCheckpoint, naming the files, also for a tensor that two of them hold."""
    from evalkit.checkpoints.tensors import read_shapes, read_tensors
    from evalkit.checkpoints.torch_file import read_torch

    require_whole(files)
    read = read_shapes if shapes else read_tensors
    tensors: dict[str, Tensor] = {}
    for file in files:
        part = read(file) if file.suffix == ".safetensors" else read_torch(file)
        twice = tensors.keys() & part.keys()
        if twice:
            raise BadCheckpoint(f"{file}: {min(twice)} is in another shard too", "they are of two checkpoints")
        tensors.update(part)
    return tensors
