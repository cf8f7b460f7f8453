"""Reading hub folders of transformers and diffusers, strictly: one clear line for whatever is wrong with one.

What is not in the files would be drawn at random with no more than a warning, and a tokenizer without its
files becomes one that knows no word; both are errors here. No file of a folder is run, and no pickle.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from evalkit.checkpoints.hub_files import look_over
from evalkit.checkpoints.shards import lone_variant
from evalkit.checkpoints.with_transformers import quiet
from evalkit.core.errors import BadCheckpoint, MissingWeights

VOCABULARIES = ("tokenizer.json", "spiece.model", "vocab.json")
"""Files of which a tokenizer's folder has one."""


def read_network(kind: Any, folder: Path, tied: Collection[str] = ()) -> Any:
    """The network of class `kind` from a folder, in float32, without gradients.

    `tied` ends the names of tensors that a file may leave out, as they are others'. Raises MissingWeights or
    BadCheckpoint, naming the folder.
    """
    if not (folder / "config.json").is_file():
        raise MissingWeights(f"{folder / 'config.json'}: no such file", "the folder is a repository of the hub")
    try:
        with quiet():
            network, told = kind.from_pretrained(
                look_over(folder),
                local_files_only=True,
                weights_only=True,
                dtype=torch.float32,
                output_loading_info=True,
                variant=lone_variant(folder, "model"),
            )
    except BadCheckpoint:
        raise
    except Exception as error:  # noqa: BLE001 - transformers, safetensors and torch each raise their own
        raise BadCheckpoint(f"{folder}: cannot be loaded as {kind.__name__}: {one_line(error)}") from None
    refuse_gaps(folder, told, tied)
    return network.eval().requires_grad_(False)


def refuse_gaps(folder: Path, told: Any, tied: Collection[str] = ()) -> None:
    """Raises BadCheckpoint where transformers found tensors missing or of another shape than the network's."""
    missing = sorted(str(name) for name in told["missing_keys"] if not str(name).endswith(tuple(tied) or "\0"))
    if missing:
        raise BadCheckpoint(f"{folder}: lacks {len(missing)} tensors, the first {missing[0]}", "download it again")
    shapes = sorted(str(each[0]) for each in told.get("mismatched_keys") or ())
    if shapes:
        raise BadCheckpoint(f"{folder}: {len(shapes)} tensors do not fit its config, the first {shapes[0]}")


def read_tokenizer(folder: Path, size: int) -> Any:
    """The tokenizer of a folder. Raises BadCheckpoint where it has no vocabulary, or one of more than `size` words."""
    from transformers import AutoTokenizer

    if not any((folder / file).is_file() for file in VOCABULARIES):
        raise BadCheckpoint(f"{folder}: holds no tokenizer ({' or '.join(VOCABULARIES)})", "restore its files")
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(look_over(folder), local_files_only=True, trust_remote_code=False)
    except BadCheckpoint:
        raise
    except Exception as error:  # noqa: BLE001 - a broken tokenizer.json raises anything
        raise BadCheckpoint(f"{folder}: the tokenizer cannot be read: {one_line(error)}") from None
    if len(tokenizer) > size:
        raise BadCheckpoint(f"{folder}: the tokenizer has {len(tokenizer)} entries, the text encoder {size}")
    return tokenizer


def one_line(error: BaseException) -> str:
    """A library's error without its line breaks, at most 200 characters."""
    return " ".join(str(error).split())[:200] or type(error).__name__
