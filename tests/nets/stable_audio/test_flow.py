"""Samplers of rectified flows where the answer is known: data that are one Gaussian, whose velocity is exact."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from evalkit.nets.stable_audio.flow import FLOW_SAMPLERS, dpmpp, euler, pingpong, rk4
from evalkit.nets.stable_audio.schedule import TimeShift, linear_times, logsnr_times

MEAN, STD = 1.5, 0.5


def _velocity(x: Tensor, t: Tensor) -> Tensor:
    """E[n - clean | x_t] for clean ~ N(MEAN, STD^2) and x_t = (1 - t) clean + t n."""
    spread = (1 - t) ** 2 * STD**2 + t**2
    off = x - (1 - t) * MEAN
    return t / spread * off - (MEAN + (1 - t) * STD**2 / spread * off)


@pytest.mark.parametrize("name", ["euler", "rk4", "dpmpp"])
def test_each_start_goes_where_the_flow_takes_it(name: str) -> None:
    """The flow of a Gaussian is known: a start x at t = 1 ends in MEAN + STD x."""
    x = torch.linspace(-2, 2, 9)
    found = FLOW_SAMPLERS[name](_velocity, x, logsnr_times(100), lambda: x)
    # The spacing in log-SNR stops at 2 (t = 0.12); the rest is one step, whose error no step count removes.
    assert (found - (MEAN + STD * x)).abs().max().item() < 0.06


@pytest.mark.parametrize(("sampler", "order"), [(euler, 1), (rk4, 4)])
def test_a_solver_has_its_order(sampler: object, order: int) -> None:
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)

    def error(steps: int) -> float:
        found = sampler(_velocity, x, linear_times(steps).double(), lambda: x)  # type: ignore[operator]
        return (found - (MEAN + STD * x)).abs().max().item()

    assert math.log2(error(40) / error(80)) == pytest.approx(order, abs=0.25)


def test_dpmpp_is_of_second_order() -> None:
    """Between two times inside (0, 1), in even steps of log-SNR, against the closed form."""
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    start, end = 0.99, 0.1

    def scale(t: float) -> float:
        return math.sqrt((1 - t) ** 2 * STD**2 + t**2)

    exact = (1 - end) * MEAN + scale(end) / scale(start) * (x - (1 - start) * MEAN)

    def error(steps: int) -> float:
        first, last = math.log((1 - start) / start), math.log((1 - end) / end)
        times = torch.sigmoid(-torch.linspace(first, last, steps + 1, dtype=torch.float64))
        return (dpmpp(_velocity, x, times, lambda: x) - exact).abs().max().item()

    assert math.log2(error(100) / error(200)) == pytest.approx(2, abs=0.15)


def test_pingpong_ends_on_the_data_of_a_distilled_model() -> None:
    """A distilled model says the clean x at once; the noise put back in between must not shift or widen it."""
    torch.manual_seed(0)
    target = MEAN + STD * torch.randn(5000)
    found = pingpong(lambda x, t: (x - target) / t, torch.randn(5000), logsnr_times(8), lambda: torch.randn(5000))
    assert torch.allclose(found, target, atol=1e-5)


def test_pingpong_puts_the_right_amount_of_noise_back() -> None:
    """What the network sees at each time is (1 - t) clean + t noise."""
    torch.manual_seed(0)
    target, seen = MEAN + STD * torch.randn(20000), []

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        seen.append((float(t), (x - (1 - t) * target).std().item()))
        return (x - target) / t

    pingpong(velocity, torch.randn(20000), logsnr_times(8, 1.0), lambda: torch.randn(20000))
    assert len(seen) == 8
    for t, spread in seen[1:]:
        assert spread == pytest.approx(t, rel=0.03)


def test_times_of_a_rectified_flow() -> None:
    """Even in log-SNR from -6 to 2, with the ends put to 1 and 0."""
    times = logsnr_times(8)
    assert times[0] == 1
    assert times[-1] == 0
    inner = torch.log((1 - times[1:-1]) / times[1:-1])
    assert torch.allclose(inner, torch.linspace(-5, 1, 7), atol=1e-5)
    assert logsnr_times(4, 0.5)[0] == 0.5
    assert (logsnr_times(50, 0.7).diff() < 0).all()


def test_a_shift_keeps_the_ends_and_spends_more_steps_near_noise() -> None:
    times = linear_times(10)
    for shift in (TimeShift(), TimeShift(use_sine=True)):
        shifted = shift(times, 4096)
        assert shifted[0] == pytest.approx(1)
        assert shifted[-1] == pytest.approx(0, abs=1e-6)
        assert (shifted[1:-1] > times[1:-1]).all()
