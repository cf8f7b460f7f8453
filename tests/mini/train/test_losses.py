from __future__ import annotations

import pytest
import torch

from evalkit.mini.train import losses


def _sound(seed: int) -> torch.Tensor:
    return 0.1 * torch.randn(2, 2, 8192, generator=torch.Generator().manual_seed(seed))


def test_distance_is_zero_for_the_same_sound_and_grows_with_noise() -> None:
    sound, noise = _sound(0), _sound(1)
    found = [losses.multi_resolution_stft(sound + share * noise, sound, 16000) for share in (0.0, 0.1, 1.0)]
    for part in range(2):
        values = [pair[part].item() for pair in found]
        assert values[0] == pytest.approx(0, abs=1e-6)
        assert values[0] < values[1] < values[2]


def test_swapped_channels_are_heard() -> None:
    """Sum and difference alone cannot tell left from right."""
    sound = _sound(0)
    sound[:, 1] *= 0.1
    stft, mel = losses.multi_resolution_stft(sound.flip(1), sound, 16000)
    assert stft > 0.5
    assert mel > 0.2


def test_a_full_scale_sine_has_magnitude_one() -> None:
    time = torch.arange(16384) / 16000
    sine = torch.sin(2 * torch.pi * 1000 * time)[None]
    for size in losses.FFT_SIZES[:3]:
        assert losses.magnitude(sine, size).max().item() == pytest.approx(1 + losses.FLOOR, rel=0.02)
