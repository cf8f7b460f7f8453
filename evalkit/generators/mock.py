"""A generator without a network: seeded bursts of tone and noise, to try a suite or a plug-in in seconds.

It knows nothing of the prompt but its length, so its scores are those of a model that does not listen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from evalkit.audio.clip import Samples
from evalkit.core.faults import Gathering
from evalkit.generators.base import GenBatch, GeneratorSpec, Options

RATE = 16000
KINDS = ("mixed", "noise", "tone")
SPEC = GeneratorSpec(
    name="mock",
    family="mock",
    sample_rate=RATE,
    channels=2,
    max_seconds=600.0,
    size="none",
    licence="MIT",
    presets={"default": {"kind": "mixed", "bursts": 3}},
    default_preset="default",
)


class Mock:
    """`bursts` sounds of `kind` (mixed, noise or tone) at random times and pannings, 16 kHz stereo."""

    spec = SPEC

    def check_options(self, options: Options) -> None:
        """Raises UserError on an unknown kind, or a number of bursts that is none."""
        _read_options(options)

    def load(self, device: str, dtype: str) -> None:
        """Nothing to load; any device and dtype will do."""

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Options
    ) -> GenBatch:
        """float32 (2, round(seconds * 16000)) per prompt, |x| < 1. Raises UserError on an unknown kind."""
        kind, bursts = _read_options(options)
        started = time.perf_counter()
        audio = [_sound(length, seed, kind, bursts) for length, seed in zip(seconds, seeds, strict=True)]
        return GenBatch(audio, RATE, {"sample": time.perf_counter() - started})

    def close(self) -> None:
        """Nothing to let go of."""


def build() -> Mock:
    """The registry's factory."""
    return Mock()


def _read_options(options: Options) -> tuple[str, int]:
    kind: Any = options["kind"]
    bursts: Any = options["bursts"]
    wrong = Gathering()
    wrong.require(kind in list(KINDS), f"mock: kind is one of {', '.join(KINDS)}, not {kind!r}")
    whole = isinstance(bursts, int) and not isinstance(bursts, bool) and 1 <= bursts <= 100
    wrong.require(whole, f"mock: bursts is a whole number from 1 to 100, not {bursts!r}")
    wrong.settle()
    return str(kind), bursts


def _sound(seconds: float, seed: int, kind: str, bursts: int) -> Samples:
    """Bursts over a faint noise floor, (2, round(seconds * RATE))."""
    rng = np.random.default_rng(seed)
    frames = round(seconds * RATE)
    sound = rng.normal(0.0, 1e-3, size=(2, frames))
    for _ in range(bursts):
        length = max(1, min(frames, int(rng.uniform(0.1, 0.5) * frames)))
        start = int(rng.integers(0, frames - length + 1))
        tonal = kind == "tone" or (kind == "mixed" and rng.random() < 0.5)
        pitch, noise = rng.uniform(100.0, 4000.0), rng.normal(0.0, 0.3, length)
        wave = np.sin(2 * np.pi * pitch * np.arange(length) / RATE) if tonal else noise
        pan = rng.uniform(0.0, np.pi / 2)
        level = 0.6 / bursts * np.hanning(length)
        sound[:, start : start + length] += np.outer((np.cos(pan), np.sin(pan)), wave * level)
    return np.clip(sound, -0.99, 0.99).astype(np.float32)
