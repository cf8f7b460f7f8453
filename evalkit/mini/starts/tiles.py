"""What the codec's latents start from: how loud each tile of time and frequency is, and a sound for each tile.

A frame of 640 samples is cut into tiles: below 2 kHz narrow in frequency, where pitch is; above short in time, where
clicks are. The ear, and every judge of evalkit, hears tiles' levels and hardly their phases, so a few bits spent on
levels go much further than on waveforms. Each tile sounds as a pattern of its own, scaled by its level: below 2 kHz
tones at multiples of the frame rate, which go on without a seam from frame to frame, above it bands of noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

RATE, HOP = 16000, 640
FLOOR = 1e-4
"""Added to every level, of which a full-scale sine has 0.7: 77 dB below it."""


@dataclass(frozen=True)
class Kind:
    """Tiles of one shape: `window` samples long, `bands` (low, high) in Hz, `turns` of them within a frame."""

    window: int
    bands: tuple[tuple[float, float], ...]
    turns: int


def _even(low: float, high: float, width: float) -> tuple[tuple[float, float], ...]:
    return tuple((low + width * n, low + width * (n + 1)) for n in range(round((high - low) / width)))


KINDS = (
    Kind(1280, _even(12.5, 1012.5, 25), 1),
    Kind(1280, _even(1012.5, 2012.5, 50), 1),
    Kind(320, _even(2000, 4000, 400), 4),
    Kind(160, _even(4000, 8000, 800), 8),
)
TILES = sum(len(kind.bands) * kind.turns for kind in KINDS)


def levels(audio: Tensor) -> Tensor:
    """Natural logarithms of the tiles' RMS, (batch, TILES, frames), of sound (batch, samples), whole frames of it.

    A frame's tiles are centred within its 640 samples.
    """
    frames = audio.shape[1] // HOP
    parts = []
    for kind in KINDS:
        hop = HOP // kind.turns
        lead = kind.window // 2 - hop // 2
        padded = F.pad(audio, (lead, kind.window))
        window = torch.hann_window(kind.window)
        spectrum = torch.stft(padded, kind.window, hop, window=window, center=False, return_complex=True)
        power = spectrum[..., : frames * kind.turns].abs().square()
        # Parseval: a one-sided bin stands for two.
        share = _shares(kind) @ power * 2 / (kind.window * window.square().sum())
        rms = (share + FLOOR**2).sqrt().log()
        parts.append(rms.unflatten(2, (frames, kind.turns)).permute(0, 3, 1, 2).flatten(1, 2))
    return torch.cat(parts, dim=1)


@cache
def _shares(kind: Kind) -> Tensor:
    """(bands, bins): how much of each bin belongs to each band."""
    width = RATE / kind.window
    edges = (torch.arange(kind.window // 2 + 1) - 0.5) * width
    low = torch.tensor([band[0] for band in kind.bands])[:, None]
    high = torch.tensor([band[1] for band in kind.bands])[:, None]
    return ((torch.minimum(high, edges + width) - torch.maximum(low, edges)) / width).clamp(0, 1)


def patterns(seed: int = 0) -> Tensor:
    """(TILES, 2 * HOP): the sound of each tile at level 1; its frame is the middle half."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for kind in KINDS:
        hop = HOP // kind.turns
        for turn in range(kind.turns):
            start = HOP // 2 + turn * hop + hop // 2 - kind.window // 2
            for band in kind.bands:
                row = torch.zeros(2 * HOP)
                row[start : start + kind.window] = _pattern(kind, band, generator)
                rows.append(row)
    return torch.stack(rows)


def _pattern(kind: Kind, band: tuple[float, float], generator: torch.Generator) -> Tensor:
    """(window,): tones of the band under a Hann window, which overlap to an even level of RMS 1."""
    step = 25.0
    tones = [step * n for n in range(math.ceil(band[0] / step), math.ceil(band[1] / step)) if n]
    phases = 2 * math.pi * torch.rand(len(tones), 1, generator=generator)
    time = torch.arange(kind.window) / RATE
    sound = torch.cos(2 * math.pi * torch.tensor(tones)[:, None] * time + phases).sum(dim=0)
    # Steady tones add up over two windows at half the overlap; noise adds in power.
    even = math.sqrt(2 / len(tones)) * (1.0 if kind.turns == 1 else math.sqrt(4 / 3))
    return sound * even * torch.hann_window(kind.window)
