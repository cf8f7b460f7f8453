"""The embedder without weights: a named row per clip, its own cache key, and no file to look for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.audio.clip import Clip
from evalkit.core.errors import UserError
from evalkit.embed import sound
from evalkit.embed.base import Embedder
from evalkit.embed.load import load_embedder
from evalkit.fetch.weights import locate


def clip(seconds: float = 1.0, rate: int = 16000, channels: int = 2, seed: int = 0) -> Clip:
    samples = 0.1 * np.random.default_rng(seed).standard_normal((channels, round(seconds * rate)))
    return Clip(samples.astype(np.float32), rate, f"{seed}")


def test_is_found_by_its_name_and_needs_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "empty"))
    found = load_embedder("sound")
    assert isinstance(found, Embedder)
    assert (found.spec.family, found.spec.weights, found.spec.dimensions) == ("sound", "none", len(sound.COLUMNS))
    with pytest.raises(UserError, match="has no weights"):
        locate("sound", {})


def test_a_row_holds_the_columns_in_their_order() -> None:
    (row,) = sound.SoundEmbedder("sound").embed([clip(seconds=1.25, channels=1)])
    assert row.shape == (1, len(sound.COLUMNS))
    assert row.dtype == np.float32
    named = dict(zip(sound.COLUMNS, row[0].tolist(), strict=True))
    assert named["seconds"] == 1.25
    assert (named["silence"], named["clipping"], named["correlation"], named["side_mid"]) == (0, 0, 1, -60)
    assert -30 < named["loudness"] < -10
    assert 7900 < named["bandwidth"] <= 8000


def test_a_clip_depends_on_itself_alone() -> None:
    clips = [clip(seed=seed, rate=rate) for seed, rate in ((0, 16000), (1, 44100), (2, 8000))]
    embedder = sound.SoundEmbedder("sound")
    together = embedder.embed(clips)
    for one, row in zip(clips, together, strict=True):
        np.testing.assert_array_equal(embedder.embed([one])[0], row)


def test_level_and_channels_are_left_as_they_are() -> None:
    """The other embedders normalise the peak; this one would then be blind to what it is for."""
    loud = clip()
    quiet = Clip(loud.samples / 10, loud.rate, "q")
    place = sound.COLUMNS.index("loudness")
    rows = sound.SoundEmbedder("sound").embed([loud, quiet])
    assert rows[0][0, place] - rows[1][0, place] == pytest.approx(20, abs=0.05)


def test_another_version_has_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed definition must not find the rows of the old one in the cache."""
    before = sound.SoundEmbedder("sound").spec.key
    monkeypatch.setattr(sound, "VERSION", sound.VERSION + 1)
    assert sound.SoundEmbedder("sound").spec.key != before


@pytest.mark.parametrize("samples", [np.zeros((2, 0)), np.full((1, 10), np.nan)], ids=["empty", "NaN"])
def test_what_cannot_be_measured_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="cannot be measured"):
        sound.SoundEmbedder("sound").embed([Clip(samples.astype(np.float32), 16000, "")])
