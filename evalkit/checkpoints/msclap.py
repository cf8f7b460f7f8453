"""`CLAP_weights_2023.pth` of microsoft/msclap, brought to the names of `evalkit.nets.msclap`, and GPT-2's tokenizer.

msclap 1.3.4 (`CLAPWrapper.py`): the state dict is under `model`; its yml states no size that the tensors do not. They
are read from the shapes. The original loads with `strict=False`, so that a file with other names would be noise without
a word; here every tensor is accounted for. The tokenizer is a folder of gpt2 (`--weights gpt2_tokenizer=PATH`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import ClapAudioConfig, GPT2Config, GPT2Tokenizer

from evalkit.checkpoints.clap_laion import Tower, check_filters, config_of, to_transformers, tower_depths
from evalkit.checkpoints.hub_files import look_over
from evalkit.checkpoints.torch_file import read_torch
from evalkit.checkpoints.with_transformers import quiet
from evalkit.core.errors import BadCheckpoint, MissingWeights
from evalkit.core.text import one_line
from evalkit.fetch.published import GPT2_TOKENIZER
from evalkit.fetch.weights import locate
from evalkit.nets.msclap import FRONT

_HINT = "it is read from CLAP_weights_2023.pth of huggingface.co/microsoft/msclap"
_AUDIO, _TEXT = "audio_encoder.", "caption_encoder."
_HTSAT = "audio_encoder.base.htsat."
_LEFT_OUT = re.compile(r"logit_scale$|caption_encoder\.base\.h\.\d+\.attn\.(bias|masked_bias)$")
"""What no score uses, and masks that older versions of transformers kept beside the weights."""

MOST_TOKENS = 1024
ENDED = " <|endoftext|>"
"""What the original puts behind a caption."""

_GPT2_SIZE = 50257
_PROBE, _GPT2_IDS = "Hello world", [15496, 995]
"""A sentence whose ids in gpt2 are documented (transformers, GPT2Tokenizer)."""


@dataclass(frozen=True)
class MsClapCheckpoint:
    """Sizes of the towers and of the space, and tensors under the names of `MsClap`."""

    audio: ClapAudioConfig
    text: GPT2Config
    width: int
    tensors: Mapping[str, Tensor]


def read_msclap(path: Path) -> MsClapCheckpoint:
    """Raises MissingWeights, or BadCheckpoint where the file is none of msclap's, or cannot be read safely."""
    given = {name: each for name, each in read_torch(path).items() if not _LEFT_OUT.match(name)}
    laion = {f"audio_branch.{name[len(_HTSAT) :]}": each for name, each in given.items() if name.startswith(_HTSAT)}
    first, words = (given.get(name) for name in (f"{_HTSAT}patch_embed.proj.weight", f"{_TEXT}base.wte.weight"))
    projection = given.get(f"{_AUDIO}projection.linear1.weight")
    if any(each is None or each.dim() < 2 for each in (first, words, projection)):
        raise BadCheckpoint(f"{path}: holds no HTSAT and GPT-2 with their projections", _HINT)
    assert first is not None and words is not None and projection is not None
    check_filters(path, laion, FRONT, _HINT)
    audio = config_of(Tower("HTSAT", first.shape[0], tower_depths(laion)), fusion=False).audio_config
    assert isinstance(audio, ClapAudioConfig)
    audio._attn_implementation = "eager"
    tensors = dict(to_transformers(laion))
    for name, each in given.items():
        if not name.startswith(_HTSAT):
            tensors[_renamed(name)] = each
    return MsClapCheckpoint(audio, _gpt2(given, words), projection.shape[0], tensors)


def _renamed(name: str) -> str:
    for theirs, ours in (
        (f"{_AUDIO}projection.", "audio_projection."),
        (f"{_TEXT}projection.", "text_projection."),
        (f"{_TEXT}base.", "text_model."),
    ):
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def _gpt2(given: Mapping[str, Tensor], words: Tensor) -> GPT2Config:
    """Heads are of 64 values, as in every GPT-2."""
    size, width = words.shape
    places = given.get(f"{_TEXT}base.wpe.weight")
    layers = sum(f"{_TEXT}base.h.{layer}.ln_1.weight" in given for layer in range(1000))
    config = GPT2Config(
        vocab_size=size,
        n_embd=width,
        n_layer=layers,
        n_head=max(1, width // 64),
        n_positions=MOST_TOKENS if places is None else places.shape[0],
    )
    config._attn_implementation = "eager"
    return config


class Gpt2Words:
    """GPT-2's tokenizer, as msclap uses it."""

    def __init__(self, folder: Path, size: int) -> None:
        """Raises MissingWeights or BadCheckpoint; a vocabulary of another `size` than the tower's is refused."""
        if not (folder / "tokenizer.json").is_file():
            for name in ("vocab.json", "merges.txt"):
                if not (folder / name).is_file():
                    raise MissingWeights(
                        f"{folder / name}: no such file", "it is the tokenizer's, of openai-community/gpt2"
                    )
        try:
            with quiet():
                self._tokenizer = GPT2Tokenizer.from_pretrained(str(look_over(folder)), local_files_only=True)
        except BadCheckpoint:
            raise
        except Exception as error:  # the library raises bare Exception for a broken tokenizer.json
            raise BadCheckpoint(f"{folder}: the tokenizer cannot be read: {one_line(error, 200)}") from error
        if len(self._tokenizer) != size:
            raise BadCheckpoint(f"{folder}: the tokenizer has {len(self._tokenizer)} tokens, the text tower {size}")
        known = list(self._tokenizer(_PROBE)["input_ids"])
        if size == _GPT2_SIZE and known != _GPT2_IDS:
            raise BadCheckpoint(f"{folder}: not gpt2's tokenizer: it reads {_PROBE!r} as {known}, not {_GPT2_IDS}")

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids, 0 behind the shorter texts, and mask (1 real, 0 padding), both int64 (texts, tokens of the
        longest). What is beyond 1,024 tokens, which GPT-2 has no places for, is cut."""
        rows = [list(self._tokenizer(text + ENDED)["input_ids"])[:MOST_TOKENS] for text in texts]
        longest = max(map(len, rows), default=0)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], dtype=torch.long)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], dtype=torch.long)
        return ids, mask


def gpt2_folder(path: Path, overrides: Mapping[str, Path]) -> Path:
    """The folder of gpt2's tokenizer: as typed, else beside the checkpoint, else under EVALKIT_HOME/weights."""
    beside = path.parent / "gpt2"
    if GPT2_TOKENIZER not in overrides and ((beside / "tokenizer.json").is_file() or (beside / "vocab.json").is_file()):
        return beside
    return locate(GPT2_TOKENIZER, overrides)
