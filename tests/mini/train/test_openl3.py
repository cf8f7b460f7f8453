"""openl3-mini's recipe: what its scores mean, and that a few steps of it run and ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.audio.clip import Clip
from evalkit.embed.openl3 import load
from evalkit.mini.recordings.scenes import CLASSES, Recording
from evalkit.mini.recordings.sounds import Pools
from evalkit.mini.train import openl3
from evalkit.mini.train.openl3 import BATCH, CONFIG, FramePool, Taught, main


def pools(rate: int) -> Pools:
    rng = np.random.default_rng(0)
    samples = [rng.standard_normal(rate * 2).astype(np.float32) * 0.2 for _ in CLASSES]
    found = [Recording(f"{c}.ogg", c, 1, rate, x, ((0, len(x)),)) for c, x in zip(CLASSES, samples, strict=True)]
    return Pools(found, found)


def test_a_batch_is_finite_scored_and_repeats_with_its_seed() -> None:
    """Scores within [0, 1], 1 being untouched; decibels within the range that the network sees in use."""
    pool = FramePool(np.random.default_rng(0), pools(CONFIG.rate), count=30)
    decibels, shares, quality, plain = pool.batch(np.random.default_rng(5))
    assert decibels.shape == (BATCH, 1, CONFIG.n_mels, 199)
    assert float(decibels.max()) <= 0
    assert float(decibels.min()) >= -80
    assert torch.equal(shares.sum(dim=1), torch.ones(BATCH))
    assert 0 <= float(quality.min()) <= float(quality.max()) <= 1
    assert 0 < int(plain.sum()) < BATCH
    assert torch.equal(decibels, pool.batch(np.random.default_rng(5))[0])


def test_the_heads_are_linear_in_the_embedding() -> None:
    """What they teach must be straight lines in the features that ship."""
    taught = Taught().eval()
    decibels = -80 * torch.rand(2, 1, CONFIG.n_mels, 199)
    embedding = taught.net(decibels)
    torch.testing.assert_close(taught(decibels)[1], taught.quality(embedding))


def test_a_few_steps_run_and_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole recipe at its smallest, on made-up recordings, to files that the embedder loads."""
    clips = [Clip(np.ones((1, 8000), np.float32), 16000, "")], [0]
    monkeypatch.setattr(openl3, "held_out_clips", lambda data: clips)
    monkeypatch.setattr(Pools, "load", lambda data, rate: pools(rate))
    monkeypatch.setattr(openl3, "FramePool", lambda rng, found: FramePool(rng, found, count=20))
    main(["--data", "unused", "--out", str(tmp_path), "--steps", "2"])
    assert load("openl3-mini", tmp_path).spec.dimensions == 2 * CONFIG.embedding
