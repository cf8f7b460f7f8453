"""Attention within windows, computed in blocks, beside one that masks the whole square."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from evalkit.nets.stable_audio.windows import BLOCK, within


@pytest.mark.parametrize("length", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17])
@pytest.mark.parametrize("window", [(17, 17), (5, 0), (0, 200)], ids=str)
def test_blocks_see_what_the_masked_square_sees(length: int, window: tuple[int, int]) -> None:
    """A window off by one row would be another model's sound, and nobody would hear why."""
    before, after = window
    q, k, v = torch.randn(3, 2, 4, length, 8, generator=torch.Generator().manual_seed(1))
    apart = torch.arange(length) - torch.arange(length)[:, None]
    whole = F.scaled_dot_product_attention(q, k, v, (apart >= -before) & (apart <= after))
    found = within(length, before, after, q.device)(q, k, v)
    torch.testing.assert_close(found, whole, rtol=1e-5, atol=1e-6)
