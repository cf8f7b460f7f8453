"""Rotary positions: each head's first dimensions turned by angles that grow with the position.

Source: Su et al., "RoFormer", 2021; stable-audio-tools models/transformer.py at 50049e3.
"""

from __future__ import annotations

import torch
from torch import Tensor

Table = tuple[Tensor, Tensor]
"""cos and sin of every position's angles, each (length, rotated dimensions)."""


def rotary_table(length: int, width: int, device: torch.device) -> Table:
    """cos and sin (length, width) of positions 0..length-1, in fp32: half precision loses far positions."""
    frequency = 10000.0 ** (-torch.arange(0, width, 2, device=device, dtype=torch.float32) / width)
    angle = torch.outer(torch.arange(length, device=device, dtype=torch.float32), frequency)
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, table: Table) -> Tensor:
    """Rotate the first dimensions of each head, (batch, heads, length, head_dim); the others pass.

    Where nothing is learnt, x itself is turned: it is a projection's output that nobody else looks at.
    """
    cos, sin = table
    width = cos.shape[-1] // 2
    if not torch.is_grad_enabled() and x.dtype == cos.dtype:
        first, second = x[..., :width], x[..., width : 2 * width]
        turned = (first * cos[:, :width]).addcmul_(second, sin[:, :width], value=-1)
        second.mul_(cos[:, :width]).addcmul_(first, sin[:, :width])
        first.copy_(turned)
        return x
    turned, kept = x[..., : 2 * width].float(), x[..., 2 * width :]
    first, second = turned.chunk(2, dim=-1)
    turned = turned * cos + torch.cat([-second, first], dim=-1) * sin
    return torch.cat([turned.to(x.dtype), kept], dim=-1)
