"""passt-mini's recipe: what goes into a batch, and that a few steps of it run and ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.audio.clip import Clip
from evalkit.embed.passt import load
from evalkit.mini.recordings.scenes import CLASSES, Recording
from evalkit.mini.recordings.sounds import Pools
from evalkit.mini.train import passt
from evalkit.mini.train.passt import CONFIG, MelPool, main, mask, patchout


def pools(rate: int) -> Pools:
    rng = np.random.default_rng(0)
    samples = [rng.standard_normal(rate * 2).astype(np.float32) * 0.2 for _ in CLASSES]
    found = [Recording(f"{c}.ogg", c, 1, rate, x, ((0, len(x)),)) for c, x in zip(CLASSES, samples, strict=True)]
    return Pools(found, found)


def test_a_batch_is_finite_labelled_and_repeats_with_its_seed() -> None:
    """Shares sum to 1; the same seed draws the same batch, or a resumed run would be another run."""
    pool = MelPool(np.random.default_rng(0), pools(CONFIG.rate), clips=20)
    mel, shares = pool.batch(np.random.default_rng(5))
    assert mel.shape[:3] == (32, 1, 128)
    assert bool(torch.isfinite(mel).all())
    assert torch.equal(shares.sum(dim=1), torch.ones(32))
    again, _ = pool.batch(np.random.default_rng(5))
    assert torch.equal(mel, again)


def test_masks_leave_most_of_the_sound() -> None:
    mel = torch.randn(8, 1, 128, 500)
    changed = (mask(np.random.default_rng(0), mel) != mel).float().mean()
    assert 0 < float(changed) < 0.4


def test_patchout_is_for_whole_windows_only() -> None:
    keep = patchout(np.random.default_rng(0), 500)
    assert keep is not None
    assert [len(part) for part in keep] == list(passt.KEPT)
    assert patchout(np.random.default_rng(0), 100) is None


def test_a_few_steps_run_and_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole recipe at its smallest, on made-up recordings, to files that the embedder loads."""
    clips = [Clip(np.ones((1, 8000), np.float32), 16000, "")], [0]
    monkeypatch.setattr(passt, "held_out_clips", lambda data: clips)
    monkeypatch.setattr(Pools, "load", lambda data, rate: pools(rate))
    monkeypatch.setattr(passt, "MelPool", lambda rng, found: MelPool(rng, found, clips=20))
    main(["--data", "unused", "--out", str(tmp_path), "--steps", "2"])
    assert load("passt-mini", tmp_path).spec.dimensions == len(CLASSES)
