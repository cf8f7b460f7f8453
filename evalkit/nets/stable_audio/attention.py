"""Attention and feed-forward of Stable Audio's transformers, plain or differential.

Differential attention subtracts what a second pair of queries and keys attends to of the same values, without the
weight and the norm of the paper (Ye et al., "Differential transformer", 2024). Tensor names and the order of each
projection's parts are those of stable-audio-tools (models/transformer.py, 0.0.20), which are not the same in self- and
cross-attention.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evalkit.nets.stable_audio.norms import qk_norm
from evalkit.nets.stable_audio.rotary import Table, rotate

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries (batch, heads, length, width), keys and values (batch, heads, n, width) -> what is attended to."""

Heard = tuple[Tensor, ...]
"""Keys and values of one block's cross-attention, each (batch, heads, n, head_dim), and second keys where it is
differential."""


def plus(x: Tensor, y: Tensor) -> Tensor:
    """x + y on a residual path: into x itself where nothing is learnt."""
    return x + y if torch.is_grad_enabled() else x.add_(y)


def heads(x: Tensor, width: int) -> Tensor:
    """(batch, length, heads * width) to (batch, heads, length, width)."""
    return x.unflatten(-1, (-1, width)).transpose(1, 2)


def everywhere(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Each query sees every key."""
    return F.scaled_dot_product_attention(q, k, v)


class SelfAttention(nn.Module):
    """(batch, length, width) to the same; `norm` is the norm of queries and keys."""

    def __init__(self, width: int, head_dim: int, norm: str = "none", differential: bool = False) -> None:
        super().__init__()
        self.width = head_dim
        self.parts = 5 if differential else 3
        self.to_qkv = nn.Linear(width, self.parts * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.q_norm, self.k_norm = qk_norm(norm, head_dim), qk_norm(norm, head_dim)

    def forward(self, x: Tensor, table: Table, attend: Attend = everywhere) -> Tensor:
        q, k, v, *second = (heads(part, self.width) for part in self.to_qkv(x).chunk(self.parts, dim=-1))
        y = attend(rotate(self.q_norm(q), table), rotate(self.k_norm(k), table), v)
        if second:
            q, k = second
            y = y - attend(rotate(self.q_norm(q), table), rotate(self.k_norm(k), table), v)
        out: Tensor = self.to_out(y.transpose(1, 2).flatten(2))
        return out


class CrossAttention(nn.Module):
    """Queries from the latents, keys and values from a context; nothing is masked, as in training."""

    def __init__(self, width: int, context: int, head_dim: int, norm: str = "none", differential: bool = False) -> None:
        super().__init__()
        self.width, self.differential = head_dim, differential
        self.to_q = nn.Linear(width, (1 + differential) * width, bias=False)
        self.to_kv = nn.Linear(context, (2 + differential) * context, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.q_norm, self.k_norm = qk_norm(norm, head_dim), qk_norm(norm, head_dim)

    def hear(self, context: Tensor) -> Heard:
        """Keys and values of context (batch, n, context width), one for each head of the queries."""
        *keys, v = (heads(part, self.width) for part in self.to_kv(context).chunk(2 + self.differential, dim=-1))
        k, *second = [self.k_norm(key) for key in keys]
        shared = self.to_out.in_features // self.width // k.shape[1]
        return tuple(part.repeat_interleave(shared, dim=1) for part in (k, v, *second))

    def forward(self, x: Tensor, heard: Heard) -> Tensor:
        """x (batch, length, width) of the same batch as what is heard."""
        q, *second = (
            self.q_norm(heads(part, self.width)) for part in self.to_q(x).chunk(1 + self.differential, dim=-1)
        )
        k, v, *others = heard
        y = everywhere(q, k, v)
        if second:
            y = y - everywhere(second[0], others[0], v)
        out: Tensor = self.to_out(y.transpose(1, 2).flatten(2))
        return out


class GLU(nn.Module):
    """x * silu(gate), or x * sin(pi gate), both halves of one projection."""

    def __init__(self, width_in: int, width_out: int, sine: bool = False) -> None:
        super().__init__()
        self.proj = nn.Linear(width_in, 2 * width_out)
        self._sine = sine

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        if self._sine:
            return value * torch.sin(math.pi * gate)
        return value * F.silu(gate, inplace=not torch.is_grad_enabled())


class FeedForward(nn.Module):
    def __init__(self, width: int, mult: int = 4, sine: bool = False) -> None:
        super().__init__()
        self.ff = nn.Sequential(GLU(width, mult * width, sine), nn.Identity(), nn.Linear(mult * width, width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.ff(x)
        return y
