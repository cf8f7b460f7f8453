"""From options to latents, beside what stable-audio-tools samples (golden/flow.npz), and each item's own noise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from evalkit.core.errors import UserError
from evalkit.nets.stable_audio.flow import FLOW_SAMPLERS
from evalkit.nets.stable_audio.k_samplers import K_SAMPLERS
from evalkit.nets.stable_audio.samplers import SAMPLERS
from evalkit.nets.stable_audio.sampling import ItemNoise, sample
from evalkit.nets.stable_audio.schedule import TimeShift, linear_times
from evalkit.nets.stable_audio.settings import FLOW_NAMES, NOISY, SIGMA_NAMES, V_SAMPLERS, SamplingOptions

sys.path.insert(0, str(Path(__file__).parent))
import networks

sys.path.pop(0)

GOLDEN = Path(__file__).parent / "golden" / "flow.npz"
STEPS = 9
FLOWS = ["euler", "rk4", "dpmpp", "pingpong"]


@pytest.fixture(scope="module")
def tools() -> dict[str, Tensor]:
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


def _noise() -> Callable[[], Tensor]:
    """The start of the oracle's script, then its draws."""
    drawn = networks.draws()
    first = [networks.unit_start()]
    return lambda: first.pop() if first else next(drawn)


def _options(sampler: str, **changes: float) -> SamplingOptions:
    given = {"sigma_max": 1.0, "eta": 0.0, "init_noise_level": 0.6, **changes}
    return SamplingOptions(steps=STEPS, cfg=1.0, sampler=sampler, **given)


@pytest.mark.parametrize("sampler", FLOWS)
def test_a_flow_is_sampled_as_stable_audio_tools_does(tools: dict[str, Tensor], sampler: str) -> None:
    """Another spacing of the times, or a step too many, would be another model's sound under the same preset."""
    found = sample(networks.toy_velocity, "rf_denoiser", _options(sampler), _noise())
    assert torch.allclose(found, tools[sampler], atol=2e-6)


@pytest.mark.parametrize("sampler", FLOWS)
def test_a_flow_starts_from_a_sound_as_stable_audio_tools_does(tools: dict[str, Tensor], sampler: str) -> None:
    init = networks.unit_start() / 3
    found = sample(networks.toy_velocity, "rectified_flow", _options(sampler), _noise(), init)
    assert torch.allclose(found, tools[f"{sampler}_from_sound"], atol=2e-6)


def test_ddim_is_stable_audio_tools_v_ddim(tools: dict[str, Tensor]) -> None:
    # The preset's sigma_max of 500 counts as t = 1 there, and here.
    assert torch.allclose(
        sample(networks.toy_velocity, "v", _options("ddim", sigma_max=500.0), _noise()), tools["ddim"], atol=2e-6
    )
    with_noise = sample(networks.toy_velocity, "v", _options("ddim", eta=0.7), _noise())
    assert torch.allclose(with_noise, tools["ddim_eta"], atol=2e-6)
    init = networks.unit_start() / 3
    from_sound = sample(networks.toy_velocity, "v", _options("ddim"), _noise(), init)
    assert torch.allclose(from_sound, tools["ddim_from_sound"], atol=2e-6)


@pytest.mark.parametrize("sampler", ["v-ddim", "ddim"])
def test_v_ddim_adds_no_noise_whatever_the_preset_says(tools: dict[str, Tensor], sampler: str) -> None:
    """stable-audio-tools calls it with eta 0 alone; `ddim` takes an eta, and without one is the same."""
    eta = 1.0 if sampler == "v-ddim" else None
    options = SamplingOptions(steps=STEPS, cfg=1.0, sampler=sampler, sigma_max=500.0, eta=eta)
    assert torch.allclose(sample(networks.toy_velocity, "v", options, _noise()), tools["ddim"], atol=2e-6)


def test_the_names_that_a_command_may_say_are_the_samplers_that_are_here() -> None:
    assert set(SIGMA_NAMES) == {*SAMPLERS, *K_SAMPLERS} and set(FLOW_NAMES) == set(FLOW_SAMPLERS)


def test_a_samplers_own_eta_is_k_diffusions() -> None:
    """1 for those that add noise, as stable-audio-tools calls them; none for the others."""
    stochastic = {"dpmpp-2m-sde", "dpmpp-3m-sde", "k-dpmpp-2s-ancestral"}
    assert {name for name, eta in NOISY.items() if eta == 1} == stochastic
    for name in V_SAMPLERS:
        own, one = (
            sample(networks.toy_velocity, "v", SamplingOptions(STEPS, 1.0, name, eta=eta), _noise())
            for eta in (None, NOISY.get(name, 1.0))
        )
        assert torch.equal(own, one), name


def test_a_shift_acts_on_rk4_alone(tools: dict[str, Tensor]) -> None:
    shift = TimeShift(max_length=64, min_length=4)
    shifted = sample(networks.toy_velocity, "rectified_flow", _options("rk4"), _noise(), shift=shift)
    assert torch.allclose(shifted, tools["rk4_shifted"], atol=2e-6)
    euler = sample(networks.toy_velocity, "rectified_flow", _options("euler"), _noise(), shift=shift)
    assert torch.allclose(euler, tools["euler"], atol=2e-6)
    assert torch.allclose(TimeShift(use_sine=True)(linear_times(11), 1024), tools["shifted_sine"], atol=1e-6)


@pytest.mark.parametrize(
    ("sampler", "objective"), [("euler", "v"), ("dpmpp-2m", "rectified_flow"), ("ddim", "rf_denoiser")]
)
def test_a_sampler_of_the_other_kind_is_refused(sampler: str, objective: str) -> None:
    """It would run, and make noise."""
    with pytest.raises(UserError, match=sampler):
        sample(networks.toy_velocity, objective, _options(sampler), _noise())


@pytest.mark.parametrize("sampler", V_SAMPLERS)
def test_a_little_noise_leaves_the_sound_as_it_was(sampler: str) -> None:
    """With an exact denoiser of one sound, any start near it comes back to it, and noise 0.01 starts near it."""
    sound = networks.unit_start()

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = torch.cos(t * torch.pi / 2), torch.sin(t * torch.pi / 2)
        seen.append((x - alpha * sound).std().item())
        return alpha * (x - alpha * sound) / sigma - sigma * sound

    seen: list[float] = []
    options = _options(sampler, sigma_min=0.001, init_noise_level=0.01)
    found = sample(velocity, "v", options, _noise(), sound)
    assert torch.allclose(found, sound, atol=1e-3)
    assert seen[0] < 0.03, "sampling started further from the sound than the level asked for"


def test_noise_is_an_items_own() -> None:
    """In any batch, at any place, after any number of draws."""

    def noise(*seeds: int) -> ItemNoise:
        return ItemNoise([torch.Generator().manual_seed(seed) for seed in seeds], (3, 5), torch.device("cpu"))

    together, alone, swapped = noise(1, 2, 3), noise(2), noise(2, 1)
    for _ in range(3):
        batch = together()
        assert torch.equal(batch[1], alone()[0])
        assert torch.equal(batch[:2].flip(0), swapped())
    assert torch.equal(noise(7)()[0], torch.randn(3, 5, generator=torch.Generator().manual_seed(7)))
