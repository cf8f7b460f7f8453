"""The originals themselves: where they agree, and that one thing changed on evalkit's side is found.

They run in the environments under the folder that EVALKIT_ORIGINALS names, which are made there where they are not yet
(minutes, with the network): `nox -s originals` does so.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from evalkit.audio.resample import resample
from evalkit.originals.compare import compare

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3000),
    pytest.mark.skipif(not os.environ.get("EVALKIT_ORIGINALS"), reason="EVALKIT_ORIGINALS names no folder"),
]


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", os.environ["EVALKIT_ORIGINALS"])
    monkeypatch.delenv("EVALKIT_OFFLINE")
    monkeypatch.setattr("evalkit.originals.clips.MADE", SHORT)


SHORT = (
    ("mono_16k", 0.4, 16000, 1, 0.5),
    ("stereo_44k", 1.4, 44100, 2, 0.9),
    ("mono_48k_quiet", 1.0, 48000, 1, 1e-4),
    ("mono_32k", 2.0, 32000, 1, 0.7),
)


def _linear(samples: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Resampling without a filter: what somebody might do to be quicker."""
    count = round(samples.shape[-1] * target / rate)
    places = np.arange(count) * rate / target
    return np.stack([np.interp(places, np.arange(len(row)), row) for row in samples]).astype(np.float32)


def _one_weight(patch: pytest.MonkeyPatch) -> None:
    from evalkit.originals import compare as module

    load = module.load_embedder

    def changed(*words: object, **more: object) -> object:
        embedder = load(*words, **more)  # type: ignore[arg-type]
        next(embedder._net.parameters()).data.view(-1)[0] += 0.05  # type: ignore[attr-defined]
        return embedder

    patch.setattr(module, "load_embedder", changed)


PLANTED: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "openl3": _one_weight,
    "hear21passt": lambda patch: patch.setattr("evalkit.embed.passt.resample_as_librosa", _linear),
    "laion-clap": lambda patch: patch.setattr("evalkit.embed.clap.int16_round_trip", lambda samples: 0.5 * samples),
}


@pytest.mark.parametrize("package", PLANTED)
def test_the_original_agrees(package: str) -> None:
    """The same clips, the same file: within every bound."""
    found = compare([package], None, {}, print)
    assert found.within, found.rows


@pytest.mark.parametrize("package", PLANTED)
def test_one_thing_changed_is_found(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One weight; another resampling; another level: each breaks a bound."""
    PLANTED[package](monkeypatch)
    found = compare([package], None, {}, print)
    assert [row.quantity.name for row in found.rows if row.verdict == "differs"]


def test_the_planted_resampling_is_another() -> None:
    """Else nothing would be planted."""
    sound = np.random.default_rng(0).uniform(-1, 1, (1, 4410)).astype(np.float32)
    assert np.abs(_linear(sound, 44100, 32000) - resample(sound, 44100, 32000)).max() > 0.1
