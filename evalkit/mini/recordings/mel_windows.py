"""The mel spectrograms of AudioLDM, and scenes of real recordings as such.

16 kHz mono, 64 Slaney bands to 8 kHz of a 1024-sample STFT every 160 samples, natural logarithm of amplitudes; windows
are padded by reflection so that n samples have n / 160 frames.
Source: Liu et al. 2023, "AudioLDM", section 4.3 and the repository's `audioldm/audio/stft.py`, which floors amplitudes
at 1e-5. Here the floor is 1e-4: 82 dB below what the recordings have is nothing to spend a small network on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.random import Generator as Rng
from torch import Tensor
from torch.nn import functional as F

from evalkit.audio.clip import Samples
from evalkit.mini.recordings.scenes import Recording, random_scene, render
from evalkit.nets.melbank import slaney_bank

RATE, HOP, SIZE, BANDS = 16000, 160, 1024, 64
FLOOR = 1e-4


@lru_cache(maxsize=1)
def _bank() -> Tensor:
    return slaney_bank(RATE, SIZE, BANDS, 0.0, RATE / 2)


def log_mel(audio: Tensor) -> Tensor:
    """(batch, samples) at 16 kHz, a whole number of hops and more than 432 -> (batch, samples / 160, 64)."""
    edge = (SIZE - HOP) // 2
    padded = F.pad(audio[:, None], (edge, edge), mode="reflect")[:, 0]
    window = torch.hann_window(SIZE, device=audio.device)
    spectrum = torch.stft(padded, SIZE, HOP, SIZE, window, center=False, return_complex=True)
    amplitude = (spectrum.real.square() + spectrum.imag.square() + 1e-9).sqrt()
    return (_bank().to(audio) @ amplitude).clamp(min=FLOOR).log().transpose(1, 2)


def draw_sound(rng: Rng, recordings: Sequence[Recording], frames: int) -> Samples:
    """(160 * frames,) mono: a piece of a random scene at its own level. One that is all silence is drawn again."""
    length = HOP * frames
    while True:
        sound = render(random_scene(rng, recordings), RATE).mean(axis=0)
        room = len(sound) - length
        start = int(rng.integers(max(room, 0) + length // 4 + 1))
        piece = sound[start : start + length]
        if np.abs(piece).max(initial=0.0) > 1e-3:
            return np.pad(piece, (0, length - len(piece)))


def draw_sounds(rng: Rng, recordings: Sequence[Recording], count: int, frames: int) -> Tensor:
    """(count, 160 * frames) of such pieces."""
    return torch.from_numpy(np.stack([draw_sound(rng, recordings, frames) for _ in range(count)]))
