"""The text towers that Stable Audio is conditioned on: CLAP's (1.0, 2.0 and the mini), T5's (Open), T5Gemma's (3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from evalkit.checkpoints.shards import lone_variant
from evalkit.checkpoints.with_transformers import quiet
from evalkit.core.errors import BadCheckpoint
from evalkit.embed import clap
from evalkit.generators.stable_audio.tower_parts import require_parts
from evalkit.nets.stable_audio.config import TextConfig


class TextTower(Protocol):
    """Text to one row per token."""

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """float32 (texts, tokens, width), padding included as the model was trained with it, and the mask
        (texts, tokens), 1 at words and 0 at padding."""
        ...


class ClapTower:
    """The penultimate layer of CLAP's text tower; padding rows are kept as they come out (Evans et al. 2024)."""

    def __init__(self, path: Path, device: str, overrides: Mapping[str, Path] | None = None) -> None:
        """`path` is a folder in the hub's layout or one of LAION's files; see :class:`embed.clap.TextTower`."""
        self._tower = clap.TextTower(path, device, overrides)

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        return self._tower.penultimate(texts)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """The rows alone, for recipes whose model looks at no mask."""
        return self.read(texts)[0]


class T5Tower:
    """The last layer of a T5 encoder, with the rows at padding set to zero.

    `folder` is one of the hub, or has the two parts of diffusers' pipelines, `tokenizer` and `text_encoder`.
    """

    def __init__(self, folder: Path, device: str, max_length: int) -> None:
        words, net = require_parts("t5", folder)
        self._encoder = _Encoder(words, net, "T5", _t5, device, max_length)

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        hidden, mask = self._encoder.read(texts)
        return hidden * mask[..., None], mask


class _Encoder:
    """A tokenizer and the encoder that belongs to it. Raises BadCheckpoint where the two are not of one model."""

    def __init__(
        self, words: Path, net: Path, name: str, load: Callable[[Path], Any], device: str, max_length: int
    ) -> None:
        self._tokenizer, encoder = _loaded(words, net, name, load)
        entries = encoder.get_input_embeddings().num_embeddings
        if len(self._tokenizer) > entries:
            sizes = f"{len(self._tokenizer)} entries, the encoder {entries}"
            raise BadCheckpoint(f"{words}: the tokenizer has {sizes}", "the two must be of one model")
        self._encoder = encoder.to(torch.device(device))
        self._device, self._max_length = device, max_length

    @torch.inference_mode()
    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(batch, tokens, width) of the last layer, and the mask (batch, tokens)."""
        batch = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self._max_length, return_tensors="pt"
        ).to(self._device)
        mask: Tensor = batch["attention_mask"]
        hidden: Tensor = self._encoder(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state
        return hidden, mask


def _loaded(words: Path, net: Path, name: str, load: Callable[[Path], Any]) -> tuple[Any, Any]:
    """Tokenizer and encoder, in float32 whatever the folder holds, with every tensor from its files.

    Raises BadCheckpoint, naming the folder, in one line for whatever transformers makes of a broken one.
    """
    from transformers import AutoTokenizer

    try:
        with quiet():
            # Said outright, as transformers would ask at the terminal whether to run a folder's own code.
            tokenizer = AutoTokenizer.from_pretrained(words, local_files_only=True, trust_remote_code=False)
            encoder, told = load(net)
    except BadCheckpoint:
        raise
    except Exception as error:  # noqa: BLE001 - transformers, tokenizers and safetensors each raise their own
        reason = " ".join(str(error).split())[:200]
        raise BadCheckpoint(f"{net}: cannot be loaded as a {name} folder: {reason}", "download it again") from None
    # What is not in the files would be drawn at random, with no more than a warning.
    missing = sorted(str(name) for name in told["missing_keys"] if not str(name).endswith("embed_tokens.weight"))
    if missing:
        raise BadCheckpoint(f"{net}: lacks {len(missing)} tensors of a {name} encoder, the first {missing[0]}")
    return tokenizer, encoder.eval()


def _t5(folder: Path) -> Any:
    from transformers import T5EncoderModel

    return T5EncoderModel.from_pretrained(
        folder,
        local_files_only=True,
        dtype=torch.float32,
        output_loading_info=True,
        variant=lone_variant(folder, "model"),
    )


def _t5gemma(folder: Path) -> Any:
    from transformers import AutoConfig, T5GemmaEncoderModel

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    config.is_encoder_decoder = False
    return T5GemmaEncoderModel.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        dtype=torch.float32,
        attn_implementation="eager",  # its soft cap on the logits is in no other
        output_loading_info=True,
    )


class T5GemmaTower:
    """The last layer of T5Gemma's encoder, whose rows at padding are whatever they come to: the model has its own.

    It is computed in float32; the original computes it in the bfloat16 of the file, which is 0.7 % off by rms on small
    random weights. Decoder and vocabulary head, which the file has too, are not loaded.
    """

    def __init__(self, folder: Path, device: str, max_length: int) -> None:
        words, net = require_parts("t5gemma", folder)
        self._encoder = _Encoder(words, net, "T5Gemma", _t5gemma, device, max_length)

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        return self._encoder.read(texts)


def load_tower(config: TextConfig, place: Path, overrides: Mapping[str, Path], device: str) -> TextTower:
    """The tower that a model config names, from its folder or file. Raises MissingWeights or BadCheckpoint."""
    if config.kind == "t5gemma":
        return T5GemmaTower(place, device, config.max_length)
    if config.kind == "t5":
        return T5Tower(place, device, config.max_length)
    return ClapTower(place, device, overrides)
