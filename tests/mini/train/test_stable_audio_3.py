"""The recipes of stable-audio-3-mini: a few steps, resumed, shipped, and run from what was shipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from evalkit.generators.stable_audio.generator import WEIGHTS, mini_3
from evalkit.mini.recordings.scenes import CLASSES, Recording
from evalkit.mini.starts.same import CONFIG, fit_analysis, start_same
from evalkit.mini.train import same, stable_audio_3
from evalkit.mini.train.loop import Options
from evalkit.mini.train.stable_audio_3 import NAME, Tower, load_tokenizer, model_config, new_model, new_tower, ship
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.same import SameAutoencoder
from evalkit.nets.stable_audio.schedule import even_logsnr_times


def test_the_config_is_read_as_the_network_that_is_trained() -> None:
    """A size that the file does not say would be trained and then refused, or loaded as another network."""
    found = parse(model_config(), NAME)
    assert found.autoencoder == CONFIG
    assert found.free and found.objective == "rectified_flow"
    assert found.text.projected_from == 0 and found.text.padding == "learned"
    assert found.latent_length * CONFIG.ratio == found.sample_size


def test_times_cover_what_sampling_visits() -> None:
    rng = np.random.default_rng(0)
    times = np.concatenate([stable_audio_3.random_times(rng, 16) for _ in range(400)])
    assert times.min() >= 0 and times.max() <= 1
    visited = even_logsnr_times(8).numpy()
    share = np.histogram(times, visited[::-1])[0] / len(times)
    assert share.min() > 0.002


def test_what_is_shipped_makes_sound_of_the_length_that_is_asked(tmp_path: Path) -> None:
    """The folder has the published names and its own text tower, and the loader that users have takes it."""
    torch.manual_seed(0)
    analysis = fit_analysis(0.1 * torch.randn(4, 16 * CONFIG.ratio))
    vae = SameAutoencoder(CONFIG)
    start_same(vae, analysis)
    tokenizer = load_tokenizer()
    tower = Tower(new_tower(len(tokenizer)).eval().requires_grad_(False), tokenizer)
    ship(tmp_path / NAME, new_model(vae), tower)
    generator = mini_3(checkpoint=tmp_path / NAME)
    generator.load("cpu", "float32")
    options = {**generator.spec.presets["fast"], "steps": 2}
    (sound,) = generator.generate(["a dog barking"], [1.3], [0], options).audio
    assert sound.shape == (1, round(1.3 * 16000)) and np.isfinite(sound).all()
    assert generator._tower is not None
    told, mask = generator._tower.read(["A dog barking"])
    own, seen = tower.read(["A dog barking"])
    assert torch.equal(mask, seen)
    assert (told - own)[mask.bool()].abs().max() < 0.02


def test_the_autoencoder_is_found_again(tmp_path: Path) -> None:
    analysis = fit_analysis(0.1 * torch.randn(4, 16 * CONFIG.ratio))
    vae = SameAutoencoder(CONFIG)
    start_same(vae, analysis)
    same.keep(tmp_path, analysis)
    same.ship(tmp_path, vae, CONFIG)
    back, again = same.load(tmp_path)
    assert torch.equal(again.basis, analysis.basis)
    latents = analysis.latents(0.1 * torch.randn(1, 1, 8 * CONFIG.ratio))
    with torch.no_grad():
        assert (back.decode(latents) - vae.decode(latents)).abs().max() < 0.02


def test_the_recipes_run_from_recordings_to_a_folder_and_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stopped after one step goes on from there."""
    for name, value in (("FIRST", 8), ("BATCH", 4), ("WORD_STEPS", 2), ("WORD_BATCH", 4)):
        monkeypatch.setattr(stable_audio_3, name, value)
    for name, value in (("SCENES", 8), ("BATCH", 2)):
        monkeypatch.setattr(same, name, value)
    monkeypatch.setattr(same, "load_recordings", _recordings)
    monkeypatch.setattr(stable_audio_3, "load_recordings", _recordings)
    options = Options(tmp_path, tmp_path / "same", 0, 2, "cpu", None)
    same.train(options)
    whole = replace(options, out=tmp_path / "out", vae=options.out)
    stable_audio_3.train(replace(whole, steps=1))
    first = load_file(whole.out / "shipped" / WEIGHTS)
    stable_audio_3.train(whole)
    second = load_file(whole.out / "shipped" / WEIGHTS)
    moved = {name for name in first if not torch.equal(first[name], second[name])}
    assert "model.model.transformer.layers.0.ff.ff.2.weight" in moved
    assert not any(name.startswith("pretransform.") for name in moved)
    generator = mini_3(checkpoint=whole.out / "shipped")
    assert generator.spec.parameters and generator.spec.channels == 1


def _recordings(*_: object) -> list[Recording]:
    rng = np.random.default_rng(0)
    return [
        Recording(sound, sound, 1, 16000, (0.3 * rng.standard_normal(16000)).astype(np.float32), ((0, 16000),))
        for sound in CLASSES
    ]
