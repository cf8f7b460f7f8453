"""The autoencoder's start: a lapped transform written into convolutions must still be one."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from evalkit.mini.lapped import MID_LINES, PACKED, kept_bands, mdct, start_lapped
from evalkit.mini.train_vae import CONFIG
from evalkit.nets.stable_audio.oobleck import OobleckVAE


@pytest.mark.parametrize("size", [4, 8])
def test_a_stage_loses_nothing(size: int) -> None:
    """Kernel 2 s, stride s, the same weights both ways: inside the edges, what comes out is what went in."""
    sound = torch.randn(1, 1, 40 * size, generator=torch.Generator().manual_seed(0))
    weight = mdct(size)[:, None]
    bands = F.conv1d(sound, weight, stride=size, padding=size // 2)
    back = F.conv_transpose1d(bands, weight, stride=size, padding=size // 2)
    assert torch.allclose(back[..., 2 * size : -2 * size], sound[..., 2 * size : -2 * size], atol=1e-5)
    assert torch.allclose(mdct(size) @ mdct(size).T, torch.eye(size), atol=1e-6)


def test_bands_are_distinct_and_within_the_transform() -> None:
    kept = kept_bands(CONFIG.ratio // PACKED)
    assert len(set(kept)) == len(kept) == CONFIG.latent // PACKED
    assert 0 <= min(kept) <= max(kept) < 2 * CONFIG.ratio // PACKED
    assert kept[:MID_LINES] == [2 * line for line in range(MID_LINES)]


def test_low_tones_come_back_before_any_training() -> None:
    """From a random start, pitch is not learnt in the time that a recipe has."""
    torch.manual_seed(0)
    time = torch.arange(16384) / 16000
    tones = torch.stack([0.3 * torch.sin(2 * torch.pi * pitch * time) for pitch in (180.0, 440.0, 900.0)])
    audio = torch.stack([tones, 0.6 * tones], dim=1)
    vae = OobleckVAE(CONFIG)
    start_lapped(vae, audio, -2.0)
    with torch.no_grad():
        mean, std = vae.posterior(audio)
        rebuilt = vae.decode(mean)
    inside = slice(2048, -2048)
    error = (rebuilt - audio)[..., inside].square().mean() / audio[..., inside].square().mean()
    assert error < 0.25
    assert std.mean() == pytest.approx(0.127, abs=0.01)


def test_a_latent_width_that_does_not_fit_is_refused() -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="latents"):
        start_lapped(OobleckVAE(replace(CONFIG, latent=64)), torch.randn(1, 2, 4096), -3.0)
