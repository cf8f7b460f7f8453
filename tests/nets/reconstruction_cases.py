"""Seeded pairs of sounds, the same for auraloss and for the tests."""

from __future__ import annotations

import torch
from torch import Tensor

RATES = (16000, 44100)
KINDS = ("close", "far", "quiet", "mono")


def pair(kind: str, rate: int) -> tuple[Tensor, Tensor]:
    """float32 (channels, 4000 + rate // 8) decoded and original."""
    generator = torch.Generator().manual_seed(KINDS.index(kind) + rate)
    frames = 4000 + rate // 8
    time = torch.arange(frames) / rate
    tones = torch.stack([torch.sin(2 * torch.pi * pitch * time) for pitch in (220.0, 1234.5)])
    original = 0.3 * tones * torch.linspace(1, 0, frames) + 0.01 * torch.randn(2, frames, generator=generator)
    noise = torch.randn(2, frames, generator=generator)
    if kind == "mono":
        original, noise = original[:1], noise[:1]
    if kind == "quiet":
        original = original * 1e-4
    share = {"close": 0.01, "far": 0.5, "quiet": 1e-5, "mono": 0.05}[kind]
    return 0.9 * original + share * noise, original
