"""The recipes of panns-, vggish- and audiobox-mini: what they learn from, and that a few steps run and ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.audio.clip import Clip
from evalkit.embed import audiobox as audiobox_embedder
from evalkit.embed import panns as panns_embedder
from evalkit.embed import vggish as vggish_embedder
from evalkit.mini.recordings import labelled
from evalkit.mini.recordings.labelled import RATE, SECONDS, Labelled, draw_labelled
from evalkit.mini.recordings.scenes import CLASSES, Recording
from evalkit.mini.train import audiobox, panns, vggish
from evalkit.nets.aesthetics import AXES


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Labelled:
    rng = np.random.default_rng(0)
    samples = [rng.standard_normal(RATE).astype(np.float32) * 0.2 for _ in CLASSES]
    found = [Recording(f"{c}.ogg", c, 1, RATE, x, ((0, len(x)),)) for c, x in zip(CLASSES, samples, strict=True)]
    monkeypatch.setattr(labelled, "load_recordings", lambda data, rate, folds: found)
    return draw_labelled(Path("unused"), 0, 24)


def test_what_is_known_of_a_sound(known: Labelled) -> None:
    assert known.sounds.shape == (24, round(SECONDS * RATE)) and np.isfinite(known.sounds).all()
    np.testing.assert_allclose(known.shares.sum(axis=1), 1, atol=1e-6)
    assert (known.shares > 0).sum(axis=1).tolist() == known.sources.tolist()
    for each in (known.clean, known.wide, known.filled):
        assert 0 <= each.min() < 1 and each.max() == 1
    again = draw_labelled(Path("unused"), 0, 24)
    np.testing.assert_array_equal(known.sounds, again.sounds)


def test_the_axes_are_made_of_what_is_known(known: Labelled) -> None:
    """A sound that nothing was done to has 10 but for its complexity, which goes by its sources."""
    axes = dict(zip(AXES, audiobox.axes_of(known).T, strict=True))
    whole = (known.clean == 1) & (known.wide == 1) & (known.filled == 1)
    assert whole.any()
    for axis in ("CE", "CU", "PQ"):
        assert (axes[axis][torch.from_numpy(whole)] == 10).all() and axes[axis].min() >= 1
    assert (axes["PC"] - (1 + 4.5 * (torch.from_numpy(known.sources) - 1))).abs().max() < 1e-5


def few(monkeypatch: pytest.MonkeyPatch, recipe: object, known: Labelled, out: Path) -> list[str]:
    clips = [Clip(np.ones((1, 8000), np.float32), RATE, "")], [0]
    monkeypatch.setattr(recipe, "held_out_clips", lambda data: clips, raising=False)
    monkeypatch.setattr(recipe, "draw_labelled", lambda *told: known)
    return ["--data", "unused", "--out", str(out), "--steps", "2"]


def test_panns_ships_without_what_follows_from_its_sizes(
    known: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panns.main(few(monkeypatch, panns, known, tmp_path))
    assert (tmp_path / "model.safetensors").stat().st_size < 60_000
    embedder = panns_embedder.load("panns-mini", tmp_path)
    (row,) = embedder.embed([Clip(np.ones((1, RATE), np.float32), RATE, "")])
    assert row.shape == (1, 32 + 527) and (row[0, 32 + len(CLASSES) :] < -50).all()


def test_vggish_ships(known: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vggish.main(few(monkeypatch, vggish, known, tmp_path))
    assert vggish_embedder.load("vggish-mini", tmp_path).spec.dimensions == vggish.CONFIG.features


def test_audiobox_ships_with_the_scale_of_its_axes(
    known: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audiobox.main(few(monkeypatch, audiobox, known, tmp_path))
    embedder = audiobox_embedder.load("audiobox-mini", tmp_path)
    (row,) = embedder.embed([Clip(np.random.default_rng(0).normal(0, 0.1, (1, RATE)).astype(np.float32), RATE, "")])
    assert row.shape == (1, 4) and np.isfinite(row).all()
