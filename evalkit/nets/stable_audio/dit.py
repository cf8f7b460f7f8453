"""DiT: the diffusion transformer of Stable Audio 2.0 and Stable Audio Open.

Noisy latents (batch, channels, length), a time t in [0, 1], cross-attention tokens (batch, tokens, width) and a
global condition (batch, width) to a velocity (batch, channels, length). Module and tensor names are those of
stable-audio-tools (models/dit.py and models/transformer.py at 50049e3). Source: Evans et al., "Long-form music
generation with latent diffusion", 2024, section 2.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class DiTConfig:
    """Sizes as in the `model.diffusion.config` block of a stable-audio-tools model config.

    Without `project_cond_tokens` the keys and values keep the width of the condition, which is narrower than
    the queries': several query heads then share one key head (grouped-query attention).
    """

    io_channels: int = 64
    embed_dim: int = 1536
    depth: int = 24
    num_heads: int = 24
    cond_token_dim: int = 768
    global_cond_dim: int = 1536
    project_cond_tokens: bool = False

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


class FourierFeatures(nn.Module):
    """t (batch, 1) to [cos 2 pi w t, sin 2 pi w t] (batch, width) with learnt frequencies w."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width // 2, 1))

    def forward(self, t: Tensor) -> Tensor:
        angle = 2 * math.pi * t @ self.weight.T
        return torch.cat([angle.cos(), angle.sin()], dim=-1)


class LayerNorm(nn.Module):
    """LayerNorm with a learnt `gamma` and a `beta` that is stored but always zero."""

    beta: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.register_buffer("beta", torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.gamma, self.beta)


def rotary_table(length: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """cos and sin (length, width) of positions 0..length-1, in fp32: half precision loses far positions."""
    frequency = 10000.0 ** (-torch.arange(0, width, 2, device=device, dtype=torch.float32) / width)
    angle = torch.outer(torch.arange(length, device=device, dtype=torch.float32), frequency)
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate the first dimensions of each head, (batch, heads, length, head_dim); the others pass."""
    cos, sin = table
    turned, kept = x[..., : cos.shape[-1]].float(), x[..., cos.shape[-1] :]
    first, second = turned.chunk(2, dim=-1)
    turned = turned * cos + torch.cat([-second, first], dim=-1) * sin
    return torch.cat([turned.to(x.dtype), kept], dim=-1)


def heads(x: Tensor, width: int) -> Tensor:
    """(batch, length, heads * width) to (batch, heads, length, width)."""
    return x.unflatten(-1, (-1, width)).transpose(1, 2)


class SelfAttention(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.width = config.head_dim
        self.to_qkv = nn.Linear(config.embed_dim, 3 * config.embed_dim, bias=False)
        self.to_out = nn.Linear(config.embed_dim, config.embed_dim, bias=False)

    def forward(self, x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
        q, k, v = (heads(part, self.width) for part in self.to_qkv(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(rotate(q, table), rotate(k, table), v)
        out: Tensor = self.to_out(y.transpose(1, 2).flatten(2))
        return out


class CrossAttention(nn.Module):
    """Queries from the latents, keys and values from the condition; nothing is masked, as in training."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.width = config.head_dim
        self.to_q = nn.Linear(config.embed_dim, config.embed_dim, bias=False)
        self.to_kv = nn.Linear(config.context_dim, 2 * config.context_dim, bias=False)
        self.to_out = nn.Linear(config.embed_dim, config.embed_dim, bias=False)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        q = heads(self.to_q(x), self.width)
        k, v = (heads(part, self.width) for part in self.to_kv(context).chunk(2, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, enable_gqa=q.shape[1] != k.shape[1])
        out: Tensor = self.to_out(y.transpose(1, 2).flatten(2))
        return out


class GLU(nn.Module):
    """x * silu(gate), both halves of one projection."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width_in, 2 * width_out)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.silu(gate)


class FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ff = nn.Sequential(GLU(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.ff(x)
        return y


class Block(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.pre_norm = LayerNorm(config.embed_dim)
        self.self_attn = SelfAttention(config)
        self.cross_attend_norm = LayerNorm(config.embed_dim)
        self.cross_attn = CrossAttention(config)
        self.ff_norm = LayerNorm(config.embed_dim)
        self.ff = FeedForward(config.embed_dim)

    def forward(self, x: Tensor, context: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.self_attn(self.pre_norm(x), table)
        x = x + self.cross_attn(self.cross_attend_norm(x), context)
        return x + self.ff(self.ff_norm(x))


class Transformer(nn.Module):
    """Blocks over (batch, length, channels), with one prepended token that carries time and duration."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.rotary_dim = config.rotary_dim
        self.project_in = nn.Linear(config.io_channels, config.embed_dim, bias=False)
        self.project_out = nn.Linear(config.embed_dim, config.io_channels, bias=False)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.depth))

    def forward(self, x: Tensor, prepended: Tensor, context: Tensor) -> Tensor:
        x = torch.cat([prepended[:, None], self.project_in(x)], dim=1)
        table = rotary_table(x.shape[1], self.rotary_dim, x.device)
        for layer in self.layers:
            x = layer(x, context, table)
        out: Tensor = self.project_out(x[:, 1:])
        return out


def _projection(width_in: int, width_out: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width_in, width_out, bias), nn.SiLU(), nn.Linear(width_out, width_out, bias))


class DiT(nn.Module):
    """The velocity network v(x, t | tokens, global condition)."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        self.timestep_features = FourierFeatures(256)
        self.to_timestep_embed = _projection(256, config.embed_dim, bias=True)
        self.to_cond_embed = _projection(config.cond_token_dim, config.context_dim, bias=False)
        self.to_global_embed = _projection(config.global_cond_dim, config.embed_dim, bias=False)
        self.preprocess_conv = nn.Conv1d(config.io_channels, config.io_channels, 1, bias=False)
        self.transformer = Transformer(config)
        self.postprocess_conv = nn.Conv1d(config.io_channels, config.io_channels, 1, bias=False)

    def initialize(self) -> None:
        """Start each residual branch and both outer convolutions at zero, as training does."""
        nn.init.zeros_(self.preprocess_conv.weight)
        nn.init.zeros_(self.postprocess_conv.weight)
        for layer in self.transformer.layers:
            assert isinstance(layer, Block)
            for branch in (layer.self_attn.to_out, layer.cross_attn.to_out):
                nn.init.zeros_(branch.weight)

    def forward(self, x: Tensor, t: Tensor, tokens: Tensor, condition: Tensor) -> Tensor:
        """x (batch, channels, length), t (batch,), tokens (batch, n, width), condition (batch, width)."""
        context = self.to_cond_embed(tokens)
        prepended = self.to_global_embed(condition) + self.to_timestep_embed(self.timestep_features(t[:, None]))
        x = x + self.preprocess_conv(x)
        x = self.transformer(x.transpose(1, 2), prepended, context).transpose(1, 2)
        return x + self.postprocess_conv(x)
