"""The autoencoder's own evaluation: recordings through the latents and back, measured one by one.

Every recording is brought to the model's rate and channels first, so that what is lost there is not the model's; one
that is longer than the model's window is measured in its first window, and counted. A recording that cannot be read
or measured is a failure with its reason, never left out in silence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalkit.audio.clip import Samples
from evalkit.audio.decode import UnreadableAudio, decode
from evalkit.audio.folders import sound_files
from evalkit.audio.resample import resample
from evalkit.core.errors import UserError
from evalkit.core.ids import item_seed
from evalkit.core.interrupts import heed
from evalkit.core.paths import name_of
from evalkit.stats.intervals import Interval, clustered_mean

if TYPE_CHECKING:
    from evalkit.generators.stable_audio.autoencoder import Autoencoder

MEASURES = {"stft_distance": "lower", "mel_distance": "lower", "si_sdr": "higher"}
"""Name of each number and its better direction; `nets/reconstruction.py` has their definitions."""

SHORTEST = 1024
"""Samples that a short-time spectrum needs at least."""


@dataclass(frozen=True)
class Mean:
    """One measure over all recordings: the mean, and its interval where there are at least 5 recordings."""

    value: float
    interval: Interval | None


@dataclass(frozen=True)
class Measured:
    """What an evaluation gives: `clips` {file name: {measure: value}}, `failures` {file name: reason}, the means,
    how many recordings were `cut` to the window, and the seconds that were measured."""

    clips: Mapping[str, Mapping[str, float]]
    failures: Mapping[str, str]
    means: Mapping[str, Mean]
    cut: int
    seconds: float


def recordings(folder: Path, limit: int | None = None) -> list[Path]:
    """The sound files directly in a folder, by name. Raises UserError where it is none or holds none."""
    if limit is not None and limit < 1:
        raise UserError(f"--limit {limit}: at least 1 is needed")
    return sound_files(folder)[:limit]


def evaluate(
    codec: Autoencoder,
    paths: Sequence[Path],
    seed: int | None,
    progress: Callable[[], None] = lambda: None,
) -> Measured:
    """Every recording through the autoencoder. `seed` draws the latents, each recording's by its name; None takes
    the posterior's mean."""
    clips: dict[str, dict[str, float]] = {}
    failures: dict[str, str] = {}
    cut, frames = 0, 0
    for path in paths:
        try:
            samples, whole = _prepared(path, codec)
            clips[name_of(path)] = _measure(codec, samples, None if seed is None else item_seed(seed, name_of(path), 0))
            cut, frames = cut + (not whole), frames + samples.shape[1]
        except _Failure as failure:
            failures[name_of(path)] = str(failure)
        heed()
        progress()
    return Measured(clips, failures, _means(clips), cut, frames / codec.rate)


class _Failure(Exception):
    """Why one recording has no numbers."""


def _prepared(path: Path, codec: Autoencoder) -> tuple[Samples, bool]:
    """The recording as the model takes it, at most a window of it, and whether that is all of it."""
    try:
        clip = decode(path)
    except UnreadableAudio as error:
        raise _Failure(f"{error.verdict}: {error.message}") from None
    samples = resample(clip.samples, clip.rate, codec.rate)
    if samples.shape[0] != codec.channels:
        samples = samples.mean(axis=0, keepdims=True)
        samples = np.repeat(samples, codec.channels, axis=0)
    kept = np.ascontiguousarray(samples[:, : codec.longest], dtype=np.float32)
    if not np.isfinite(kept).all():
        raise _Failure("nonfinite: holds NaN or infinity")
    if kept.shape[1] < SHORTEST:
        raise _Failure(f"short: {kept.shape[1]} samples at {codec.rate} Hz, at least {SHORTEST} are needed")
    if not np.abs(kept - kept.mean(axis=1, keepdims=True)).max() > 0:
        raise _Failure("silent: every distance would be that of silence")
    return kept, kept.shape[1] == samples.shape[1]


def _measure(codec: Autoencoder, samples: Samples, seed: int | None) -> dict[str, float]:
    import torch

    from evalkit.nets.reconstruction import mel_distance, si_sdr, stft_distance

    decoded, original = (torch.from_numpy(each).double() for each in (codec.rebuild(samples, seed), samples))
    values = {
        "stft_distance": float(stft_distance(decoded, original)),
        "mel_distance": float(mel_distance(decoded, original, codec.rate)),
        "si_sdr": float(si_sdr(decoded, original)),
    }
    wrong = [name for name, value in values.items() if not math.isfinite(value)]
    if wrong:
        raise _Failure(f"nonfinite: {', '.join(wrong)} of what the model decoded")
    return values


def _means(clips: Mapping[str, Mapping[str, float]]) -> dict[str, Mean]:
    """Every measure over all clips, each clip a unit of its own; none where there is no clip."""
    columns = {name: [values[name] for values in clips.values()] for name in MEASURES if clips}
    return {name: Mean(float(np.mean(column)), clustered_mean(column, list(clips))) for name, column in columns.items()}
