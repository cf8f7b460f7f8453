"""A model of your own: anything with a `spec`, `load`, `generate` and `close`.

    evalkit run --model examples/own_model.py:Whistle --suite examples/own_suite/suite.toml

An installed package names it once, and then `--model whistle` is enough:

    [project.entry-points."evalkit.generators"]
    whistle = "own_model:Whistle"
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalkit.generators.base import GenBatch, GeneratorSpec, Options

RATE = 16000


class Whistle:
    """A rising tone for every prompt: as wrong as can be, and always the same for the same seed."""

    spec = GeneratorSpec(
        name="whistle",
        family="whistle",
        sample_rate=RATE,
        channels=1,
        max_seconds=60.0,
        size="none",
        licence="CC0",
        presets={"default": {"octaves": 1.0}},
        default_preset="default",
    )

    def load(self, device: str, dtype: str) -> None:
        """A real model brings its weights to `device` here."""

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Options
    ) -> GenBatch:
        """One sound per prompt, from its own seed alone, so that no neighbour in the batch can change it."""
        audio = [
            whistle(length, seed, float(str(options["octaves"]))) for length, seed in zip(seconds, seeds, strict=True)
        ]
        return GenBatch(audio, RATE, {})

    def close(self) -> None:
        """A real model lets go of its memory here."""


def whistle(seconds: float, seed: int, octaves: float) -> np.ndarray:
    """float32 (1, samples): a tone that climbs by `octaves` from a random pitch."""
    start = np.random.default_rng(seed).uniform(300, 900)
    progress = np.linspace(0, 1, round(seconds * RATE))
    phase = 2 * np.pi * np.cumsum(start * 2 ** (octaves * progress)) / RATE
    return (0.3 * np.sin(phase))[None].astype(np.float32)
