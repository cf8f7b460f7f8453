"""Samplers of velocity models on a problem with a known answer: data that are one Gaussian, where the denoiser
and the velocity are exact."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from evalkit.nets.stable_audio.samplers import SAMPLERS, ddim
from evalkit.nets.stable_audio.sampling import SIGMA_SAMPLERS
from evalkit.nets.stable_audio.schedule import linear_times, polyexponential, time_of, v_denoiser

MEAN, STD = 1.5, 0.5


def _gaussian_denoiser(x: Tensor, sigma: Tensor) -> Tensor:
    """E[clean | x] for clean ~ N(MEAN, STD^2)."""
    return (STD**2 * x + sigma**2 * MEAN) / (STD**2 + sigma**2)


@pytest.mark.parametrize("name", sorted(SIGMA_SAMPLERS))
def test_a_gaussian_comes_back_with_its_mean_and_spread(name: str) -> None:
    """A wrong coefficient or noise level would show as a shifted or shrunken distribution."""
    torch.manual_seed(0)
    sigmas = polyexponential(60, 0.01, 80.0)
    x = torch.randn(20000) * sigmas[0]
    out = SIGMA_SAMPLERS[name](_gaussian_denoiser, x, sigmas, lambda: torch.randn(20000), 1.0)
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
        angle = t * torch.pi / 2
        return torch.cos(angle) * noise - torch.sin(angle) * clean

    for sigma in (0.01, 0.5, 3.0, 100.0):
        found = v_denoiser(velocity)(clean + sigma * noise, torch.tensor(sigma))
        assert torch.allclose(found, clean, atol=2e-4)


def _gaussian_velocity(x: Tensor, t: Tensor) -> Tensor:
    """E[v | x_t] for clean ~ N(MEAN, STD^2) on the cosine schedule."""
    alpha, sigma = torch.cos(t * torch.pi / 2), torch.sin(t * torch.pi / 2)
    spread = alpha**2 * STD**2 + sigma**2
    clean = MEAN + alpha * STD**2 / spread * (x - alpha * MEAN)
    noise = sigma / spread * (x - alpha * MEAN)
    return alpha * noise - sigma * clean


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_brings_a_gaussian_back(eta: float) -> None:
    """Whatever share of the noise is fresh, the distribution at the end is that of the data."""
    torch.manual_seed(0)
    out = ddim(_gaussian_velocity, torch.randn(20000), linear_times(200), lambda: torch.randn(20000), eta)
    assert out.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert out.std().item() == pytest.approx(STD, abs=0.02)


def test_ddim_follows_the_flow_of_the_gaussian() -> None:
    """At eta 0 each start goes where the probability flow takes it: MEAN + STD x, for a start x at t = 1."""
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    errors = [
        (ddim(_gaussian_velocity, x, linear_times(steps).double(), lambda: x) - (MEAN + STD * x)).abs().max().item()
        for steps in (50, 100, 200)
    ]
    assert errors[2] < 0.01
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1), "first order"


@pytest.mark.parametrize("name", sorted({*SIGMA_SAMPLERS} - {"k-lms"}))
def test_a_solver_is_of_second_order(name: str) -> None:
    """At eta 0 the end point is known in closed form, and twice the steps must come four times nearer to it.

    A wrong coefficient in a correction term leaves a sampler of first order that still makes plausible sound. 3M as
    published weighs its third-order term so that the order stays two; the error is a third of 2M's.
    """
    errors = [_distance_from_the_end(name, steps) for steps in (100, 200)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


def test_linear_multistep_is_of_fourth_order_once_it_has_four_slopes() -> None:
    """Its first steps are of lower order, so that the whole is better than second and not quite fourth."""
    errors = [_distance_from_the_end("k-lms", steps) for steps in (100, 200, 400)]
    assert math.log2(errors[1] / errors[2]) > 2.5


@pytest.mark.parametrize(
    ("name", "calls"), [("k-heun", 17), ("k-dpm-2", 17), ("k-dpmpp-2s-ancestral", 17), ("k-lms", 9)]
)
def test_two_model_calls_per_step_and_one_for_the_last(name: str, calls: int) -> None:
    seen: list[float] = []

    def counting(x: Tensor, sigma: Tensor) -> Tensor:
        seen.append(float(sigma))
        return _gaussian_denoiser(x, sigma)

    SIGMA_SAMPLERS[name](counting, torch.randn(4), polyexponential(9, 0.1, 10.0), lambda: torch.randn(4), 1.0)
    assert len(seen) == calls and min(seen) > 0


def test_the_third_order_term_earns_its_memory() -> None:
    assert _distance_from_the_end("dpmpp-3m-sde", 100) < 0.4 * _distance_from_the_end("dpmpp-2m-sde", 100)


def _distance_from_the_end(name: str, steps: int) -> float:
    """Largest error of the probability flow from sigma 200 to 0.02."""
    high, low = 200.0, 0.02
    x = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64) * high
    exact = MEAN + (x - MEAN) * ((STD**2 + low**2) / (STD**2 + high**2)) ** 0.5
    sigmas = torch.logspace(math.log10(high), math.log10(low), steps + 1, dtype=torch.float64)
    return (SIGMA_SAMPLERS[name](_gaussian_denoiser, x, sigmas, lambda: x, 0.0) - exact).abs().max().item()
