"""Conditioning: numbers as embeddings, and how prompt and timing reach the network.

Source: stable-audio-tools models/conditioners.py and models/adp.py at 50049e3; Evans et al. 2024, section 2.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class NumberConfig:
    """A `number` conditioner: values are clamped to [low, high] and embedded in `width` channels."""

    low: float
    high: float
    width: int


class _LearnedPosition(nn.Module):
    """x (batch,) to [x, sin 2 pi w x, cos 2 pi w x] (batch, 257) with 128 learnt frequencies."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(128))

    def forward(self, x: Tensor) -> Tensor:
        angle = 2 * math.pi * x[:, None] * self.weights
        return torch.cat([x[:, None], angle.sin(), angle.cos()], dim=-1)


class _Embedder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Sequential(_LearnedPosition(), nn.Linear(257, width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.embedding(x)
        return y


class NumberConditioner(nn.Module):
    """Seconds (batch,) to (batch, width)."""

    def __init__(self, config: NumberConfig) -> None:
        super().__init__()
        self.config = config
        self.embedder = _Embedder(config.width)

    def forward(self, values: Tensor) -> Tensor:
        low, high = self.config.low, self.config.high
        y: Tensor = self.embedder((values.clamp(low, high) - low) / (high - low))
        return y


def assemble(
    text: Tensor, numbers: dict[str, Tensor], cross_ids: tuple[str, ...], global_ids: tuple[str, ...]
) -> tuple[Tensor, Tensor]:
    """Cross-attention tokens (batch, n, width) and the global condition (batch, width).

    Tokens are joined over the sequence in the order of `cross_ids` (the text under "prompt"), the global
    condition over channels in the order of `global_ids`. Padding tokens of the text stay: the published models
    were trained with them in view.
    """
    tokens = [text if name == "prompt" else numbers[name][:, None] for name in cross_ids]
    return torch.cat(tokens, dim=1), torch.cat([numbers[name] for name in global_ids], dim=-1)
