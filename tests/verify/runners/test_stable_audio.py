"""The runner of Stable Audio Open: evalkit's networks under diffusers' sampler make what diffusers' pipeline makes.

torchsde, by which that sampler draws its noise, is no requirement of evalkit; a stand-in that draws otherwise takes its
place on both sides.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evalkit_checkpoints import small_t5
from safetensors.torch import save_file

from evalkit.verify.runners.audioldm import noise

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "checkpoints"))
from diffusers_small import GOLDEN, drawn

sys.path.pop(0)

# diffusers' own autoencoder, which is the witness here.
pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")

LATENTS = (1, 4, 40)
TOLD = {"prompt": "word3 word5", "latents": LATENTS, "steps": 5, "guidance": 2.5, "seconds": 0.3, "seed": 0}
"""40 latents of 64 samples at 8 kHz are 0.32 s."""


class BrownianInterval:
    """Increments that depend on the seed and the times alone."""

    def __init__(self, t0: float, t1: float, size: torch.Size, entropy: int, **_: Any) -> None:
        self._size, self._seed = size, entropy

    def __call__(self, t0: float, t1: float) -> torch.Tensor:
        seed = self._seed + round(1e6 * float(t0)) + 7 * round(1e6 * float(t1))
        return torch.randn(self._size, generator=torch.Generator().manual_seed(seed)) * abs(float(t1 - t0)) ** 0.5


@pytest.fixture
def torchsde(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("torchsde")
    module.__spec__ = ModuleSpec("torchsde", None)
    module.BrownianInterval = BrownianInterval  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchsde", module)
    for name in [name for name in sys.modules if "dpmsolver_sde" in name or "cosine_dpmsolver" in name]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """diffusers' layout, small."""
    made = tmp_path / "pipeline"
    told = json.loads((GOLDEN / "diffusers.json").read_text())
    for part in ("transformer", "vae", "projection_model"):
        (made / part).mkdir(parents=True)
        (made / part / "config.json").write_text(json.dumps(told[part]["config"]))
        save_file(drawn(told[part]["tensors"]), made / part / "diffusion_pytorch_model.safetensors")
    small_t5(made, width=64, parts=True)
    return made


@pytest.fixture
def expected(torchsde: None, folder: Path) -> np.ndarray:
    """By diffusers' pipeline, as its nightly test calls it."""
    from diffusers import AutoencoderOobleck, StableAudioDiTModel, StableAudioPipeline
    from diffusers.pipelines.stable_audio import StableAudioProjectionModel
    from diffusers.schedulers.scheduling_cosine_dpmsolver_multistep import CosineDPMSolverMultistepScheduler
    from transformers import AutoTokenizer, T5EncoderModel

    pipe = StableAudioPipeline(
        vae=AutoencoderOobleck.from_pretrained(folder / "vae"),
        text_encoder=T5EncoderModel.from_pretrained(folder / "text_encoder"),
        projection_model=StableAudioProjectionModel.from_pretrained(folder / "projection_model"),
        tokenizer=AutoTokenizer.from_pretrained(folder / "tokenizer"),
        transformer=StableAudioDiTModel.from_pretrained(folder / "transformer"),
        scheduler=CosineDPMSolverMultistepScheduler(),
    )
    made = pipe(
        "word3 word5", latents=noise(LATENTS), num_inference_steps=5, guidance_scale=2.5, audio_end_in_s=0.3,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    return np.asarray(made.audios[0])


def case(expected: np.ndarray) -> tuple[Any, ...]:
    """What random weights make is loud: 0.05 is 5e-4 of it, and what float32 leaves of five steps."""
    more = {"shape": [2, 2400], "absolute": 5e-4 * float(np.abs(expected).max())}
    return "5 steps", TOLD, "[0, 1000:1010]", {"cpu": expected[0, 1000:1010].tolist()}, more


def test_it_meets_the_answers_of_the_pipeline(held: Callable[..., Any], folder: Path, expected: np.ndarray) -> None:
    assert expected.shape == (2, 2400) and np.abs(expected).max() > 1e-3
    (found,) = held("stable_audio", "stable-audio", [case(expected)], folder)
    assert found.result in ("equal", "near"), found


def test_one_changed_weight_is_wrong(
    held: Callable[..., Any], changed: Callable[..., Path], folder: Path, expected: np.ndarray
) -> None:
    file = "transformer/diffusion_pytorch_model.safetensors"
    other = changed(folder, file, "transformer_blocks.0.ff.net.2.weight", 30)
    (found,) = held("stable_audio", "stable-audio", [case(expected)], other)
    assert found.result == "wrong", found


def test_without_torchsde_the_reason_says_so(
    held: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchsde", None)
    for name in [name for name in sys.modules if "dpmsolver_sde" in name or "cosine_dpmsolver" in name]:
        monkeypatch.delitem(sys.modules, name)
    (found,) = held("stable_audio", "stable-audio", [("x", TOLD, "", {"cpu": [0.0]})], folder)
    assert found.result == "skipped" and "torchsde" in found.reason
