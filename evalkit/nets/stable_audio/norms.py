"""The norms of Stable Audio's transformers, with the tensor names of stable-audio-tools (models/transformer.py).

Sources: Zhang & Sennrich, "Root mean square layer normalization", 2019; Zhu et al., "Transformers without
normalization", 2025 (dynamic tanh); Dehghani et al., "Scaling vision transformers to 22 billion parameters", 2023, of
queries and keys.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LayerNorm(nn.Module):
    """LayerNorm with a learnt `gamma` and a `beta` that is stored but always zero."""

    beta: Tensor

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.register_buffer("beta", torch.zeros(width))
        self._eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.gamma, self.beta, self._eps)


class RMSNorm(nn.Module):
    """x over the root of its mean square, times a learnt `gamma`, in float32 or better whatever x is."""

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self._eps = eps

    def forward(self, x: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        return F.rms_norm(x.to(exact), x.shape[-1:], self.gamma.to(exact), self._eps).to(x.dtype)


class DynamicTanh(nn.Module):
    """gamma tanh(alpha x) + beta: no statistics of x, and one learnt alpha."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), 4.0))
        self.gamma = nn.Parameter(torch.ones(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.beta, torch.tanh(self.alpha * x), self.gamma)


QK_EPS = 1e-6
"""Of the norms of queries and keys that have one."""


def qk_norm(kind: str, width: int) -> nn.Module:
    """What norms queries or keys over each head: `kind` is "none", "ln", "rms" or "dyt"."""
    if kind == "ln":
        return nn.LayerNorm(width, eps=QK_EPS)
    if kind == "rms":
        return RMSNorm(width, eps=QK_EPS)
    return DynamicTanh(width) if kind == "dyt" else nn.Identity()
