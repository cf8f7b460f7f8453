"""A CLAP folder in the hub's layout, read and checked: config, tensors, front end, tokenizer.

Weights are in `model.safetensors`, or in `pytorch_model.bin` where a folder has only that; `shards.py` knows how else
the hub's libraries name them.

Every reader here names the file at fault. Two silent failures of the plain loaders are made loud: tensors
that are missing or left over are named, and a tokenizer that lost its vocabulary is refused (transformers
5.23 makes up one of five tokens where the files are absent, and every prompt then reads the same).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import ClapConfig, RobertaTokenizer

from evalkit.checkpoints.config_file import read_object
from evalkit.checkpoints.hub_files import look_over
from evalkit.checkpoints.shards import read_files, tensor_files
from evalkit.checkpoints.tensors import load_into
from evalkit.checkpoints.with_transformers import quiet
from evalkit.core.errors import BadCheckpoint, MissingWeights
from evalkit.nets.clap import CONSTANTS, FrontEnd, audio_config, text_config

WEIGHTS = "model.safetensors"
_STEM, _OLDER_STEM = "model", "pytorch_model"
TOKENS = 77
"""Every text is padded or cut to this many tokens, as LAION's `hook.py` 65-73 does."""

_LAYOUT = "a CLAP folder holds config.json, model.safetensors, preprocessor_config.json and tokenizer files"
_PROBE = "A dog barks twice, then rain falls on the left."

ROBERTA_SIZE = 50265
_ROBERTA_PROBE, _ROBERTA_IDS = "Hello world", [0, 31414, 232, 2]
"""A sentence whose ids in roberta-base are documented (transformers, RobertaTokenizer)."""


@dataclass(frozen=True)
class Checkpoint:
    """A CLAP that has been read but not yet built.

    `path` is what was named, `weights` the file that holds the tensors; `tensors` have transformers' names;
    `tokenizer` is the folder of the tokenizer's files.
    """

    path: Path
    weights: Path
    config: ClapConfig
    front: FrontEnd
    tensors: Mapping[str, Tensor]
    tokenizer: Path


def read_folder(folder: Path) -> Checkpoint:
    """A whole folder. Raises MissingWeights or BadCheckpoint, naming the file at fault."""
    config = read_config(folder)
    front = read_front_end(folder, config)
    files = weights_of(folder)
    return Checkpoint(folder, files[0], config, front, read_files(files), folder)


def read_config(folder: Path) -> ClapConfig:
    """The towers' config. Raises MissingWeights, or BadCheckpoint where it is not CLAP's."""
    content = read_object(_present(folder, "config.json"))
    if content.get("model_type") != "clap":
        kind = content.get("model_type")
        raise BadCheckpoint(f"{folder / 'config.json'}: model_type is {kind!r}, not 'clap'", _LAYOUT)
    try:
        config = ClapConfig.from_dict(content)
    except Exception as error:  # each version of transformers checks in its own way
        raise BadCheckpoint(f"{folder / 'config.json'}: {_line(error)}", _LAYOUT) from error
    # One plain attention for every version of transformers; 77 tokens gain nothing from a fused one.
    config._attn_implementation = "eager"
    return config


def read_front_end(folder: Path, config: ClapConfig) -> FrontEnd:
    """The mel front end. Raises BadCheckpoint where it does not fit the audio tower."""
    path = folder / "preprocessor_config.json"
    try:
        front = FrontEnd.from_config(read_object(_present(folder, path.name)))
    except ValueError as error:
        raise BadCheckpoint(f"{path}: {error}") from error
    audio = audio_config(config)
    if front.fusion != bool(audio.enable_fusion):
        rule, fused = "fusion" if front.fusion else "rand_trunc", bool(audio.enable_fusion)
        raise BadCheckpoint(f"{path}: truncation is {rule!r}, but the audio tower has enable_fusion {fused}", _LAYOUT)
    widest = audio.spec_size * (audio.spec_size // audio.num_mel_bins)
    if front.mels != audio.num_mel_bins:
        raise BadCheckpoint(f"{path}: feature_size is {front.mels}, the audio tower has {audio.num_mel_bins} mel bands")
    if front.frames > widest:
        raise BadCheckpoint(f"{path}: the window has {front.frames} frames, the audio tower takes at most {widest}")
    return front


def weights_of(folder: Path) -> list[Path]:
    """The file with the tensors, or its shards. Raises MissingWeights, naming the one that there should be."""
    files = tensor_files(folder, _STEM, (".safetensors",)) or tensor_files(folder, _OLDER_STEM, (".bin",))
    return files or [_present(folder, WEIGHTS)]


def fill(net: nn.Module, folder: Path, prefix: str = "") -> None:
    """Fill `net` from the folder's tensors whose names start with `prefix`, and set it to evaluation.

    Raises MissingWeights, or BadCheckpoint naming the tensors that are missing, left over or misshaped.
    """
    files = weights_of(folder)
    fill_from(net, read_files(files), files[0], prefix)


def fill_from(net: nn.Module, tensors: Mapping[str, Tensor], path: Path, prefix: str = "") -> None:
    """As :func:`fill`, from tensors that have been read from `path`.

    Constants that follow from the config may be among them or not, and are never taken from there.
    """
    own = {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix) and not name.endswith(CONSTANTS)
    }
    load_into(net, own, path, ignore={name for name in net.state_dict() if name.endswith(CONSTANTS)})
    net.requires_grad_(False).eval()


class Words:
    """The tokenizer: texts to 77 tokens each."""

    def __init__(self, folder: Path, config: ClapConfig) -> None:
        """Raises MissingWeights or BadCheckpoint; a vocabulary of another size than the tower's is refused."""
        self._tokenizer = _read_tokenizer(folder)
        self._check(folder, text_config(config).vocab_size)

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids and mask (1 real, 0 padding), both int64 (texts, 77)."""
        if not texts:
            empty = torch.zeros((0, TOKENS), dtype=torch.long)
            return empty, empty.clone()
        out = self._tokenizer(list(texts), padding="max_length", max_length=TOKENS, truncation=True)
        return torch.tensor(out["input_ids"]), torch.tensor(out["attention_mask"])

    def _check(self, folder: Path, size: int) -> None:
        tokenizer = self._tokenizer
        if len(tokenizer) != size:
            raise BadCheckpoint(f"{folder}: the tokenizer has {len(tokenizer)} tokens, the text tower {size}")
        ids = tokenizer(_PROBE)["input_ids"]
        read_back = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if tokenizer.unk_token_id in ids or read_back != _PROBE:
            raise BadCheckpoint(f"{folder}: the tokenizer reads {_PROBE!r} as {read_back!r}", "restore its files")
        known = list(tokenizer(_ROBERTA_PROBE)["input_ids"])
        if size == ROBERTA_SIZE and known != _ROBERTA_IDS:
            raise BadCheckpoint(
                f"{folder}: not roberta-base's tokenizer: it reads {_ROBERTA_PROBE!r} as {known}, not {_ROBERTA_IDS}",
                "restore its files",
            )


def _read_tokenizer(folder: Path) -> RobertaTokenizer:
    if not (folder / "tokenizer.json").is_file():
        for name in ("vocab.json", "merges.txt"):
            _present(folder, name)
    try:
        with quiet():
            return RobertaTokenizer.from_pretrained(str(look_over(folder)), local_files_only=True)
    except BadCheckpoint:
        raise
    except Exception as error:  # the library raises bare Exception for a broken tokenizer.json
        raise BadCheckpoint(f"{folder}: the tokenizer cannot be read: {_line(error)}") from error


def _present(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise MissingWeights(f"{path}: no such file", _LAYOUT)
    return path


def _line(error: BaseException) -> str:
    """An error of a library on one line."""
    return " ".join(str(error).split())[:200]
