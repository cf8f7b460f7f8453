"""A model of one's own. A sound depends on its prompt, seconds, seed and options alone."""

from collections.abc import Sequence

import numpy as np

from evalkit.generators.base import GenBatch, GeneratorSpec, Options

RATE = 16000


class Mine:
    """Noise that swells: put your model in its place."""

    spec = GeneratorSpec(name="mine", family="mine", sample_rate=RATE, channels=1, max_seconds=60.0, size="none")

    def load(self, device: str, dtype: str) -> None:
        """Bring the weights to `device` ("cpu", "cuda")."""

    def generate(self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], _: Options) -> GenBatch:
        """One float32 (channels, samples) per prompt, of round(seconds * RATE) samples each."""
        return GenBatch([self.one(*each) for each in zip(prompts, seconds, seeds, strict=True)], RATE, {})

    def one(self, prompt: str, seconds: float, seed: int) -> np.ndarray:
        """One sound, from its own seed."""
        noise = np.random.default_rng(seed).normal(0, 0.1, (1, round(seconds * RATE)))
        return (noise * np.linspace(0, 1, noise.shape[1])).astype(np.float32)

    def close(self) -> None:
        """Let go of them."""
