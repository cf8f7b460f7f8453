"""What the classifiers' recipes share: labelled mixes drawn at random, degradations, and the held-out clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.random import Generator as Rng
from numpy.typing import NDArray

from evalkit.audio.clip import Clip, Samples
from evalkit.mini.recordings.scenes import CLASSES, Recording, Scene, load_recordings, random_event, render

TRAIN_FOLDS, HELD_OUT = (1, 2, 3), (4,)
NARROW = 8000
"""Half of what the classifiers hear ends at this frequency (Hz): the mini generator's audio does, and they
must not lean on the octaves that it lacks."""


@dataclass(frozen=True)
class Pools:
    """The same recordings at full bandwidth and band-limited to `NARROW`."""

    full: list[Recording]
    narrow: list[Recording]

    @classmethod
    def load(cls, data: Path, rate: int, folds: Sequence[int] = TRAIN_FOLDS) -> Pools:
        """Raises FileNotFoundError where `data` has no clips.csv."""
        return cls(load_recordings(data, rate, folds), load_recordings(data, rate, folds, bandwidth=NARROW))


def random_sound(rng: Rng, pool: Sequence[Recording], sound: str, seconds: float) -> Samples:
    """(samples,) mono of one class: any of its recordings, laid out as in a scene, peak at most 0.99.

    Most are played up to an eighth slower or faster, which shifts their pitch as another source would.
    """
    same = [recording for recording in pool if recording.sound == sound]
    recording = same[int(rng.integers(len(same)))]
    speed = float(np.exp(rng.uniform(-0.125, 0.125))) if rng.random() < 0.7 else 1.0
    length = seconds * speed
    scene = Scene((random_event(rng, recording, 0.0, length),), length, "alone")
    samples = render(scene, recording.rate).mean(axis=0)
    return samples if speed == 1.0 else soxr.resample(samples, recording.rate * speed, recording.rate)


def add_noise(rng: Rng, samples: Samples, snr: float) -> Samples:
    """White, pink or brown noise at `snr` dB below the samples' mean power."""
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    slope = float(rng.choice([0.0, 0.5, 1.0]))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** slope
    noise = np.fft.irfft(spectrum, len(samples))
    scale = np.sqrt(power(samples) / max(power(noise), 1e-12) / 10 ** (snr / 10))
    return np.asarray(samples + scale * noise, dtype=np.float32)


def low_pass(samples: Samples, rate: int, cutoff: float) -> Samples:
    """A steep low-pass at `cutoff` Hz (a cosine edge a tenth of the cutoff wide), without delay."""
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    position = np.clip((frequencies - cutoff) / (0.1 * cutoff), 0, 1)
    return np.fft.irfft(np.fft.rfft(samples) * (0.5 + 0.5 * np.cos(np.pi * position)), len(samples)).astype(np.float32)


def power(samples: NDArray[np.floating]) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def held_out_clips(data: Path, folds: Sequence[int] = HELD_OUT) -> tuple[list[Clip], list[int]]:
    """The recordings of `folds` as a user would score them, uncut, with their class indices."""
    import csv

    import soundfile

    clips, labels = [], []
    with (data / "clips.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if int(row["fold"]) in folds:
                samples, rate = soundfile.read(data / row["file"], dtype="float32", always_2d=True)
                clips.append(Clip(np.ascontiguousarray(samples.T), rate, row["file"]))
                labels.append(CLASSES.index(row["class"]))
    return clips, labels
