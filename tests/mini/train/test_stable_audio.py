"""The recipes of the Stable Audio minis, a few steps each on made-up recordings, from start to shipped folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from evalkit.fetch.weights import locate
from evalkit.generators.stable_audio.generator import StableAudioGenerator
from evalkit.generators.stable_audio.variants import VARIANTS
from evalkit.mini.recordings.scenes import CLASSES, Recording
from evalkit.mini.starts.lapped import Autoencoder
from evalkit.mini.train import autoencoder, dac, diffusion, dit, unet, vae
from evalkit.mini.train.autoencoder import Start
from evalkit.mini.train.diffusion import Recipe
from evalkit.mini.train.loop import Options, ship


def _recordings(*_: object) -> list[Recording]:
    rng = np.random.default_rng(0)
    return [
        Recording(sound, sound, 1, 16000, (0.3 * rng.standard_normal(16000)).astype(np.float32), ((0, 16000),))
        for sound in CLASSES
    ]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipes with batches that train in seconds."""
    monkeypatch.setattr(autoencoder, "SEGMENT", 4096)
    monkeypatch.setattr(autoencoder, "load_recordings", _recordings)
    monkeypatch.setattr(diffusion, "load_recordings", _recordings)
    for name, value in (("POOL", 16), ("BATCH", 4)):
        monkeypatch.setattr(diffusion, name, value)


def _started(start: Start) -> Autoencoder:
    return start.at(autoencoder.draw_batch(np.random.default_rng(0), _recordings()))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("start", [vae.START, dac.START], ids=["oobleck", "dac"])
def test_a_step_lowers_the_autoencoders_loss(start: Start) -> None:
    rng = np.random.default_rng(0)
    audio, vae = autoencoder.draw_batch(rng, _recordings()), _started(start)
    noise = autoencoder.draw_noise(rng, (start.config.latent, autoencoder.SEGMENT // start.config.ratio))
    optimizer = torch.optim.Adam(vae.decoder.parameters(), lr=3e-4)
    values = []
    for _ in range(4):
        loss, parts = autoencoder.objective(vae, audio, noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < values[0]
    assert set(parts) == {"stft", "mel", "waveform"}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("recipe", [dit.RECIPE, unet.RECIPE], ids=lambda recipe: str(recipe.name))
def test_the_recipe_ships_a_folder_that_the_generator_loads(recipe: Recipe, tmp_path: Path) -> None:
    ship(tmp_path / "vae", _started(recipe.autoencoder), {})
    options = Options(tmp_path, tmp_path / "made", 0, 2, "cpu", None, tmp_path / "vae")
    diffusion.train(options, replace(recipe, first=4))
    generator = StableAudioGenerator(VARIANTS[recipe.name], {recipe.name: tmp_path / "made"})
    generator.load("cpu", "float32")
    made = generator.generate(["rain"], [1.5], [3], {**generator.spec.presets["card"], "steps": 3})
    assert made.audio[0].shape == (2, 24000)
    assert np.isfinite(made.audio[0]).all()


@pytest.mark.parametrize("recipe", [dit.RECIPE, unet.RECIPE], ids=lambda recipe: str(recipe.name))
def test_a_recipe_says_the_config_that_is_shipped(recipe: Recipe) -> None:
    """Otherwise the weights in the package are no longer those of the recipe beside them."""
    shipped = json.loads((locate(recipe.name, {}) / "model_config.json").read_text())
    assert recipe.model_config(shipped["model"]["pretransform"]["scale"]) == shipped


@pytest.mark.usefixtures("small")
def test_half_of_the_times_are_where_sound_takes_shape() -> None:
    times = np.concatenate([diffusion.random_times(np.random.default_rng(seed), 16) for seed in range(50)])
    low, high = (2 / np.pi * np.arctan(level) for level in diffusion.FORMING)
    assert 0.75 < np.mean((times >= low) & (times <= high)) < 0.95
    assert times.min() < low / 2
    assert times.max() > (1 + high) / 2


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_a_trained_decoder_keeps_the_encoder_and_is_shipped_by_the_finished_recipe(tmp_path: Path) -> None:
    """The diffusion model trains on the encoder's latents while the decoder still trains: they may not move."""
    for folder, steps in (("start", 0), ("trained", 2)):
        autoencoder.train(Options(tmp_path, tmp_path / folder, 0, steps, "cpu", None), dac.START)
    first = Options(tmp_path, tmp_path / "made", 0, 1, "cpu", None, tmp_path / "start")
    recipe = replace(unet.RECIPE, first=4)
    diffusion.train(first, recipe)
    before = load_file(tmp_path / "made" / "model.safetensors")
    diffusion.train(replace(first, vae=tmp_path / "trained"), recipe)
    after = load_file(tmp_path / "made" / "model.safetensors")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("pretransform.model.decoder.") for name in moved)
