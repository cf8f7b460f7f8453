"""Attention within a window: each row sees the rows from `before` places before it to `after` places after it.

Computed block by block, each with the rows beside it, so that memory grows with the length and not with its square.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from evalkit.nets.stable_audio.attention import Attend

BLOCK = 64
"""Rows of a block: few enough that little is computed in vain, enough for matrix products worth the name."""


def within(length: int, before: int, after: int, device: torch.device) -> Attend:
    """The attention of `length` rows in their windows."""
    seen = _seen(length, before, after, device)
    short = len(seen) * BLOCK - length

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        batch, span = q.shape[0], BLOCK + before + after
        q = F.pad(q, (0, 0, 0, short)).unflatten(2, (-1, BLOCK)).transpose(1, 2).flatten(0, 1)
        beside = (F.pad(x, (0, 0, before, after + short)).unfold(2, span, BLOCK) for x in (k, v))
        k, v = (x.permute(0, 2, 1, 4, 3).flatten(0, 1) for x in beside)
        y = F.scaled_dot_product_attention(q, k, v, seen.repeat(batch, 1, 1)[:, None])
        return y.unflatten(0, (batch, -1)).transpose(1, 2).flatten(2, 3)[:, :, :length]

    return attend


def _seen(length: int, before: int, after: int, device: torch.device) -> Tensor:
    """(blocks, rows of a block, rows beside them): what each row of each block sees.

    A row that only fills the last block sees the first place there is, as nothing at all would make it NaN.
    """
    beside = torch.arange(BLOCK + before + after, device=device)
    apart = beside - torch.arange(BLOCK, device=device)[:, None]
    place = torch.arange(-(-length // BLOCK), device=device)[:, None] * BLOCK + beside - before
    seen = ((apart >= 0) & (apart <= before + after)) & ((place >= 0) & (place < length))[:, None]
    seen[-1, :, 0] |= ~seen[-1].any(dim=-1)
    return seen
