from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from evalkit.core.errors import BadCheckpoint
from evalkit.mini.train_dit import model_config
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.dit import DiT, DiTConfig
from evalkit.nets.stable_audio.model import SamplingOptions, StableAudio

OPTIONS = SamplingOptions(steps=4, cfg=3.0, sampler="dpmpp-3m-sde", sigma_min=0.1, sigma_max=20.0)


def _tiny_config() -> dict[str, Any]:
    config: dict[str, Any] = copy.deepcopy(model_config(1.0))
    config["sample_size"] = 512 * 8
    config["model"]["diffusion"]["config"]["depth"] = 1
    return config


@pytest.fixture(scope="module")
def model() -> StableAudio:
    torch.manual_seed(0)
    return StableAudio(parse(_tiny_config(), "test")).eval()


def test_open_1_0_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        dit = DiT(DiTConfig())
    assert sum(p.numel() for p in dit.parameters()) == 1_056_828_544


def _latents(model: StableAudio, text: torch.Tensor, seconds: list[float], seeds: list[int]) -> torch.Tensor:
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    with torch.no_grad():
        return model.sample(*model.condition(text, seconds), OPTIONS, generators)


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
    tokens, condition = model.condition(torch.randn(2, 5, 128), [1.0, 2.0])
    x, t = torch.randn(2, model.config.dit.io_channels, 8), torch.tensor([0.3, 0.7])
    with torch.no_grad():
        cond = model.dit(x, t, tokens, condition)
        null = model.dit(x, t, torch.zeros_like(tokens), condition)
        assert torch.allclose(model.guided_velocity(tokens, condition, 4.0)(x, t), null + 4 * (cond - null), atol=1e-4)
        assert torch.allclose(model.guided_velocity(tokens, condition, 1.0)(x, t), cond, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("model", "diffusion", "type"), "adp_cfg_1d", "adp_cfg_1d"),
        (("model", "pretransform", "config", "encoder", "type"), "dac", "dac"),
        (("model", "pretransform", "config", "bottleneck", "type"), "rvq", "rvq"),
        (("model", "conditioning", "configs", 0, "type"), "clap_audio", "clap_audio"),
        (("model", "diffusion", "config", "qk_norm"), "ln", "qk_norm"),
        (("sample_rate",), "fast", "sample_rate|invalid literal"),
    ],
)
def test_a_config_of_another_kind_is_refused_by_name(path: tuple[Any, ...], value: object, named: str) -> None:
    """Building something near it would give numbers that nobody can place."""
    config: Any = _tiny_config()
    *way, last = path
    place = config
    for step in way:
        place = place[step]
    place[last] = value
    with pytest.raises(BadCheckpoint, match=named):
        parse(config, "model_config.json")


def test_a_config_without_a_text_conditioner_is_refused() -> None:
    config = _tiny_config()
    del config["model"]["conditioning"]["configs"][0]
    with pytest.raises(BadCheckpoint, match="no text conditioner"):
        parse(config, "model_config.json")
