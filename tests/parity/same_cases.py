"""What is asked of both sides of SAME's parity."""

from __future__ import annotations

import stable_audio_3_seeded as seeded
from torch import Tensor

RATIO = 16 * 8
LENGTHS = (1, 2, 7, 40)
"""Latents to decode: odd ones fill no whole chunk of SAME-S, and 40 are more rows than a block of windows."""

SOUNDS = (2 * RATIO, 3 * RATIO, 3 * RATIO - 5, 24 * RATIO)
"""Samples to encode."""


def sound(samples: int) -> Tensor:
    """(2, 2, samples)."""
    return 0.3 * seeded.seeded.noise(2, 2, samples, seed=samples)


def latents(length: int) -> Tensor:
    """(2, 6, length)."""
    return seeded.seeded.noise(2, 6, length, seed=length)


def token_noise(size: str, length: int) -> Tensor:
    """(2, whole chunks of latents * 16, width): what is added to the tokens of the decoder."""
    whole = length + length % 2 if size == "s" else length
    return 0.1 * seeded.seeded.noise(2, whole * 16, seeded.SMALL[size]["width"], seed=100 + length)
