"""Test signals and texts that are the same everywhere: by formula, rounded to 16 bits, with noise in every band.

The rounding takes away what one machine's sine has over another's in its last digit, and the noise keeps every band of
a spectrum well above the rounding of the arithmetic, which OpenL3's decibels would hear (ARCHITECTURE, "Rounding that
counts"). A changed signal raises VERSION: records made with other signals are then told apart.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evalkit.audio.clip import Clip, Samples
from evalkit.core.ids import digest_bytes

VERSION = 1

TEXTS = (
    "A dog barks twice in the rain.",
    "",
    "Birdsong; then a door closes - quietly!",
    "Ein Käuzchen ruft, und 3 Glocken läuten.",
    " ".join(["wind and waves and gulls"] * 30),
)
"""Plain, empty, with punctuation, with letters beyond ASCII, and longer than any text tower reads."""

PROMPT, SEED, SECONDS = TEXTS[0], 1, 1.0
"""What a generator is asked for."""


def sounds() -> list[Clip]:
    """The clips: stereo and mono, four rates, one shorter and one longer than the networks' windows."""
    made: list[tuple[Callable[[NDArray[np.float64]], list[NDArray[np.float64]]], int, float]] = [
        (_sweep, 44100, 2.0),
        (_bells, 48000, 1.2),
        (_rain, 16000, 3.0),
        (_engine, 22050, 11.0),
    ]
    return [_clip(make(np.arange(round(rate * seconds)) / rate), rate) for make, rate, seconds in made]


def beep(seconds: float, rate: int) -> NDArray[np.float64]:
    """(samples,) 440 Hz, on for the second half of every quarter of a second: transformers' own test signal."""
    time = np.arange(int(seconds * rate)) / rate
    return np.cos(2 * np.pi * 440 * time) * ((time % 0.25) / 0.25 >= 0.5)


def _sweep(time: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """From 50 Hz to 12.8 kHz, an octave in a quarter of a second; on the right a little later and softer."""
    sides = [np.sin(2 * np.pi * 50 * 0.25 / np.log(2) * 2 ** ((time - delay) / 0.25)) for delay in (0.0, 0.02)]
    return [0.6 * sides[0] + _noise(time, 1, 0.01), 0.4 * sides[1] + _noise(time, 2, 0.01)]


def _bells(time: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Two strokes of five partials that are no multiples of each other."""
    partials = ((523.0, 1.0), (1307.5, 0.6), (2876.5, 0.4), (5125.4, 0.2), (9000.1, 0.1))
    sound = np.zeros_like(time)
    for begin in (0.1, 0.7):
        since = np.maximum(time - begin, 0.0)
        for frequency, level in partials:
            sound += (time >= begin) * level * np.exp(-6 * since) * np.sin(2 * np.pi * frequency * since)
    return [0.35 * sound + _noise(time, 3, 0.005)]


def _rain(time: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Noise that swells three times a second, another on each side."""
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * 3 * time)
    return [_noise(time, 4, 0.5) * swell, _noise(time, 5, 0.3) * (1 - 0.5 * swell)]


def _engine(time: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """A tone of ten harmonics whose pitch wanders, under noise."""
    phase = 2 * np.pi * 70 * time + 3 * np.sin(2 * np.pi * 0.4 * time)
    return [0.3 * sum(np.sin(k * phase) / k for k in range(1, 11)) + _noise(time, 6, 0.05)]


def _noise(time: NDArray[np.float64], seed: int, level: float) -> NDArray[np.float64]:
    """White, even between -level and level: each sample a hash of its number (the mixing of splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = np.arange(1, len(time) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed << 32)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return level * ((mixed >> np.uint64(11)).astype(np.float64) / 2.0**52 - 1.0)


def _clip(channels: list[NDArray[np.float64]], rate: int) -> Clip:
    whole = np.clip(np.round(np.stack(channels) * 32767), -32768, 32767)
    samples: Samples = (whole / 32768).astype(np.float32)
    return Clip(samples, rate, digest_bytes(samples.astype("<f4").tobytes()))
