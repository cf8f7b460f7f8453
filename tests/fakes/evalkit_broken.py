"""Adapters that each break one rule of a generator, for `evalkit models check`: `evalkit_broken:length`, and so on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from evalkit.generators.base import GenBatch, GeneratorSpec

RATE = 8000


class Adapter:
    """A good adapter but for `flaw`."""

    def __init__(self, flaw: str) -> None:
        self.flaw = flaw
        rate: int = 8000.0 if flaw == "spec" else RATE  # type: ignore[assignment]
        sings = flaw.startswith("lyrics") or flaw == "sings"
        self.spec = GeneratorSpec(f"broken-{flaw}", "broken", rate, 2, 30.0, size="none", lyrics=sings)
        self.calls = 0
        self.hoard: list[np.ndarray] = []

    def load(self, device: str, dtype: str) -> None: ...

    def generate(
        self,
        prompts: Sequence[str],
        seconds: Sequence[float],
        seeds: Sequence[int],
        options: Mapping[str, object],
        *lyrics: Sequence[str],
    ) -> GenBatch:
        self.calls += 1
        started = time.perf_counter()
        if bool(lyrics) != self.spec.lyrics or self.flaw == "lyrics-untold":
            raise TypeError("generate() takes another number of arguments")
        if self.flaw in ("sings", "lyrics-of-one"):
            sung = lyrics[0] if self.flaw == "sings" else ["".join(lyrics[0])] * len(prompts)
            seeds = [seed + 1000 * len(words) for seed, words in zip(seeds, sung, strict=True)]
        if self.flaw == "runs" and len(prompts) > 1:
            raise ValueError("takes one prompt\nat a time")
        if self.flaw == "memory":
            self.hoard.append(np.ones(64 << 17))  # 64 MiB, which no allocator takes from what it has kept
        audio = [self.sound(place, seconds, seeds) for place in range(len(prompts))]
        rate = 2 * RATE if self.flaw == "rate" else RATE
        took = time.perf_counter() - started
        return GenBatch(audio, rate, {"sample": 60.0 if self.flaw == "clock" else took})

    def sound(self, place: int, seconds: Sequence[float], seeds: Sequence[int]) -> np.ndarray:
        seed, frames = seeds[place], round(seconds[place] * RATE)
        if self.flaw == "repeats":
            seed += 1000 * self.calls
        if self.flaw == "seeds":
            seed = 7
        if self.flaw == "seeds-of-one":
            seed = seeds[0] * 100 + place
        if self.flaw == "first-seed-for-all":
            seed = sum(seeds) * 100 + place
        if self.flaw == "length":
            frames += 1
        noise = np.random.default_rng(seed).uniform(-0.3, 0.3, (2, frames)).astype(np.float32)
        if self.flaw == "neighbours":  # padded to the longest, then normalised over the batch
            noise *= np.float32(max(seconds))
        if self.flaw == "finite" and seed % 1000 == 12:
            noise[0, 3] = np.inf
        if self.flaw == "form":
            return noise.astype(np.float64)
        return noise

    def close(self) -> None:
        if self.flaw == "close":
            raise RuntimeError("cannot let go")


def __getattr__(name: str) -> object:
    """`evalkit_broken:length` is a function that makes the adapter with that flaw."""
    if name.startswith("_"):
        raise AttributeError(name)
    return lambda: Adapter(name.replace("_", "-"))
