"""Sounds with all that is known of them, from which the smallest judges learn: what sounds, and what was done to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator as Rng
from numpy.typing import NDArray

from evalkit.audio.clip import Samples
from evalkit.mini.recordings.scenes import CLASSES, Recording, load_recordings
from evalkit.mini.recordings.sounds import TRAIN_FOLDS, add_noise, low_pass, power, random_sound

RATE, SECONDS = 16_000, 5.0
MOST_SOURCES = 3
_LOWEST_SNR, _CLEAN_SNR = -5.0, 45.0
_LOWEST_CUTOFF = 500.0
_PIECES = 20


@dataclass(frozen=True)
class Labelled:
    """`sounds` float16 (n, samples) at 16 kHz; `shares` (n, classes), even over those heard, `sources` (n,) how many
    these are; `clean`, `wide` and `filled` (n,) in [0, 1]: how far below the sound noise is, how far up it reaches, how
    much of its time was left."""

    sounds: NDArray[np.float16]
    shares: NDArray[np.float32]
    sources: NDArray[np.float32]
    clean: NDArray[np.float32]
    wide: NDArray[np.float32]
    filled: NDArray[np.float32]


def draw_labelled(data: Path, seed: int, count: int, folds: Sequence[int] = TRAIN_FOLDS) -> Labelled:
    """`count` sounds of 5 s from the recordings of `folds`, the classes in turn; a third of them as they are."""
    rng, pool = np.random.default_rng(seed), load_recordings(data, RATE, folds)
    drawn = [_drawn(rng, pool, row % len(CLASSES)) for row in range(count)]
    sounds, shares, *known = (np.stack(column) for column in zip(*drawn, strict=True))
    return Labelled(sounds.astype(np.float16), shares, *(each.astype(np.float32) for each in known))


def _drawn(rng: Rng, pool: Sequence[Recording], label: int) -> tuple[Samples, Samples, int, float, float, float]:
    """One sound with its labels, in the order of the fields."""
    samples, labels = _mix(rng, pool, label)
    clean = wide = filled = 1.0
    if rng.random() < 2 / 3:
        if rng.random() < 0.5:
            clean = float(rng.random())
            samples = add_noise(rng, samples, _LOWEST_SNR + clean * (_CLEAN_SNR - _LOWEST_SNR))
        if rng.random() < 0.5:
            wide = float(rng.random())
            samples = low_pass(samples, RATE, _LOWEST_CUTOFF * (RATE / 2 / _LOWEST_CUTOFF) ** wide)
        if rng.random() < 0.4:
            samples, filled = _silenced(rng, samples, float(rng.uniform(0.2, 1.0)))
    gain = 10 ** (float(rng.uniform(-24, 0)) / 20) / max(float(np.abs(samples).max()), 1e-4)
    shares = np.zeros(len(CLASSES), dtype=np.float32)
    shares[labels] = 1 / len(labels)
    return samples * np.float32(gain), shares, len(labels), clean, wide, filled


def _mix(rng: Rng, pool: Sequence[Recording], label: int) -> tuple[Samples, list[int]]:
    labels = [label]
    samples = random_sound(rng, pool, CLASSES[label], SECONDS)[: round(SECONDS * RATE)]
    for other in rng.permutation(len(CLASSES))[: int(rng.choice([0, 1, 2], p=[0.6, 0.25, 0.15]))].tolist():
        if other not in labels:
            second = random_sound(rng, pool, CLASSES[other], SECONDS)[: len(samples)]
            ratio = np.sqrt(power(samples) / max(power(second), 1e-9)) * 10 ** (float(rng.uniform(-9, 9)) / 20)
            samples = samples[: len(second)] + np.float32(ratio) * second
            labels.append(other)
    return np.pad(samples, (0, round(SECONDS * RATE) - len(samples))), labels


def _silenced(rng: Rng, samples: Samples, share: float) -> tuple[Samples, float]:
    """The sound with all but about this share of its twentieths silent, and the share that was left."""
    kept = rng.permutation(_PIECES) < max(1, round(share * _PIECES))
    mask = np.repeat(kept, -(-len(samples) // _PIECES))[: len(samples)]
    return samples * mask, float(kept.mean())
