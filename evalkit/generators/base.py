"""What a generator is: prompts in, sound out, and nothing hidden in between.

The rules that the harness relies on: an item's sound depends on its prompt, seconds, seed, options and
weights alone, not on its neighbours in the batch, on the worker or on the order; noise is drawn on the
CPU from a generator seeded per item; nothing is normalised, clamped or padded that a preset does not name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from evalkit.audio.clip import Samples
from evalkit.core.registry import Registry

Options = Mapping[str, object]


@dataclass(frozen=True)
class GeneratorSpec:
    """What is known of a generator before it is loaded.

    `window_seconds` is None where any length can be asked for; `weights` is the sha256 of the weights
    (None: the generator has none); `size` is "mini", "full" or "none" and keeps their numbers apart.
    """

    name: str
    family: str
    sample_rate: int
    channels: int
    max_seconds: float
    window_seconds: float | None = None
    size: str = "full"
    weights: str | None = None
    licence: str = ""
    presets: Mapping[str, Options] = field(default_factory=dict)
    default_preset: str = ""
    batch_size: int = 8


@dataclass(frozen=True)
class GenBatch:
    """One batch of sound: `audio[i]` is float32 (channels, round(seconds[i] * sample_rate)).

    `timings` holds wall seconds of the batch under "text", "sample" and "decode".
    """

    audio: list[Samples]
    sample_rate: int
    timings: Mapping[str, float]


class Generator(Protocol):
    spec: GeneratorSpec

    def load(self, device: str, dtype: str) -> None:
        """Bring the weights to the device. Raises MissingWeights or BadCheckpoint."""
        ...

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Options
    ) -> GenBatch:
        """Sound for each prompt. `options` is a preset's content with the user's changes over it."""
        ...

    def close(self) -> None: ...


GENERATORS = Registry(
    "model",
    "evalkit.generators",
    {
        "stable-audio-mini": "evalkit.generators.stable_audio:mini",
        "stable-audio": "evalkit.generators.stable_audio:open_1_0",
        "mock": "evalkit.generators.mock:build",
    },
)
"""name -> a function () -> Generator, or (overrides: Mapping[str, Path] = ...) -> Generator where the model
has weights that `--weights NAME=PATH` may replace; the argument is found by its name. `folder:PATH` is
understood by evalkit.generators.folder."""
