"""The two recipes of stable-audio-mini, a few steps each on made-up recordings, from start to shipped folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from evalkit.generators.stable_audio import StableAudioGenerator, mini
from evalkit.mini import train_dit, train_vae
from evalkit.mini.scenes import CLASSES, Recording
from evalkit.mini.training import Options, ship


def _recordings(*_: object) -> list[Recording]:
    rng = np.random.default_rng(0)
    return [
        Recording(sound, sound, 1, 16000, (0.3 * rng.standard_normal(16000)).astype(np.float32), ((0, 16000),))
        for sound in CLASSES
    ]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipes with batches that train in seconds."""
    monkeypatch.setattr(train_vae, "SEGMENT", 4096)
    monkeypatch.setattr(train_dit, "load_recordings", _recordings)
    for name, value in (("POOL", 16), ("BATCH", 4), ("RENEWED", 2)):
        monkeypatch.setattr(train_dit, name, value)


@pytest.mark.usefixtures("small")
def test_a_step_lowers_the_autoencoders_loss() -> None:
    rng = np.random.default_rng(0)
    audio = train_vae.draw_batch(rng, _recordings())
    vae = train_vae.new_vae(audio)
    noise = train_vae.draw_noise(rng, train_vae.SEGMENT // train_vae.CONFIG.ratio)
    optimizer = torch.optim.Adam(vae.decoder.parameters(), lr=3e-4)
    values = []
    for _ in range(4):
        loss, parts = train_vae.objective(vae, audio, noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < values[0]
    assert set(parts) == {"stft", "mel", "waveform"}


@pytest.mark.usefixtures("small")
def test_the_recipe_ships_a_folder_that_the_generator_loads(tmp_path: Path) -> None:
    ship(tmp_path / "vae", train_vae.new_vae(train_vae.draw_batch(np.random.default_rng(0), _recordings())), {})
    options = Options(tmp_path, tmp_path / "dit", 0, 2, "cpu", None, tmp_path / "vae")
    train_dit.train(options)
    generator: StableAudioGenerator = mini({"stable-audio-mini": tmp_path / "dit"})
    generator.load("cpu", "float32")
    made = generator.generate(["rain"], [1.5], [3], {**generator.spec.presets["card"], "steps": 3})
    assert made.audio[0].shape == (2, 24000)
    assert np.isfinite(made.audio[0]).all()


@pytest.mark.usefixtures("small")
def test_a_trained_decoder_keeps_the_encoder_and_is_shipped_by_the_finished_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The diffusion model trains on the encoder's latents while the decoder still trains: they may not move."""
    monkeypatch.setattr(train_vae, "load_recordings", _recordings)
    monkeypatch.setattr(train_vae, "fuse_snakes", lambda: None)
    for folder, steps in (("start", 0), ("trained", 2)):
        train_vae.train(Options(tmp_path, tmp_path / folder, 0, steps, "cpu", None))
    first = Options(tmp_path, tmp_path / "dit", 0, 1, "cpu", None, tmp_path / "start")
    train_dit.train(first)
    before = load_file(tmp_path / "dit" / "model.safetensors")
    train_dit.train(replace(first, vae=tmp_path / "trained"))
    after = load_file(tmp_path / "dit" / "model.safetensors")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("pretransform.model.decoder.") for name in moved)
