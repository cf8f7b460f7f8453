"""The runner of AudioLDM and AudioLDM2: a fake model's answers, by diffusers' pipelines as their tests call them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LMSDiscreteScheduler
from evalkit_baselines import small_audioldm, small_audioldm2

from evalkit.generators.base import GENERATORS
from evalkit.verify.runners.audioldm import noise

# diffusers' LMS schedule hands numpy a tensor in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = {"audioldm-s": small_audioldm, "audioldm2": small_audioldm2}
LATENTS = {"audioldm-s": (1, 8, 32, 4), "audioldm2": (1, 8, 16, 4)}
PROMPT = "word3 word5"


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one number for the latents' length, as published: the pipelines' own length is made of it."""
    made = NAMES[name](tmp_path_factory.mktemp("hub") / name)
    config = json.loads((made / "unet" / "config.json").read_text())
    (made / "unet" / "config.json").write_text(json.dumps({**config, "sample_size": LATENTS[name][2]}))
    return made


@pytest.fixture(scope="module")
def expected(name: str, folder: Path) -> dict[str, np.ndarray]:
    """What diffusers' pipeline makes of the prompt itself, as its slow tests call it."""
    generator = GENERATORS.load(name)(overrides={name: folder})
    generator.load("cpu", "float32")
    pipe = generator._adapter.pipe
    more = {"max_new_tokens": 8} if name == "audioldm2" else {}
    found = {}
    for scheduler in ("ddim", "lms"):
        if scheduler == "lms":
            pipe.scheduler = LMSDiscreteScheduler.from_config(pipe.scheduler.config)
        random = torch.Generator().manual_seed(0)
        made = pipe(
            PROMPT, latents=noise(LATENTS[name]), num_inference_steps=3, guidance_scale=2.5, generator=random, **more
        )
        found[scheduler] = made.audios[0]
    return found


def cases(name: str, expected: dict[str, np.ndarray]) -> list[tuple[Any, ...]]:
    told = {"prompt": PROMPT, "latents": LATENTS[name], "guidance": 2.5, "steps": 3}
    return [
        (key, {**told, "scheduler": key}, "[2000:2010]", array[2000:2010], {"shape": array.shape})
        for key, array in expected.items()
    ]


def test_it_meets_the_answers_of_the_pipeline(
    held: Callable[..., Any], name: str, folder: Path, expected: dict[str, np.ndarray]
) -> None:
    assert np.abs(expected["ddim"]).max() > 1e-3 and not np.allclose(expected["ddim"], expected["lms"], atol=1e-3)
    found = held("audioldm", name, cases(name, expected), folder)
    assert [each.result in ("equal", "near") for each in found] == [True, True], found


def test_one_changed_weight_is_wrong(
    held: Callable[..., Any], changed: Callable[..., Path], name: str, folder: Path, expected: dict[str, np.ndarray]
) -> None:
    other = changed(folder, "unet/diffusion_pytorch_model.safetensors", "conv_in.weight", 3)
    found = held("audioldm", name, cases(name, expected), other)
    assert [each.result for each in found] == ["wrong", "wrong"], found


def test_another_length_is_wrong(held: Callable[..., Any], name: str, folder: Path) -> None:
    told = {"prompt": PROMPT, "latents": LATENTS[name], "guidance": 1.0, "steps": 1}
    (found,) = held("audioldm", name, [("x", told, "[:2]", [0.0, 0.0], {"shape": [7]})], folder)
    assert found.result == "wrong" and "instead of (7,)" in found.reason
