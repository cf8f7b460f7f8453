"""Where the parts of a T5 text tower are, found without a library that could load them."""

from __future__ import annotations

from pathlib import Path

from evalkit.checkpoints.hub_files import look_over
from evalkit.checkpoints.shards import tensor_files
from evalkit.core.errors import BadCheckpoint

_VOCABULARIES = {"t5": ("tokenizer.json", "spiece.model"), "t5gemma": ("tokenizer.json",)}
"""Files of which the tokenizer of a kind of tower needs one."""


def require_parts(kind: str, folder: Path) -> tuple[Path, Path]:
    """Where tokenizer and encoder of a T5 are: diffusers' pipelines have a folder for each.

    Raises BadCheckpoint where a part's files are not there or cannot be what they are called, before any is loaded.
    """
    words, net = (folder / part if (folder / part).is_dir() else folder for part in ("tokenizer", "text_encoder"))
    if not any((words / file).is_file() for file in _VOCABULARIES[kind]):
        # Offline and without its files, transformers hands out a tokenizer of special tokens only.
        raise BadCheckpoint(f"{words}: holds no tokenizer ({' or '.join(_VOCABULARIES[kind])})", "restore its files")
    if not tower_weights(net):
        raise BadCheckpoint(f"{net}: holds no weights (model.safetensors)", "restore its files")
    return look_over(words), look_over(net)


def tower_weights(net: Path) -> list[Path]:
    """The files with an encoder's tensors, [] where there are none."""
    return tensor_files(net, "model") or tensor_files(net, "pytorch_model")
