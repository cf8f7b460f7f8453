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
from evalkit.mini import diffusion_training, train_dac, train_dit, train_unet, train_vae, vae_training
from evalkit.mini.diffusion_training import Recipe
from evalkit.mini.lapped import Autoencoder
from evalkit.mini.scenes import CLASSES, Recording
from evalkit.mini.training import Options, ship
from evalkit.mini.vae_training import Start


def _recordings(*_: object) -> list[Recording]:
    rng = np.random.default_rng(0)
    return [
        Recording(sound, sound, 1, 16000, (0.3 * rng.standard_normal(16000)).astype(np.float32), ((0, 16000),))
        for sound in CLASSES
    ]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipes with batches that train in seconds."""
    monkeypatch.setattr(vae_training, "SEGMENT", 4096)
    monkeypatch.setattr(vae_training, "load_recordings", _recordings)
    monkeypatch.setattr(diffusion_training, "load_recordings", _recordings)
    for name, value in (("POOL", 16), ("BATCH", 4)):
        monkeypatch.setattr(diffusion_training, name, value)


def _started(start: Start) -> Autoencoder:
    return start.at(vae_training.draw_batch(np.random.default_rng(0), _recordings()))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("start", [train_vae.START, train_dac.START], ids=["oobleck", "dac"])
def test_a_step_lowers_the_autoencoders_loss(start: Start) -> None:
    rng = np.random.default_rng(0)
    audio, vae = vae_training.draw_batch(rng, _recordings()), _started(start)
    noise = vae_training.draw_noise(rng, (start.config.latent, vae_training.SEGMENT // start.config.ratio))
    optimizer = torch.optim.Adam(vae.decoder.parameters(), lr=3e-4)
    values = []
    for _ in range(4):
        loss, parts = vae_training.objective(vae, audio, noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < values[0]
    assert set(parts) == {"stft", "mel", "waveform"}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("recipe", [train_dit.RECIPE, train_unet.RECIPE], ids=lambda recipe: str(recipe.name))
def test_the_recipe_ships_a_folder_that_the_generator_loads(recipe: Recipe, tmp_path: Path) -> None:
    ship(tmp_path / "vae", _started(recipe.autoencoder), {})
    options = Options(tmp_path, tmp_path / "made", 0, 2, "cpu", None, tmp_path / "vae")
    diffusion_training.train(options, replace(recipe, first=4))
    generator = StableAudioGenerator(VARIANTS[recipe.name], {recipe.name: tmp_path / "made"})
    generator.load("cpu", "float32")
    made = generator.generate(["rain"], [1.5], [3], {**generator.spec.presets["card"], "steps": 3})
    assert made.audio[0].shape == (2, 24000)
    assert np.isfinite(made.audio[0]).all()


@pytest.mark.parametrize("recipe", [train_dit.RECIPE, train_unet.RECIPE], ids=lambda recipe: str(recipe.name))
def test_a_recipe_says_the_config_that_is_shipped(recipe: Recipe) -> None:
    """Otherwise the weights in the package are no longer those of the recipe beside them."""
    shipped = json.loads((locate(recipe.name, {}) / "model_config.json").read_text())
    assert recipe.model_config(shipped["model"]["pretransform"]["scale"]) == shipped


@pytest.mark.usefixtures("small")
def test_half_of_the_times_are_where_sound_takes_shape() -> None:
    times = np.concatenate([diffusion_training.random_times(np.random.default_rng(seed), 16) for seed in range(50)])
    low, high = (2 / np.pi * np.arctan(level) for level in diffusion_training.FORMING)
    assert 0.75 < np.mean((times >= low) & (times <= high)) < 0.95
    assert times.min() < low / 2
    assert times.max() > (1 + high) / 2


@pytest.mark.usefixtures("small")
def test_a_trained_decoder_keeps_the_encoder_and_is_shipped_by_the_finished_recipe(tmp_path: Path) -> None:
    """The diffusion model trains on the encoder's latents while the decoder still trains: they may not move."""
    for folder, steps in (("start", 0), ("trained", 2)):
        vae_training.train(Options(tmp_path, tmp_path / folder, 0, steps, "cpu", None), train_dac.START)
    first = Options(tmp_path, tmp_path / "made", 0, 1, "cpu", None, tmp_path / "start")
    recipe = replace(train_unet.RECIPE, first=4)
    diffusion_training.train(first, recipe)
    before = load_file(tmp_path / "made" / "model.safetensors")
    diffusion_training.train(replace(first, vae=tmp_path / "trained"), recipe)
    after = load_file(tmp_path / "made" / "model.safetensors")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("pretransform.model.decoder.") for name in moved)
