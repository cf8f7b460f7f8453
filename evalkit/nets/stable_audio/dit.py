"""DiT: the diffusion transformer of Stable Audio 2.0, Stable Audio Open and Stable Audio 3.

Noisy latents (batch, channels, length), a time t in [0, 1], cross-attention tokens (batch, tokens, width) and a
global condition (batch, width) to a velocity (batch, channels, length). Time and global condition reach it as one
token before the latents, or modulate every block (adaLN). Stable Audio 3 has learnt memory tokens before all others,
and is told of each latent what a local condition says, which a block adds to its rows. Module and tensor names are
those of stable-audio-tools (models/dit.py and models/transformer.py, 0.0.20). Source: Evans et al., "Long-form music
generation with latent diffusion", 2024, section 2.3; adaLN from Peebles & Xie, "Scalable diffusion models with
transformers", 2023; memory tokens from Burtsev et al., "Memory transformer", 2020.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from evalkit.nets.stable_audio.attention import CrossAttention, FeedForward, Heard, SelfAttention, plus
from evalkit.nets.stable_audio.conditioning import Condition, ExpoFeatures, Step
from evalkit.nets.stable_audio.norms import LayerNorm, RMSNorm
from evalkit.nets.stable_audio.rotary import Table, rotary_table


@dataclass(frozen=True)
class DiTConfig:
    """Sizes as in the `model.diffusion.config` block of a stable-audio-tools model config.

    Without `project_cond_tokens` the keys and values keep the width of the condition, which is narrower than
    the queries': several query heads then share one key head (grouped-query attention). A width of 0 means that
    the model has no such condition. `qk_norm` is "none", "ln" or "rms", `norm` "layer_norm" or "rms_norm",
    `global_cond_type` "prepend" or "adaLN", `time_features` "learned" or "expo".
    """

    io_channels: int = 64
    embed_dim: int = 1536
    depth: int = 24
    num_heads: int = 24
    cond_token_dim: int = 768
    global_cond_dim: int = 1536
    project_cond_tokens: bool = False
    prepend_cond_dim: int = 0
    project_global_cond: bool = True
    global_cond_type: str = "prepend"
    qk_norm: str = "none"
    norm: str = "layer_norm"
    norm_eps: float = 1e-5
    differential: bool = False
    memory_tokens: int = 0
    local_cond_dim: int = 0
    time_features: str = "learned"
    time_width: int = 256

    @property
    def head_dim(self) -> int:
        return self.embed_dim // self.num_heads

    @property
    def context_dim(self) -> int:
        """Width of the tokens that cross-attention sees."""
        return self.embed_dim if self.project_cond_tokens else self.cond_token_dim

    @property
    def rotary_dim(self) -> int:
        """How many dimensions of each head are rotated."""
        return max(self.head_dim // 2, 32)


@dataclass(frozen=True)
class Told:
    """What a condition comes to inside the network. It is the same at every step, and computed once for all of them.

    `heard` has the keys and values of each block. Where their batch is smaller than the latents', the rows beyond it
    hear nothing: that is what zero tokens come to, exactly, since cross-attention has no bias anywhere. `overall`
    (batch, width) is the global condition without the time, `before` (batch, m, width) what is prepended. `local` has
    what each block adds to the rows of the latents, (batch or 1, length or 1, width).
    """

    table: Table
    heard: Sequence[Heard] | None = None
    overall: Tensor | None = None
    before: Tensor | None = None
    local: Sequence[Tensor] | None = None


class FourierFeatures(nn.Module):
    """t (batch, 1) to [cos 2 pi w t, sin 2 pi w t] (batch, width) with learnt frequencies w."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width // 2, 1))

    def forward(self, t: Tensor) -> Tensor:
        angle = 2 * math.pi * t.to(self.weight.dtype) @ self.weight.T
        return torch.cat([angle.cos(), angle.sin()], dim=-1)


class Block(nn.Module):
    """Self-attention, cross-attention if the model has tokens, feed-forward, each on a normed residual path."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        width, norm = config.embed_dim, RMSNorm if config.norm == "rms_norm" else LayerNorm
        kind = config.head_dim, config.qk_norm, config.differential
        self.pre_norm = norm(width, config.norm_eps)
        self.self_attn = SelfAttention(width, *kind)
        if config.cond_token_dim:
            self.cross_attend_norm = norm(width, config.norm_eps)
            self.cross_attn = CrossAttention(width, config.context_dim, *kind)
        self.ff_norm = norm(width, config.norm_eps)
        self.ff = FeedForward(width)
        if config.global_cond_type == "adaLN":
            self.to_scale_shift_gate = nn.Parameter(torch.randn(6 * width) / width**0.5)
        if config.local_cond_dim:
            self.to_local_embed = _projection(config.local_cond_dim, width, bias=True)

    def forward(
        self,
        x: Tensor,
        table: Table,
        heard: Heard | None = None,
        modulation: Tensor | None = None,
        local: Tensor | None = None,
        first: int = 0,
    ) -> Tensor:
        """x (batch, length, width), modulation (batch, 6 * width) for adaLN; `local` (batch or 1, n or 1, width) is
        added to the rows of the latents, which begin with the `first`."""
        if modulation is None:
            x = plus(x, self.self_attn(self.pre_norm(x), table))
            x = _with_local(self._crossed(x, heard), local, first)
            return plus(x, self.ff(self.ff_norm(x)))
        parts = (self.to_scale_shift_gate + modulation)[:, None].chunk(6, dim=-1)
        scale, shift, gate = parts[:3]
        y = self.self_attn(self.pre_norm(x) * (1 + scale) + shift, table)
        x = _with_local(self._crossed(x + y * torch.sigmoid(1 - gate), heard), local, first)
        scale, shift, gate = parts[3:]
        y = self.ff(self.ff_norm(x) * (1 + scale) + shift)
        return x + y * torch.sigmoid(1 - gate)

    def _crossed(self, x: Tensor, heard: Heard | None) -> Tensor:
        if heard is None:
            return x
        n = heard[0].shape[0]
        if n == x.shape[0]:
            return plus(x, self.cross_attn(self.cross_attend_norm(x), heard))
        x[:n] += self.cross_attn(self.cross_attend_norm(x[:n]), heard)  # in guidance alone, where nothing is learnt
        return x


def _with_local(x: Tensor, local: Tensor | None, first: int) -> Tensor:
    if local is None:
        return x
    if torch.is_grad_enabled():
        return torch.cat([x[:, :first], x[:, first:] + local], dim=1)
    x[:, first:] += local
    return x


class Transformer(nn.Module):
    """Blocks over (batch, length, channels), with the prepended tokens before them and cut off again."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.rotary_dim = config.rotary_dim
        memory = torch.randn(config.memory_tokens, config.embed_dim) if config.memory_tokens else None
        self.memory_tokens = None if memory is None else nn.Parameter(memory)
        self.project_in = nn.Linear(config.io_channels, config.embed_dim, bias=False)
        self.project_out = nn.Linear(config.embed_dim, config.io_channels, bias=False)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.depth))
        if config.global_cond_type == "adaLN":
            self.global_cond_embedder = nn.Sequential(
                nn.Linear(config.embed_dim, config.embed_dim),
                nn.SiLU(),
                nn.Linear(config.embed_dim, 6 * config.embed_dim),
            )

    def forward(self, x: Tensor, prepended: Tensor | None, told: Told, overall: Tensor | None = None) -> Tensor:
        """x (batch, length, channels), prepended (batch, m, width), and `overall` (batch, width) for adaLN."""
        x = self.project_in(x)
        before = [] if prepended is None else [prepended]
        if self.memory_tokens is not None:
            before.insert(0, self.memory_tokens.expand(len(x), -1, -1))
        first = sum(part.shape[1] for part in before)
        x = torch.cat([*before, x], dim=1) if before else x
        modulation = None if overall is None else self.global_cond_embedder(overall)
        for index, layer in enumerate(self.layers):
            heard = None if told.heard is None else told.heard[index]
            local = None if told.local is None else told.local[index]
            x = layer(x, told.table, heard, modulation, local, first)
        out: Tensor = self.project_out(x[:, first:])
        return out


def _projection(width_in: int, width_out: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width_in, width_out, bias), nn.SiLU(), nn.Linear(width_out, width_out, bias))


class DiT(nn.Module):
    """The velocity network v(x, t | tokens, global condition)."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        width = config.embed_dim
        expo, time = config.time_features == "expo", config.time_width
        self.timestep_features: nn.Module = ExpoFeatures(time) if expo else FourierFeatures(time)
        self.to_timestep_embed = _projection(time, width, bias=True)
        if config.cond_token_dim:
            self.to_cond_embed = _projection(config.cond_token_dim, config.context_dim, bias=False)
        if config.global_cond_dim:
            out = width if config.project_global_cond else config.global_cond_dim
            self.to_global_embed = _projection(config.global_cond_dim, out, bias=False)
        if config.prepend_cond_dim:
            self.to_prepend_embed = _projection(config.prepend_cond_dim, width, bias=False)
        self.preprocess_conv = nn.Conv1d(config.io_channels, config.io_channels, 1, bias=False)
        self.transformer = Transformer(config)
        self.postprocess_conv = nn.Conv1d(config.io_channels, config.io_channels, 1, bias=False)

    @property
    def weight(self) -> Tensor:
        """A weight that is where the network is, in its precision."""
        return self.preprocess_conv.weight

    def initialize(self) -> None:
        """Start each residual branch and both outer convolutions at zero, as training does."""
        nn.init.zeros_(self.preprocess_conv.weight)
        nn.init.zeros_(self.postprocess_conv.weight)
        for layer in self.blocks():
            nn.init.zeros_(layer.self_attn.to_out.weight)
            if self.config.cond_token_dim:
                nn.init.zeros_(layer.cross_attn.to_out.weight)

    def velocity(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """v of x (batch, channels, length) at t (batch,)."""
        return self.step(x, t, self.told(condition, x.shape[-1]))

    def told(self, condition: Condition, length: int) -> Told:
        """The condition as every step for latents of `length` needs it."""
        tokens, vector, prepended = condition.tokens, condition.vector, condition.prepended
        before = None if prepended is None else self.to_prepend_embed(prepended)
        extra = (0 if before is None else before.shape[1]) + (self.config.global_cond_type == "prepend")
        extra += self.config.memory_tokens
        device = self.preprocess_conv.weight.device
        return Told(
            rotary_table(length + extra, self.config.rotary_dim, device),
            None if tokens is None else self._heard(tokens),
            None if vector is None else self.to_global_embed(vector),
            before,
            self._local(condition.local) if self.config.local_cond_dim else None,
        )

    def conditioned(self, condition: Condition, length: int) -> Step:
        """The network under a condition, for latents of `length`."""
        told = self.told(condition, length)
        return lambda x, t: self.step(x, t, told)

    def guided(self, condition: Condition, length: int, negative: Condition | None = None) -> Step:
        """The network for a batch of two halves, under the condition and under the null of :meth:`null`.

        Where there is no negative prompt the null's tokens are zeros, and its half hears nothing.
        """
        both = condition.joined(self.null(condition, negative))
        return self.conditioned(replace(both, tokens=condition.tokens) if negative is None else both, length)

    def _heard(self, tokens: Tensor) -> list[Heard]:
        context = self.to_cond_embed(tokens)
        return [layer.cross_attn.hear(context) for layer in self.blocks()]

    def _local(self, local: Tensor | None) -> list[Tensor]:
        """What each block adds for a local condition; without one, for zeros, which its biases make something of."""
        if local is None:
            local = self.weight.new_zeros(1, 1, self.config.local_cond_dim)
        return [layer.to_local_embed(local) for layer in self.blocks()]

    def blocks(self) -> Iterator[Block]:
        """The transformer's layers."""
        for layer in self.transformer.layers:
            assert isinstance(layer, Block)
            yield layer

    def step(self, x: Tensor, t: Tensor, told: Told) -> Tensor:
        """v of x (batch, channels, length) at t (batch,)."""
        overall = self.to_timestep_embed(self.timestep_features(t[:, None]).to(x.dtype))
        if told.overall is not None:
            overall = told.overall + overall
        before = [] if told.before is None else [told.before]
        x = x + self.preprocess_conv(x)
        if self.config.global_cond_type == "adaLN":
            y = self.transformer(x.transpose(1, 2), torch.cat(before, dim=1) if before else None, told, overall)
        else:
            y = self.transformer(x.transpose(1, 2), torch.cat([*before, overall[:, None]], dim=1), told)
        y = y.transpose(1, 2)
        return y + self.postprocess_conv(y)

    def null(self, condition: Condition, negative: Condition | None = None) -> Condition:
        """The other half of guidance: zeros for tokens and prepended tokens, or a negative prompt's tokens with
        zeros at its padding, and the same global condition (seconds), as in training."""
        tokens = None if condition.tokens is None else torch.zeros_like(condition.tokens)
        if tokens is not None and negative is not None:
            tokens = negative.words_or(tokens)
        prepended = None if condition.prepended is None else torch.zeros_like(condition.prepended)
        return replace(condition, tokens=tokens, prepended=prepended)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        tokens: Tensor | None = None,
        condition: Tensor | None = None,
        prepended: Tensor | None = None,
    ) -> Tensor:
        """x (batch, channels, length), t (batch,), tokens (batch, n, width), condition (batch, width), prepended
        (batch, m, width); what the config has no width for is left out."""
        return self.velocity(x, t, Condition(tokens, None, prepended, condition))
