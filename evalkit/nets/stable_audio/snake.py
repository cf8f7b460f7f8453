"""Snake, x + s sin^2(f x): the periodic activation of Stable Audio's autoencoders, with little memory traffic.

Written out, it is five passes over activations that are the largest things in the whole model; decoding is bound by
them. Where nothing is learnt, a CPU takes a stretch of time after the other, whose intermediate values stay in its
cache, and a GPU takes one kernel that torch.compile makes, if Triton is there to make it with. The plain expression
is what both compute. Source: Ziyin et al. 2020; per-channel s (SnakeBeta) from BigVGAN, Lee et al. 2023.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

_CACHED = 1 << 16
"""Values of one stretch: 256 KiB in float32."""
_SHORTEST = 1 << 10


def snake(x: Tensor, frequency: Tensor, scale: Tensor) -> Tensor:
    """x (batch, channels, length) with frequency and scale of shape (channels, 1)."""
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        return plain(x, frequency, scale)
    if x.device.type == "cpu":
        return _in_stretches(x, frequency, scale)
    return _one_kernel()(x, frequency, scale)


def plain(x: Tensor, frequency: Tensor, scale: Tensor) -> Tensor:
    """The expression itself."""
    return x + torch.sin(x * frequency).square() * scale


def _in_stretches(x: Tensor, frequency: Tensor, scale: Tensor) -> Tensor:
    out = torch.empty_like(x)
    stretch = max(_CACHED // (x.shape[0] * x.shape[1]), _SHORTEST)
    for part, place in zip(x.split(stretch, dim=-1), out.split(stretch, dim=-1), strict=True):
        wave = (part * frequency).sin_()
        torch.addcmul(part, wave, wave * scale, out=place)
    return out


@cache
def _one_kernel() -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    if importlib.util.find_spec("triton") is None:
        return plain
    compiled: Callable[[Tensor, Tensor, Tensor], Tensor] = torch.compile(plain, dynamic=True)
    return compiled
