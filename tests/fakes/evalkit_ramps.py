"""A page of four runs and a reference whose sounds say by their pitch where one is, for tests of what it plays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evalkit.report.page import write_report

Make = Callable[..., Path]

ENDLESS = "document.querySelector('.loop').click()"
"""So that no sound ends before a busy machine looks at it."""


def ramp(rate: int, channels: int, level: float) -> np.ndarray:
    """(samples, channels): a tone whose pitch, 500 Hz and 300 more each second, says where one is; 6 s."""
    t = np.arange(6 * rate) / rate
    tone = level * np.sin(2 * np.pi * (500 * t + 150 * t**2))
    return np.repeat(tone[:, None], channels, axis=1)


@pytest.fixture(scope="session")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("player") / "r.html"


@pytest.fixture
def page_of_ramps(make_run: Make, tmp_path: Path, _kept: Path) -> Path:
    """Four runs and a reference, of several rates and levels, the same ramp in each prompt's sound; made once."""
    if _kept.exists():
        return _kept
    recording = tmp_path / "reference" / "one.flac"
    recording.parent.mkdir()
    soundfile.write(recording, ramp(44_100, 2, 0.5), 44_100)
    digest = hashlib.sha256(recording.read_bytes()).hexdigest()
    prompts = [("dog-once", "A dog barks once.", ["dog"]), ("cat", "A cat.", ["cat"]), ("bee", "A bee.", ["bee"])]

    def made(place: int, rate: int, channels: int, level: float) -> Path:
        def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
            facts["recordings"] = {"folder": str(recording.parent), "files": {"dog-once": [recording.name, digest]}}
            folder = tmp_path / "runs" / f"model-{place}-mini-0"
            for row in rows:
                path = folder / row["audio"]
                soundfile.write(path, ramp(rate, channels, level), rate)
                row |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "loudness": None}

        return make_run(f"model-{place}", fail=(), prompts=prompts, change=change)

    shapes = [(16_000, 1, 0.1), (16_000, 2, 0.2), (44_100, 2, 0.3), (48_000, 1, 0.4)]
    return write_report([made(place, *shape) for place, shape in enumerate(shapes)], _kept)
