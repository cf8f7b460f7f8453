"""What the tests of audiogen-mini's recipes share: made-up recordings, and the vocoder that its codec starts as."""

from __future__ import annotations

import numpy as np
import torch

from evalkit.mini.recordings.scenes import CLASSES, Recording
from evalkit.mini.starts.tiles import FLOOR, HOP, patterns


def made_up(*_: object) -> list[Recording]:
    """A second of coloured noise for each class."""
    rng = np.random.default_rng(0)
    sounds = [np.convolve(rng.standard_normal(16000), np.ones(1 + n) / (1 + n), "same") for n in range(len(CLASSES))]
    return [
        Recording(name, name, 1, 16000, (0.3 * x).astype(np.float32), ((0, 16000),))
        for name, x in zip(CLASSES, sounds, strict=True)
    ]


def vocode(found: torch.Tensor) -> torch.Tensor:
    """Levels (TILES, frames) as sound (samples,), pattern by pattern."""
    frames = found.shape[1]
    out = torch.zeros((frames + 1) * HOP)
    for frame, column in enumerate((patterns().T @ (found.exp() - FLOOR)).T):
        out[frame * HOP : (frame + 2) * HOP] += column
    return out[HOP // 2 : HOP // 2 + frames * HOP]
