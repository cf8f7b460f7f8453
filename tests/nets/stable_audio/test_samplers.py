"""Samplers on a problem with a known answer: data that are one Gaussian, where the denoiser is exact."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from evalkit.nets.stable_audio.samplers import SAMPLERS
from evalkit.nets.stable_audio.schedule import polyexponential, time_of, v_denoiser

MEAN, STD = 1.5, 0.5


def _gaussian_denoiser(x: Tensor, sigma: Tensor) -> Tensor:
    """E[clean | x] for clean ~ N(MEAN, STD^2)."""
    return (STD**2 * x + sigma**2 * MEAN) / (STD**2 + sigma**2)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_a_gaussian_comes_back_with_its_mean_and_spread(name: str) -> None:
    """A wrong coefficient or noise level would show as a shifted or shrunken distribution."""
    torch.manual_seed(0)
    sigmas = polyexponential(60, 0.01, 80.0)
    x = torch.randn(20000) * sigmas[0]
    out = SAMPLERS[name](_gaussian_denoiser, x, sigmas, lambda: torch.randn(20000), 1.0)
    assert out.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert out.std().item() == pytest.approx(STD, abs=0.03)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_one_model_call_per_step(name: str) -> None:
    calls: list[float] = []

    def counting(x: Tensor, sigma: Tensor) -> Tensor:
        calls.append(float(sigma))
        return _gaussian_denoiser(x, sigma)

    SAMPLERS[name](counting, torch.randn(4), polyexponential(9, 0.1, 10.0), lambda: torch.randn(4), 1.0)
    assert len(calls) == 9


def test_published_times_of_the_card_preset() -> None:
    """With sigma 0.3 to 500 and 100 steps, t runs from 0.99873 to 0.18555."""
    times = time_of(polyexponential(100, 0.3, 500.0))
    assert times[0].item() == pytest.approx(0.99873, abs=1e-5)
    assert times[-2].item() == pytest.approx(0.18555, abs=1e-5)


def test_v_denoiser_inverts_the_velocity() -> None:
    """From the true velocity of a known clean x and noise, the clean x must come back at any sigma."""
    clean, noise = torch.randn(3, 4), torch.randn(3, 4)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        angle = t[:, None] * torch.pi / 2
        return torch.cos(angle) * noise - torch.sin(angle) * clean

    for sigma in (0.01, 0.5, 3.0, 100.0):
        found = v_denoiser(velocity)(clean + sigma * noise, torch.tensor(sigma))
        assert torch.allclose(found, clean, atol=2e-4)
