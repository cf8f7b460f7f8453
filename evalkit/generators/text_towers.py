"""The text towers that Stable Audio is conditioned on: CLAP's (1.0, 2.0 and the mini) and T5's (Open)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from evalkit.core.errors import BadCheckpoint
from evalkit.embed import clap
from evalkit.fetch.weights import locate
from evalkit.nets.stable_audio.config import TextConfig


class TextTower(Protocol):
    """Text to one row per token."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """float32 (texts, tokens, width), padding included as the model was trained with it."""
        ...


class ClapTower:
    """The penultimate layer of CLAP's text tower; padding rows are kept as they come out (Evans et al. 2024)."""

    def __init__(self, folder: Path, device: str) -> None:
        self._tower = clap.TextTower(folder, device)

    def encode(self, texts: Sequence[str]) -> Tensor:
        hidden, _ = self._tower.penultimate(texts)
        return hidden


class T5Tower:
    """The last layer of a T5 encoder, with the rows at padding set to zero."""

    def __init__(self, folder: Path, device: str, max_length: int) -> None:
        from transformers import AutoTokenizer, T5EncoderModel

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            encoder = T5EncoderModel.from_pretrained(folder, local_files_only=True).eval()
        except (OSError, ValueError) as error:
            raise BadCheckpoint(f"{folder}: cannot be loaded as a T5 folder: {error}") from None
        if len(self._tokenizer) < 100:
            # Offline and without its files, transformers hands out a tokenizer of a few special tokens.
            raise BadCheckpoint(f"{folder}: the tokenizer has {len(self._tokenizer)} entries", "its files are missing")
        self._encoder = encoder.to(torch.device(device))
        self._device, self._max_length = device, max_length

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        batch = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self._max_length, return_tensors="pt"
        ).to(self._device)
        hidden: Tensor = self._encoder(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        return hidden * batch["attention_mask"][..., None]


def load_tower(config: TextConfig, overrides: Mapping[str, Path], device: str) -> TextTower:
    """The tower that a model config names. Raises MissingWeights where its files are not here."""
    folder = locate(config.weights, overrides)
    return T5Tower(folder, device, config.max_length) if config.kind == "t5" else ClapTower(folder, device)
