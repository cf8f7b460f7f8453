"""The codec's recipe, a few steps on made-up recordings, from start to files that the next recipe loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from evalkit_codec import made_up

from evalkit.mini.starts import codebooks
from evalkit.mini.train import encodec
from evalkit.mini.train.loop import Options


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe with batches that train in seconds."""
    monkeypatch.setattr(encodec, "load_recordings", made_up)
    for name, value in {"DECODER": True, "SCENES": 12, "BATCH": 2, "PEAK_RATE": 1e-5}.items():
        monkeypatch.setattr(encodec, name, value)


@pytest.mark.usefixtures("small")
def test_steps_lower_what_the_codec_pays() -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    trainer = encodec.Trainer(*encodec.new_codec(rng, made_up()))
    audio = encodec.draw_batch(rng, made_up(), 2)
    said = [trainer.step(audio, False) for _ in range(40)]
    assert said[-1]["mel"] < said[0]["mel"]
    assert said[-1]["encoder"] < said[0]["encoder"]


@pytest.mark.usefixtures("small")
def test_an_adversary_joins() -> None:
    """It learns too, and what it says stays finite from the first step on."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    trainer = encodec.Trainer(*encodec.new_codec(rng, made_up()))
    audio = encodec.draw_batch(rng, made_up(), 2)
    before = [parameter.clone() for parameter in trainer.critic.parameters()]
    said = [trainer.step(audio, True) for _ in range(2)]
    assert any(not torch.equal(*pair) for pair in zip(before, trainer.critic.parameters(), strict=True))
    assert all(np.isfinite(list(one.values())).all() for one in said)


@pytest.mark.usefixtures("small")
def test_training_leaves_the_codes_as_they_were(tmp_path: Path) -> None:
    """A language model may already be training on them; with other codes under it, it would speak another language."""
    audio = encodec.draw_batch(np.random.default_rng(2), made_up(), 2)
    found = []
    for steps in (0, 2):
        out = tmp_path / str(steps)
        encodec.train(Options(tmp_path, out, 0, steps, "cpu", None))
        codec, analysis = encodec.load(Options(tmp_path, out, 0, 0, "cpu", None, out))
        found.append(codebooks.quantise(codec.quantizer, analysis.latents(audio))[1])
    assert torch.equal(*found)


def test_the_distance_of_mel_bands_is_nothing_for_equal_sounds() -> None:
    sound = torch.randn(2, 1, 8000)
    assert float(encodec.mel_loss(sound, sound)) < 2e-3
    assert float(encodec.mel_loss(0.5 * sound, sound)) > 0.5
