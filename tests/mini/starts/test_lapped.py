"""The autoencoders' start: a lapped transform written into convolutions must still be one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from evalkit.mini.starts.lapped import by_ratio, evenly, mdct, start_lapped
from evalkit.mini.train import dac, vae
from evalkit.mini.train.autoencoder import Start

STARTS = pytest.mark.parametrize("start", [vae.START, dac.START], ids=["oobleck", "dac"])


@pytest.mark.parametrize("size", [4, 8, 16])
def test_a_stage_loses_nothing(size: int) -> None:
    """Kernel 2 s, stride s, the same weights both ways: inside the edges, what comes out is what went in."""
    sound = torch.randn(1, 1, 40 * size, generator=torch.Generator().manual_seed(0))
    weight = mdct(size)[:, None]
    bands = F.conv1d(sound, weight, stride=size, padding=size // 2)
    back = F.conv_transpose1d(bands, weight, stride=size, padding=size // 2)
    assert torch.allclose(back[..., 2 * size : -2 * size], sound[..., 2 * size : -2 * size], atol=1e-5)
    assert torch.allclose(mdct(size) @ mdct(size).T, torch.eye(size), atol=1e-6)


@STARTS
def test_bands_are_distinct_and_within_the_transform(start: Start) -> None:
    kept, lines = start.kept, start.config.ratio // start.kept.moments
    assert len(set(kept.places)) == len(kept.places) == start.config.latent // kept.moments
    assert 0 <= min(kept.places) <= max(kept.places) < 2 * lines
    assert kept.places[:30] == [2 * line for line in range(30)]


def test_lines_are_spread_over_their_range() -> None:
    assert evenly(10, 20, 5) == (11, 13, 15, 17, 19)
    assert by_ratio(1, 256, 4) == (2, 8, 32, 128)


@STARTS
def test_low_tones_come_back_before_any_training(start: Start) -> None:
    """From a random start, pitch is not learnt in the time that a recipe has."""
    torch.manual_seed(0)
    time = torch.arange(16384) / 16000
    tones = torch.stack([0.3 * torch.sin(2 * torch.pi * pitch * time) for pitch in (180.0, 440.0, 900.0)])
    audio = torch.stack([tones, 0.6 * tones], dim=1)
    vae = start.at(audio)
    with torch.no_grad():
        mean, std = vae.posterior(audio)
        rebuilt = vae.decode(mean)
    inside = slice(2048, -2048)
    error = (rebuilt - audio)[..., inside].square().mean() / audio[..., inside].square().mean()
    assert error < 0.25
    assert mean.std() == pytest.approx(1.0, abs=0.3)
    assert std.mean() == pytest.approx(0.127, abs=0.01)


@STARTS
def test_a_latent_width_that_does_not_fit_is_refused(start: Start) -> None:
    vae = Start(replace(start.config, latent=64), start.kept).empty()
    with pytest.raises(ValueError, match="latents"):
        start_lapped(vae, torch.randn(1, 2, 4096), start.kept, -3.0)
