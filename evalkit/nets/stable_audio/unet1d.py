"""U-Net: the one-dimensional diffusion network of Stable Audio 1.0.

Noisy latents (batch, channels, length), a time t in [0, 1] and cross-attention tokens (batch, tokens, width) to a
velocity (batch, channels, length). Residual blocks are modulated by the time (FiLM), transformers inside each
level attend to the tokens, and the null of classifier-free guidance is learnt. Module and tensor names are those
of stable-audio-tools (models/adp.py at 50049e3, after audio-diffusion-pytorch 0.0.94). Source: Evans et al.,
"Fast timing-conditioned latent audio diffusion", 2024, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evalkit.nets.stable_audio.conditioning import Condition, LearnedPosition, Step
from evalkit.nets.stable_audio.unet_parts import Conv, ResidualBlock, TransposedConv


@dataclass(frozen=True)
class UNetConfig:
    """Sizes as in the `model.diffusion.config` block of a stable-audio-tools model config.

    Level i goes from `channels * multipliers[i]` to `channels * multipliers[i + 1]` channels, is `factors[i]` times
    shorter, and has `num_blocks[i]` residual blocks and a transformer of `attentions[i]` layers, none at 0;
    `attentions[-1]` is the bottleneck's. `context_features` is the width of the global condition, 0 without one.
    """

    in_channels: int = 64
    channels: int = 256
    multipliers: tuple[int, ...] = (4, 4, 4, 5, 5)
    factors: tuple[int, ...] = (1, 2, 2, 4)
    num_blocks: tuple[int, ...] = (2, 2, 2, 2)
    attentions: tuple[int, ...] = (1, 3, 3, 3, 3)
    attention_heads: int = 16
    attention_multiplier: int = 4
    resnet_groups: int = 16
    kernel_multiplier_downsample: int = 2
    use_skip_scale: bool = True
    context_features: int = 0
    context_embedding_features: int = 768
    context_embedding_max_length: int = 79

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels before the first level and after each."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)

    @property
    def mapping_features(self) -> int:
        """Width of what modulates the residual blocks."""
        return 4 * self.channels

    @property
    def io_channels(self) -> int:
        """Channels of a latent, here as in the DiT."""
        return self.in_channels

    @property
    def ratio(self) -> int:
        """A length must be a multiple of this."""
        return math.prod(self.factors)


class Edge(nn.Module):
    """The residual block between the latents and the levels, at either end."""

    def __init__(self, width_in: int, width_out: int, features: int) -> None:
        super().__init__()
        self.block = ResidualBlock(width_in, width_out, 1, features)

    def forward(self, x: Tensor, mapping: Tensor) -> Tensor:
        y: Tensor = self.block(x, mapping)
        return y


class _Projected(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_out = nn.Linear(width, width)


Heard = tuple[Tensor, Tensor]
"""Keys and values (batch, heads, n, width / heads) of what is attended to."""


class Attention(nn.Module):
    """Attention of x (batch, length, width) to a context (batch, n, context width), or to itself.

    A mask (batch, n) multiplies keys and values: a masked token keeps its share of the softmax, as in training.
    """

    def __init__(self, width: int, heads: int, context_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.norm_context = nn.LayerNorm(context_width)
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_kv = nn.Linear(context_width, 2 * width, bias=False)
        self.attention = _Projected(width)

    def hear(self, context: Tensor, mask: Tensor | None = None) -> Heard:
        """What x attends to: of a prompt, the same in every step."""
        kv = self.to_kv(self.norm_context(context))
        if mask is not None:
            kv = kv * mask[..., None].to(kv.dtype)
        k, v = kv.chunk(2, dim=-1)
        return self._split(k), self._split(v)

    def forward(self, x: Tensor, heard: Heard) -> Tensor:
        q = self.to_q(self.norm(x))
        y = F.scaled_dot_product_attention(self._split(q), *heard)
        out: Tensor = self.attention.to_out(y.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        """(batch, length, width) to (batch, heads, length, width / heads)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class TransformerBlock(nn.Module):
    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        inner = width * config.attention_multiplier
        self.attention = Attention(width, config.attention_heads, width)
        self.cross_attention = Attention(width, config.attention_heads, config.context_embedding_features)
        self.feed_forward = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))

    def forward(self, x: Tensor, heard: Heard) -> Tensor:
        x = self.attention(x, self.attention.hear(x)) + x
        x = self.cross_attention(x, heard) + x
        y: Tensor = self.feed_forward(x) + x
        return y


class Transformer(nn.Module):
    """Transformer blocks over (batch, channels, length); nothing around them but their own residual paths."""

    def __init__(self, width: int, depth: int, config: UNetConfig) -> None:
        super().__init__()
        self.to_in = nn.Sequential(nn.GroupNorm(32, width, eps=1e-6), Conv(width, width, 1))
        self.blocks = nn.ModuleList(TransformerBlock(width, config) for _ in range(depth))
        # The name of the convolution is to_out.1: in the published code it follows a transposition.
        self.to_out = nn.Sequential(nn.Identity(), Conv(width, width, 1))

    def hear(self, tokens: Tensor, mask: Tensor | None) -> list[Heard]:
        """What each block hears of tokens (batch, n, width) under their mask (batch, n)."""
        return [
            block.cross_attention.hear(tokens, mask) for block in self.blocks if isinstance(block, TransformerBlock)
        ]

    def forward(self, x: Tensor, heard: Sequence[Heard]) -> Tensor:
        x = self.to_in(x).transpose(1, 2)
        for block, own in zip(self.blocks, heard, strict=True):
            x = block(x, own)
        y: Tensor = self.to_out(x.transpose(1, 2))
        return y


@dataclass(frozen=True)
class Given:
    """What a level is given besides x: the time's mapping (batch, features), and what its transformer hears."""

    mapping: Tensor
    heard: Sequence[Heard]


class Down(nn.Module):
    """One level on the way down: shorter, then residual blocks, then a transformer; each one's output is a skip."""

    def __init__(self, level: int, config: UNetConfig) -> None:
        super().__init__()
        width_in, width = config.widths[level : level + 2]
        factor, depth = config.factors[level], config.attentions[level]
        self.downsample = Conv(width_in, width, factor * config.kernel_multiplier_downsample + 1, factor)
        self.blocks = nn.ModuleList(
            ResidualBlock(width, width, config.resnet_groups, config.mapping_features)
            for _ in range(config.num_blocks[level])
        )
        self.transformer = Transformer(width, depth, config) if depth else None

    def forward(self, x: Tensor, given: Given) -> tuple[Tensor, list[Tensor]]:
        x = self.downsample(x)
        skips = []
        for block in self.blocks:
            x = block(x, given.mapping)
            skips.append(x)
        if self.transformer is not None:
            x = self.transformer(x, given.heard)
            skips.append(x)
        return x, skips


class Middle(nn.Module):
    """The bottleneck."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        width, depth = config.widths[-1], config.attentions[-1]
        self.pre_block = ResidualBlock(width, width, config.resnet_groups, config.mapping_features)
        self.transformer = Transformer(width, depth, config) if depth else None
        self.post_block = ResidualBlock(width, width, config.resnet_groups, config.mapping_features)

    def forward(self, x: Tensor, given: Given) -> Tensor:
        x = self.pre_block(x, given.mapping)
        if self.transformer is not None:
            x = self.transformer(x, given.heard)
        y: Tensor = self.post_block(x, given.mapping)
        return y


class Up(nn.Module):
    """One level on the way up: a residual block for each skip, scaled by 1 / sqrt 2, a transformer, then longer."""

    def __init__(self, level: int, config: UNetConfig) -> None:
        super().__init__()
        width_out, width = config.widths[level : level + 2]
        factor, depth = config.factors[level], config.attentions[level]
        self.skip_scale = 2**-0.5 if config.use_skip_scale else 1.0
        self.blocks = nn.ModuleList(
            ResidualBlock(2 * width, width, config.resnet_groups, config.mapping_features)
            for _ in range(config.num_blocks[level] + bool(depth))
        )
        self.transformer = Transformer(width, depth, config) if depth else None
        self.upsample = Conv(width, width_out, 3) if factor == 1 else TransposedConv(width, width_out, factor)

    def forward(self, x: Tensor, skips: list[Tensor], given: Given) -> Tensor:
        for block, skip in zip(self.blocks, reversed(skips), strict=True):
            x = block(torch.cat([x, skip * self.skip_scale], dim=1), given.mapping)
        if self.transformer is not None:
            x = self.transformer(x, given.heard)
        y: Tensor = self.upsample(x)
        return y


class FixedEmbedding(nn.Module):
    """The learnt null: one row for each position, whatever the prompt. Of `like` (batch, n, width) only the shape
    counts."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(length, width)

    def forward(self, like: Tensor) -> Tensor:
        return self.embedding.weight[: like.shape[1]].expand_as(like)


class UNet(nn.Module):
    """The velocity network v(x, t | tokens)."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, features = config.widths, config.mapping_features
        levels = range(len(config.factors))
        self.to_mapping = nn.Sequential(
            nn.Linear(features, features), nn.GELU(), nn.Linear(features, features), nn.GELU()
        )
        position = nn.Sequential(LearnedPosition(config.channels), nn.Linear(config.channels + 1, features))
        self.to_time = nn.Sequential(position, nn.GELU())
        if config.context_features:
            self.to_features = nn.Sequential(nn.Linear(config.context_features, features), nn.GELU())
        self.to_in = Edge(config.in_channels, widths[0], features)
        self.downsamples = nn.ModuleList(Down(level, config) for level in levels)
        self.bottleneck = Middle(config)
        self.upsamples = nn.ModuleList(Up(level, config) for level in reversed(levels))
        self.to_out = Edge(widths[0], config.in_channels, features)
        self.fixed_embedding = FixedEmbedding(config.context_embedding_max_length, config.context_embedding_features)

    @property
    def weight(self) -> Tensor:
        """A weight that is where the network is, in its precision."""
        return next(self.to_in.parameters())

    def initialize(self) -> None:
        """Start every parameter at half of its usual size, as training does."""
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.mul_(0.5)

    def velocity(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """v of x (batch, channels, length) at t (batch,)."""
        assert condition.tokens is not None
        y: Tensor = self(x, t, condition.tokens, condition.mask, condition.vector)
        return y

    def conditioned(self, condition: Condition, length: int) -> Step:
        """The network under a condition, for latents of `length`."""
        assert condition.tokens is not None
        heard, vector = self._hear(condition.tokens, condition.mask), condition.vector
        return lambda x, t: self._step(x, t, heard, vector)

    def guided(self, condition: Condition, length: int, negative: Condition | None = None) -> Step:
        """The network for a batch of two halves, under the condition and under the null of :meth:`null`."""
        return self.conditioned(condition.joined(self.null(condition, negative)), length)

    def null(self, condition: Condition, negative: Condition | None = None) -> Condition:
        """The other half of guidance: the learnt null, or a negative prompt whose padding becomes it.

        The mask stays the prompt's own, in both halves, as published.
        """
        assert condition.tokens is not None
        tokens = self.fixed_embedding(condition.tokens)
        if negative is not None:
            tokens = negative.words_or(tokens)
        return Condition(tokens, condition.mask, None, condition.vector)

    def forward(
        self, x: Tensor, t: Tensor, tokens: Tensor, mask: Tensor | None = None, vector: Tensor | None = None
    ) -> Tensor:
        """x (batch, channels, length), t (batch,), tokens (batch, n, width) and their mask (batch, n), and the
        global condition (batch, width) if the config has one."""
        return self._step(x, t, self._hear(tokens, mask), vector)

    def _hear(self, tokens: Tensor, mask: Tensor | None) -> list[list[Heard]]:
        """What each part with a place for a transformer hears, in the order of computation."""
        parts = (*self.downsamples, self.bottleneck, *self.upsamples)
        return [[] if part.transformer is None else part.transformer.hear(tokens, mask) for part in parts]

    def _step(self, x: Tensor, t: Tensor, heard: list[list[Heard]], vector: Tensor | None) -> Tensor:
        mapping, told = self._mapping(t, vector), iter(heard)
        x = self.to_in(x, mapping)
        outermost, levels = x, []
        for down in self.downsamples:
            x, skips = down(x, Given(mapping, next(told)))
            levels.append(skips)
        x = self.bottleneck(x, Given(mapping, next(told)))
        for up in self.upsamples:
            x = up(x, levels.pop(), Given(mapping, next(told)))
        y: Tensor = self.to_out(x + outermost, mapping)
        return y

    def _mapping(self, t: Tensor, vector: Tensor | None) -> Tensor:
        mapping = self.to_time(t.to(next(self.to_time.parameters()).dtype)).to(self.weight.dtype)
        if vector is not None:
            mapping = mapping + self.to_features(vector)
        y: Tensor = self.to_mapping(mapping)
        return y
