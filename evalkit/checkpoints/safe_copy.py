"""Torch files of elsewhere as safetensors and JSON, written once: what another environment is handed of them.

Such a file is a pickle, and the torch of a package with old pins cannot be trusted to read one: `weights_only` could be
got round before 2.6 (CVE-2025-32434) and before 2.10 (CVE-2026-24747). So it is read here, by the restricted reader of
evalkit's own torch, and a worker gets a folder under EVALKIT_HOME/converted that holds no pickle. The folder's name
is the digest of the files, so a file that changed is another folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.core.errors import BadCheckpoint, MissingWeights
from evalkit.core.files import landing
from evalkit.core.ids import digest_json, safe_name
from evalkit.core.jsonio import write_json
from evalkit.fetch.digests import remembered_sha256
from evalkit.fetch.home import evalkit_home

if TYPE_CHECKING:
    from torch import Tensor

_FORM = 1
"""Counts up where a copy comes out otherwise than before."""

_WHOLE = "whole.json"
"""Written last, with what was copied."""

Content = tuple[Mapping[str, "Tensor"], Mapping[str, Any]]
Reader = Callable[[Path], Content]


def safe_copy(path: Path, form: str) -> Path:
    """The folder with `<stem>.safetensors` and `<stem>.json` (the config as plain values) for each torch file of
    `path`, a folder or a file. What holds no torch file needs no copy and is returned as it is.

    `form` says what the files are: "audiocraft" (its exports) or "torch" (a training checkpoint's tensors). Raises
    MissingWeights, or BadCheckpoint naming the file where it is of another form or asks for code.
    """
    if not path.exists():
        raise MissingWeights(f"{path}: no such file or folder")
    candidates = [path] if path.is_file() else sorted(path.iterdir())
    files = [file for file in candidates if file.is_file() and _is_meant(file, form)]
    if not files:
        return path
    sources = {file.name: remembered_sha256(file) for file in files}
    target = evalkit_home() / "converted" / safe_name(path.stem) / digest_json([_FORM, form, sources])[:16]
    if not (target / _WHOLE).is_file():
        for file in files:
            _copy(file, READERS[form], target)
        write_json(target / _WHOLE, {"form": form, "sources": sources})
    return target


def _is_meant(file: Path, form: str) -> bool:
    from evalkit.checkpoints.audiocraft import CODEC_FILE, LM_FILE
    from evalkit.checkpoints.torch_file import TORCH_SUFFIXES

    return file.name in (LM_FILE, CODEC_FILE) if form == "audiocraft" else file.suffix in TORCH_SUFFIXES


def _copy(file: Path, read: Reader, target: Path) -> None:
    from safetensors.torch import save_file

    tensors, config = read(file)
    with landing(target / f"{file.stem}.safetensors") as part:
        save_file(_apart(tensors), part)
    try:
        write_json(target / f"{file.stem}.json", dict(config))
    except ValueError:
        raise BadCheckpoint(f"{file}: its config holds a number that is none") from None


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor with memory of its own, as safetensors wants it: one that shares another's is copied."""
    seen: set[int] = set()
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        memory = tensor.untyped_storage().data_ptr()
        found[name] = tensor.clone().contiguous() if memory in seen else tensor.contiguous()
        seen.add(memory)
    return found


def _audiocraft(file: Path) -> Content:
    from evalkit.checkpoints.audiocraft import read_export

    export = read_export(file)
    return export.tensors, export.config


def _torch(file: Path) -> Content:
    from evalkit.checkpoints.torch_file import read_torch

    return read_torch(file), {}


READERS: Mapping[str, Reader] = {"audiocraft": _audiocraft, "torch": _torch}
"""form -> what reads a file of it: (tensors, config as plain values)."""
