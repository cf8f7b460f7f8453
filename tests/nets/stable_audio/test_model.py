from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from evalkit.mini.train.dit import RECIPE
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.guidance import Guidance, rescaled
from evalkit.nets.stable_audio.model import SamplingOptions, StableAudio

OPTIONS = SamplingOptions(steps=4, cfg=3.0, sampler="dpmpp-3m-sde", sigma_min=0.1, sigma_max=20.0)


def _tiny_config() -> dict[str, Any]:
    config: dict[str, Any] = copy.deepcopy(RECIPE.model_config(1.0))
    config["sample_size"] = 512 * 8
    config["model"]["diffusion"]["config"]["depth"] = 1
    return config


@pytest.fixture(scope="module")
def model() -> StableAudio:
    torch.manual_seed(0)
    return StableAudio(parse(_tiny_config(), "test")).eval()


def _latents(model: StableAudio, text: torch.Tensor, seconds: list[float], seeds: list[int]) -> torch.Tensor:
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    with torch.no_grad():
        return model.sample(model.describe(text, seconds), OPTIONS, generators)


def test_an_item_does_not_depend_on_its_batch(model: StableAudio) -> None:
    """Otherwise a resumed run, or another batch size, would be another experiment."""
    text = torch.randn(8, 5, 128)
    seconds, seeds = [0.1 * i for i in range(1, 9)], list(range(8))
    together = _latents(model, text, seconds, seeds)
    for index in (0, 3, 7):
        alone = _latents(model, text[index : index + 1], [seconds[index]], [seeds[index]])
        assert torch.allclose(alone[0], together[index], atol=1e-5)


def test_seeds_prompts_and_seconds_all_matter(model: StableAudio) -> None:
    text = torch.randn(1, 5, 128)
    base = _latents(model, text, [1.0], [1])
    assert not torch.allclose(base, _latents(model, text, [1.0], [2]))
    assert not torch.allclose(base, _latents(model, text + 1, [1.0], [1]))
    assert not torch.allclose(base, _latents(model, text, [2.0], [1]))


def test_guidance_extrapolates_from_zero_tokens(model: StableAudio) -> None:
    """v = v_null + cfg (v_cond - v_null), where the null half keeps the seconds."""
    text = torch.randn(2, 5, 128)
    told, (tokens, vector) = model.describe(text, [1.0, 2.0]), model.condition(text, [1.0, 2.0])
    x, t = torch.randn(2, model.config.latent_channels, 8), torch.tensor(0.3)
    with torch.no_grad():
        cond = model.dit(x, t.expand(2), tokens, vector)
        null = model.dit(x, t.expand(2), torch.zeros_like(tokens), vector)
        assert torch.allclose(model.guided_velocity(told, Guidance(4.0))(x, t), null + 4 * (cond - null), atol=1e-4)
        assert torch.allclose(model.guided_velocity(told, Guidance(1.0))(x, t), cond, atol=1e-6)


def test_guidance_may_be_kept_to_an_interval_of_noise(model: StableAudio) -> None:
    """Beyond it the conditioned half is all, at half the work. Of a velocity model the level is sin(t pi/2)."""
    told, x = model.describe(torch.randn(2, 5, 128), [1.0, 2.0]), torch.randn(2, model.config.latent_channels, 8)
    always, never, within = Guidance(4.0), Guidance(1.0), Guidance(4.0, low=0.5, high=0.7)
    with torch.no_grad():
        for level, inside in ((0.49, False), (0.51, True), (0.69, True), (0.71, False), (1.0, False)):
            t = torch.asin(torch.tensor(level)) * 2 / torch.pi
            wanted = model.guided_velocity(told, always if inside else never)(x, t)
            assert torch.allclose(model.guided_velocity(told, within)(x, t), wanted, atol=1e-6), level


def test_rescaled_guidance_has_the_spread_of_the_conditioned_half() -> None:
    """At share 1 wholly, at 0 not at all; guidance alone widens the latents with its scale (Lin et al. 2024)."""
    cond, guided = torch.randn(2, 8, 5), 4 * torch.randn(2, 8, 5)
    whole = rescaled(guided, cond, 1.0)
    assert torch.allclose(whole.std(dim=1), cond.std(dim=1), rtol=1e-5)
    assert torch.equal(rescaled(guided, cond, 0.0), guided)
    assert torch.allclose(rescaled(guided, cond, 0.4), 0.4 * whole + 0.6 * guided)


def test_a_sound_to_start_from_fills_the_window(model: StableAudio) -> None:
    """A shorter sound is followed by silence and a longer one is cut; the latents are scaled as in training."""
    size = model.config.sample_size
    sound = torch.randn(2, size // 2) * 0.1
    with torch.no_grad():
        short = model.posterior(sound)
        padded = torch.cat([sound, torch.zeros(2, size - size // 2)], dim=1)
        mean, std = model.vae.posterior(padded[None])
        longer = model.posterior(torch.cat([padded, torch.ones(2, 99)], dim=1))
    assert torch.allclose(short.mean, mean / model.config.latent_scale)
    assert torch.allclose(short.std, std / model.config.latent_scale)
    assert torch.equal(longer.mean, short.mean)


def test_half_precision_keeps_times_apart_and_the_state_whole() -> None:
    """bfloat16 would take t = 0.9987 and 0.9977 for one time; the weights that read numbers stay float32."""
    torch.manual_seed(0)
    half = StableAudio(parse(_tiny_config(), "test")).eval().in_precision(torch.bfloat16)
    assert half.dit.transformer.project_in.weight.dtype == torch.bfloat16
    with torch.no_grad():
        near = half.dit.timestep_features(torch.tensor([[0.9987], [0.9977]]))
        found = _latents(half, torch.randn(1, 5, 128), [1.0], [1])
    assert (near[0] - near[1]).abs().max() > 1e-3
    assert found.dtype == torch.float32
    assert found.isfinite().all()
