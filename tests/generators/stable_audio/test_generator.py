"""stable-audio-mini as users run it, and what happens to a checkpoint that is not whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

from evalkit.core.errors import BadCheckpoint, MissingWeights
from evalkit.fetch.weights import locate
from evalkit.generators.stable_audio.generator import (
    CONFIG,
    WEIGHTS,
    StableAudioGenerator,
    load_model,
    mini,
    open_1_0,
)

FAST = {**mini().spec.presets["card"], "steps": 4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped checkpoint to damage."""
    return Path(shutil.copytree(locate("stable-audio-mini", {}), tmp_path / "copy"))


def test_batch_of_one_and_batch_of_eight_are_the_same_sound(generator: StableAudioGenerator) -> None:
    prompts = [f"a dog barking {index} times" for index in range(8)]
    seconds, seeds = [1 + 0.5 * index for index in range(8)], list(range(8))
    together = generator.generate(prompts, seconds, seeds, FAST)
    for index in (0, 3, 7):
        alone = generator.generate(prompts[index : index + 1], [seconds[index]], [seeds[index]], FAST)
        assert together.audio[index].shape == (2, round(seconds[index] * 16000))
        assert np.abs(alone.audio[0] - together.audio[index]).max() <= 1e-5


def test_the_same_call_gives_the_same_bytes(generator: StableAudioGenerator) -> None:
    first, second = (generator.generate(["rain"], [2.0], [5], FAST).audio[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_every_file_that_shapes_the_sound_is_in_the_fingerprint(folder: Path) -> None:
    """A retrained text tower under the same name must not pass for the old model."""
    shipped = mini().spec.weights
    assert shipped is not None
    assert mini({"stable-audio-mini": folder}).spec.weights == shipped
    tower = Path(shutil.copytree(locate("clap-mini", {}), folder.parent / "tower"))
    (tower / "config.json").write_text((tower / "config.json").read_text() + "\n")
    assert mini({"clap-mini": tower}).spec.weights != shipped


def test_the_network_has_the_names_of_a_published_file() -> None:
    tensors = safetensors.torch.load_file(locate("stable-audio-mini", {}) / WEIGHTS)
    assert any(name.startswith("model.model.transformer.layers.0.") for name in tensors)
    assert "pretransform.model.decoder.layers.0.weight_g" in tensors
    assert "conditioner.conditioners.seconds_total.embedder.embedding.1.weight" in tensors


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.pop("model.model.postprocess_conv.weight"), "missing model.model.postprocess_conv.weight"),
        (
            lambda t: t.update({"model.model.extra": t["model.model.postprocess_conv.weight"].clone()}),
            "unexpected model.model.extra",
        ),
        (lambda t: t.update({"vae.ema": t["model.model.postprocess_conv.weight"].clone()}), "unexpected vae.ema"),
        (
            lambda t: t.update(
                {"model.model.postprocess_conv.weight": t["model.model.postprocess_conv.weight"][:3].clone()}
            ),
            "postprocess_conv.weight is",
        ),
    ],
)
def test_a_tensor_too_many_or_too_few_is_named(folder: Path, change: object, named: str) -> None:
    """A model that loaded nearly all of its weights still makes sound, and nobody would notice."""
    tensors = safetensors.torch.load_file(folder / WEIGHTS)
    change(tensors)  # type: ignore[operator]
    safetensors.torch.save_file(tensors, folder / WEIGHTS)
    with pytest.raises(BadCheckpoint, match=named):
        load_model(folder, "cpu", "float32")


def test_a_truncated_file_is_one_clear_line(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])
    with pytest.raises(BadCheckpoint, match=WEIGHTS):
        load_model(folder, "cpu", "float32")


def test_a_config_of_another_kind_is_refused(folder: Path) -> None:
    config = json.loads((folder / CONFIG).read_text())
    config["model"]["diffusion"]["type"] = "mamba"
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(BadCheckpoint, match="mamba"):
        load_model(folder, "cpu", "float32")


def test_the_full_model_says_what_to_put_where() -> None:
    full = open_1_0()
    assert full.spec.weights is None
    with pytest.raises(MissingWeights, match=r"stable-audio-open-1\.0") as error:
        full.load("cpu", "float32")
    assert "licence" in error.value.hint
    assert "--weights stable-audio=" in error.value.hint
