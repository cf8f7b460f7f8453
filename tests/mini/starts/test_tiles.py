"""What audiogen-mini's latents start from: levels of tiles, and the sounds that stand for them."""

from __future__ import annotations

import math

import torch
from evalkit_codec import vocode

from evalkit.mini.starts.tiles import FLOOR, HOP, KINDS, RATE, TILES, levels


def test_a_tone_is_loud_in_the_tile_that_it_is_in() -> None:
    """At its own level: a wrong scale would be heard as another loudness."""
    time = torch.arange(10 * HOP) / RATE
    found = levels(0.5 * torch.sin(2 * math.pi * 450 * time)[None])[0, :, 5]
    band = next(index for index, (low, high) in enumerate(KINDS[0].bands) if low <= 450 < high)
    assert found.argmax() == band
    assert abs(float(found[band]) - math.log(0.5 / math.sqrt(2))) < 0.15


def test_silence_is_the_floor_and_nothing_is_below_it() -> None:
    found = levels(torch.zeros(1, 4 * HOP))
    assert found.shape == (1, TILES, 4)
    assert torch.allclose(found, torch.tensor(math.log(FLOOR)), atol=1e-4)


def test_noise_comes_back_from_its_levels_as_loud_as_it_was() -> None:
    """In each octave: that is all that a vocoder can keep of noise."""
    sound = 0.1 * torch.randn(1, 50 * HOP, generator=torch.Generator().manual_seed(0))
    again = vocode(levels(sound)[0])
    power = [torch.fft.rfft(one[2 * HOP : -2 * HOP]).abs().square() for one in (sound[0], again)]
    edges = [len(power[0]) * hertz // 8000 for hertz in (250, 500, 1000, 2000, 4000, 8000)]
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        decibel = 10 * math.log10(power[1][low:high].sum() / power[0][low:high].sum())
        assert abs(decibel) < 2.5


def test_a_tone_of_the_grid_comes_back_without_a_seam() -> None:
    """Pitch is what makes a rooster; broken up at 25 Hz it would be a rattle."""
    time = torch.arange(50 * HOP) / RATE
    sound = 0.3 * torch.sin(2 * math.pi * 500 * time)
    again = vocode(levels(sound[None])[0])[5 * HOP : -5 * HOP]
    spectrum = torch.fft.rfft(again * torch.hann_window(len(again))).abs().square()
    peak = int(spectrum.argmax())
    assert abs(peak * RATE / len(again) - 500) < 1
    assert spectrum[peak - 3 : peak + 4].sum() > 0.8 * spectrum.sum()
