"""Conditioning: numbers as embeddings, and how prompt and timing reach the network.

Source: stable-audio-tools models/conditioners.py, models/adp.py and models/diffusion.py at 50049e3; Evans et al.,
"Fast timing-conditioned latent audio diffusion", 2024, section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Condition:
    """What the network is told about each item of a batch; a part that the model does not use is None.

    `tokens` (batch, n, width) are for cross-attention and `mask` (batch, n) is 1 at their words and 0 at padding;
    `prepended` (batch, m, width) are put before the latents; `vector` (batch, width) is the global condition; `local`
    (batch, length, width) says something of every latent.
    """

    tokens: Tensor | None = None
    mask: Tensor | None = None
    prepended: Tensor | None = None
    vector: Tensor | None = None
    local: Tensor | None = None

    def joined(self, other: Condition) -> Condition:
        """Both batches as one, this one's items first."""
        return Condition(
            _joined(self.tokens, other.tokens),
            _joined(self.mask, other.mask),
            _joined(self.prepended, other.prepended),
            _joined(self.vector, other.vector),
            _joined(self.local, other.local),
        )

    def rows(self, rows: Sequence[int]) -> Condition:
        """Those items of the batch alone."""
        parts = (self.tokens, self.mask, self.prepended, self.vector, self.local)
        return Condition(*(None if part is None else part[list(rows)] for part in parts))

    def words_or(self, other: Tensor) -> Tensor:
        """The tokens where they are words, and `other` (batch, n, width) at padding."""
        if self.tokens is None or self.mask is None:
            return other if self.tokens is None else self.tokens
        return torch.where(self.mask[..., None].bool(), self.tokens, other)


Step = Callable[[Tensor, Tensor], Tensor]
"""A backbone under one condition: (x (batch, channels, length), t (batch,)) -> v."""


def _joined(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    return None if first is None or second is None else torch.cat([first, second])


@dataclass(frozen=True)
class NumberConfig:
    """A `number` conditioner: values are clamped to [low, high] and embedded in `width` channels, by learnt frequencies
    or, `expo`, by given ones."""

    low: float
    high: float
    width: int
    expo: bool = False


@dataclass(frozen=True)
class IntConfig:
    """An `int` conditioner: one learnt row of `width` channels for each of 0, 1, ..., `high`."""

    high: int
    width: int


class ExpoFeatures(nn.Module):
    """x (batch,) or (batch, 1) to [cos 2 pi f x, sin 2 pi f x] (batch, width), in float32.

    The frequencies f go from 0.5 to 10,000 in even ratios; nothing is learnt. The products are taken in the original's
    order: at the highest frequencies float32 leaves three digits of an angle, and another order leaves others.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self._count = width // 2

    def forward(self, x: Tensor) -> Tensor:
        low, high = math.log(0.5), math.log(10000.0)
        exact = torch.promote_types(x.dtype, torch.float32)
        ramp = torch.linspace(0, 1, self._count, device=x.device, dtype=torch.float32)
        angle = x.reshape(-1, 1).to(exact) * torch.exp(ramp * (high - low) + low) * 2 * math.pi
        return torch.cat([angle.cos(), angle.sin()], dim=-1)


class LearnedPosition(nn.Module):
    """x (batch,) to [x, sin 2 pi w x, cos 2 pi w x] (batch, width + 1) with width / 2 learnt frequencies w."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(width // 2))

    def forward(self, x: Tensor) -> Tensor:
        angle = 2 * math.pi * x[:, None] * self.weights
        return torch.cat([x[:, None], angle.sin(), angle.cos()], dim=-1)


class _Embedder(nn.Module):
    def __init__(self, width: int, expo: bool) -> None:
        super().__init__()
        features = (ExpoFeatures(256), 256) if expo else (LearnedPosition(256), 257)
        self.embedding = nn.Sequential(features[0], nn.Linear(features[1], width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.embedding(x)
        return y


class NumberConditioner(nn.Module):
    """Seconds (batch,) to (batch, width)."""

    def __init__(self, config: NumberConfig) -> None:
        super().__init__()
        self.config = config
        self.embedder = _Embedder(config.width, config.expo)

    def forward(self, values: Tensor) -> Tensor:
        low, high = self.config.low, self.config.high
        share = (values.clamp(low, high) - low) / (high - low)
        y: Tensor = self.embedder(share.to(next(self.parameters()).dtype))
        return y


class IntConditioner(nn.Module):
    """Seconds (batch,) to (batch, width).

    The published code takes whole seconds only. A fraction counts as the whole second that it falls in, so that
    the model is never told of less time than the sound takes.
    """

    def __init__(self, config: IntConfig) -> None:
        super().__init__()
        self.config = config
        self.int_embedder = nn.Embedding(config.high + 1, config.width)

    def forward(self, values: Tensor) -> Tensor:
        y: Tensor = self.int_embedder(values.ceil().long().clamp(0, self.config.high))
        return y


class TextConditioner(nn.Module):
    """Text (batch, tokens, width in) to what the network is told of it (batch, tokens, width out).

    Where a text tower's own width is another, it is projected. The rows at padding, where `mask` (batch, tokens) is 0,
    are replaced by a learnt one where the model has one: it says what comes after the words, and is heard.
    """

    def __init__(self, width_in: int, width_out: int, projected: bool, learnt_padding: bool) -> None:
        super().__init__()
        if projected:
            self.proj_out = nn.Linear(width_in, width_out)
        if learnt_padding:
            self.padding_embedding = nn.Parameter(0.02 * torch.randn(width_out))
        self._projected, self._padded = projected, learnt_padding

    def forward(self, text: Tensor, mask: Tensor) -> Tensor:
        y: Tensor = self.proj_out(text) if self._projected else text
        return torch.where(mask[..., None].bool(), y, self.padding_embedding) if self._padded else y


@dataclass(frozen=True)
class Routes:
    """Which conditioners, by id, reach the network by which way."""

    cross: tuple[str, ...] = ()
    prepend: tuple[str, ...] = ()
    vector: tuple[str, ...] = ()


Part = tuple[Tensor, Tensor]
"""What one conditioner says: values (batch, n, width) and mask (batch, n)."""


def number_part(values: Tensor) -> Part:
    """A number's (batch, width) as a single token that is never padding."""
    return values[:, None], values.new_ones(values.shape[0], 1)


def assemble(parts: Mapping[str, Part], routes: Routes) -> Condition:
    """The condition that `parts` make: tokens are joined over the sequence in the order of the route, the global
    condition over channels. Padding tokens of the text stay: the published models were trained with them in view.
    """
    return Condition(
        tokens=_along(0, parts, routes.cross),
        mask=_along(1, parts, routes.cross),
        prepended=_along(0, parts, routes.prepend),
        vector=torch.cat([parts[name][0][:, 0] for name in routes.vector], dim=-1) if routes.vector else None,
    )


def _along(which: int, parts: Mapping[str, Part], names: Sequence[str]) -> Tensor | None:
    return torch.cat([parts[name][which] for name in names], dim=1) if names else None
