"""The sounds that OpenL3 and evalkit are both given: seeded ones, and recordings where the folder is there.

numpy and soundfile only: the oracle's environment reads this file too. Each case becomes a float wav file, so
that both sides start from a file, as `score` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Array = NDArray[np.float32]

KEPT = 4
"""Frames of a clip that the golden file keeps; the comparison in `reports/parity.md` is over all of them."""


@dataclass(frozen=True)
class Case:
    """A clip: `kind` is noise, quiet (peak at -80 dBFS), silent, one-sided (nothing on the left) or real."""

    name: str
    rate: int
    channels: int
    seconds: float
    kind: str = "noise"
    fast: bool = False


def _named(rate: int, channels: int, seconds: float, kind: str = "noise", fast: bool = False) -> Case:
    side = "mono" if channels == 1 else "stereo"
    return Case(f"{kind}-{side}-{rate}-{seconds:.3f}", rate, channels, seconds, kind, fast)


RATES = (16000, 32000, 44100, 48000)

SEEDED = (
    *(_named(rate, channels, 0.4, fast=True) for rate in RATES for channels in (1, 2)),
    *(_named(rate, channels, 1.4, fast=channels == 1) for rate in RATES for channels in (1, 2)),
    *(_named(rate, 1 + index % 2, 10.0) for index, rate in enumerate(RATES)),
    *(_named(rate, 2 - index % 2, 10.001) for index, rate in enumerate(RATES)),
    _named(16000, 1, 31.0),
    _named(44100, 2, 31.0),
    _named(44100, 1, 1.4, "quiet", fast=True),
    _named(48000, 2, 10.0, "quiet"),
    _named(44100, 2, 1.4, "one-sided", fast=True),
)

REAL = (
    _named(44100, 1, 0.4, "real"),
    _named(16000, 2, 1.4, "real"),
    _named(32000, 1, 10.0, "real"),
    _named(44100, 2, 10.001, "real"),
    _named(48000, 2, 31.0, "real"),
)

SILENT = _named(44100, 1, 1.4, "silent")
"""stable-audio-metrics divides by its peak, 0, and gets NaN: kept apart from what can be compared."""

GENERATED = tuple(case for case in SEEDED if case.fast and case.rate in (16000, 44100))
REFERENCE = tuple(case for case in SEEDED if case.fast and case.rate in (32000, 48000))
"""Two sets of seeded clips whose distance takes a second to compute."""

PAIRS = 10
"""Clips on each side of the distance between recordings: six of two recordings side by side, four of one."""


def seeded(case: Case) -> Array:
    """(channels, samples): noise and gliding tones under slow envelopes, clicks, of full band."""
    rng = np.random.default_rng([case.rate, case.channels, round(1000 * case.seconds), len(case.kind)])
    count = round(case.seconds * case.rate)
    time = np.arange(count) / case.rate
    sides = []
    for _ in range(case.channels):
        envelope = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.uniform(0.3, 2) * time + rng.uniform()))
        sound = 0.2 * rng.standard_normal(count) * envelope**2
        for _ in range(4):
            start, slope = rng.uniform(50, case.rate / 4), rng.uniform(-20, 60)
            sound += rng.uniform(0.05, 0.3) * np.sin(2 * np.pi * (start * time + slope * time**2))
        sound[rng.integers(0, count, 5)] += 1.0
        sides.append(sound)
    samples = np.stack(sides)
    if case.kind == "quiet":
        samples *= 1e-4 / np.abs(samples).max()
    if case.kind == "silent":
        samples[:] = 0
    if case.kind == "one-sided":
        samples[0] = 0
    return np.asarray(0.5 * samples, dtype=np.float32)


def recordings(folder: Path) -> list[Path]:
    """The ESC-10 recordings under `folder`, classes taking turns, so that any run of ten is varied."""
    classes = [sorted(entry.glob("*.ogg")) for entry in sorted(folder.iterdir()) if entry.is_dir()]
    return [files[turn] for turn in range(min(map(len, classes))) for files in classes]


def real(case: Case, folder: Path) -> Array:
    """(channels, samples) of recordings set end to end, said to be at `case.rate` whatever theirs is."""
    files = recordings(folder)
    count = round(case.seconds * case.rate)
    sides, at = [], RATES.index(case.rate) * 10
    for _ in range(case.channels):
        parts: list[Array] = []
        while sum(map(len, parts)) < count:
            parts.append(_first_channel(files[at]))
            at += 1
        sides.append(np.concatenate(parts)[:count])
    return np.stack(sides)


def real_sets(folder: Path) -> tuple[list[Array], list[Array]]:
    """The two sets of recordings, clips (channels, samples) at 44.1 kHz."""
    files = iter(recordings(folder)[40:])
    sets: tuple[list[Array], list[Array]] = ([], [])
    for index in range(PAIRS):
        for clips in sets:
            sides = [_first_channel(next(files)) for _ in range(2 if index < 6 else 1)]
            shortest = min(map(len, sides))
            clips.append(np.stack([side[:shortest] for side in sides]))
    return sets


def write(samples: Array, rate: int, path: Path) -> Path:
    """A float wav file of (channels, samples)."""
    soundfile.write(path, samples.T, rate, subtype="FLOAT")
    return path


def kept(frames: int) -> list[int]:
    """The frames that the golden file holds: the first, the last, and some evenly between."""
    return sorted({round(index) for index in np.linspace(0, frames - 1, KEPT)})


def _first_channel(path: Path) -> Array:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate != 44100:
        raise ValueError(f"{path} is at {rate} Hz")
    return np.asarray(samples[:, 0])
