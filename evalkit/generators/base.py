"""What a generator is: prompts in, sound out, and nothing hidden in between.

The rules that the harness relies on: an item's sound depends on its prompt, seconds, seed, options and
weights alone, not on its neighbours in the batch, on the worker or on the order; noise is drawn on the
CPU from a generator seeded per item; nothing is normalised, clamped or padded that a preset does not name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from evalkit.audio.clip import Samples
from evalkit.core.registry import Registry

Options = Mapping[str, object]

Template = Mapping[str, str]
"""The fields that stand before a prompt, with their values."""


@dataclass(frozen=True)
class GeneratorSpec:
    """What is known of a generator before it is loaded.

    `window_seconds` is what is made at once, or what the model was trained on (None: any length); `weights` is the
    sha256 of the weights (None: the generator has none, or a file of them is not here), and `revision` the commit of
    the hub that they are of, where their folder tells ("": it does not); `size` keeps numbers apart that must not
    meet: "mini", "full", "none" (no network) or "random" (a network with random weights, for speed tests).
    `parameters` counts the weights without the text tower (None: not known); `needs` names the weights that
    belong to the model and are looked for under names of their own, such as a text tower's; `gated` says that
    the publisher asks for an account. `further` are options that no preset has, with what they are when nobody
    sets them, and `files` names the options whose value is the path of a file. `follows` {option: another} says that
    a preset's value of the first is meant for its value of the second, and falls away where only that is changed.
    `templates` {name: fields} are what may be put before a prompt (`generators/templates.py`).
    `notes` are sentences on what was chosen or rounded, which a run and its record tell. `least_seconds` is the
    shortest sound that is made, of which a shorter one is the beginning (None: it makes any); `lyrics` says that
    `generate` takes a fifth argument, see :class:`ReadsLyrics`.
    """

    name: str
    family: str
    sample_rate: int
    channels: int
    max_seconds: float
    window_seconds: float | None = None
    size: str = "full"
    weights: str | None = None
    revision: str = ""
    licence: str = ""
    gated: bool = False
    parameters: int | None = None
    needs: tuple[str, ...] = ()
    presets: Mapping[str, Options] = field(default_factory=dict)
    default_preset: str = ""
    further: Options = field(default_factory=dict)
    files: tuple[str, ...] = ()
    follows: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    batch_size: int = 8
    least_seconds: float | None = None
    lyrics: bool = False


def rounded_down(seconds: float) -> float:
    """To milliseconds, never up: what is announced, or asked for, can be made."""
    return math.floor(seconds * 1000 + 1e-6) / 1000


@dataclass(frozen=True)
class Timeouts:
    """Seconds until a model that does not come back is given up: in loading, in the first call after it, which may
    compile, and in each other."""

    load: float = 1800.0
    first: float = 1200.0
    each: float = 600.0


UNLIMITED = Timeouts(math.inf, math.inf, math.inf)


@dataclass(frozen=True)
class Memory:
    """Bytes of a process or its device: `peak` the most that was in use, `held` what is in use now."""

    peak: int
    held: int


@dataclass(frozen=True)
class GenBatch:
    """One batch of sound: `audio[i]` is float32 (channels, round(seconds[i] * sample_rate)).

    `timings` holds wall seconds of the batch under "text", "sample" and "decode". Where the options ask for silence
    to be cut off, `trimmed` says so, and sounds may be shorter. `memory` is that of another process which made them
    (None: this one did).
    """

    audio: list[Samples]
    sample_rate: int
    timings: Mapping[str, float]
    trimmed: bool = False
    memory: Memory | None = None


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


class ReadsLyrics(Protocol):
    """A generator whose spec says `lyrics`: it is told them beside the prompts."""

    def generate(
        self,
        prompts: Sequence[str],
        seconds: Sequence[float],
        seeds: Sequence[int],
        options: Options,
        lyrics: Sequence[str] = (),
    ) -> GenBatch:
        """As a Generator's; `lyrics` has one text per prompt, "" for what is instrumental (none: all are)."""
        ...


@runtime_checkable
class ChecksOptions(Protocol):
    """A generator that can tell before its weights are loaded whether options make sense."""

    def check_options(self, options: Options) -> None:
        """Raises UserError naming what is out of range or in vain."""
        ...


@runtime_checkable
class LimitsItself(Protocol):
    """A generator that gives up calls that take too long by itself, as another process makes them."""

    def limit(self, timeouts: Timeouts) -> None:
        """Other limits than its own."""
        ...


@runtime_checkable
class ChecksFiles(Protocol):
    """A generator that can tell whether what it needs is here, without loading it."""

    def check_files(self) -> None:
        """Raises UserError (MissingWeights, with what to put where) as `load` would, before there is any work."""
        ...


BASELINES = (
    "audioldm-s",
    "audioldm-m",
    "audioldm-l",
    "audioldm-mini",
    "audioldm2",
    "audioldm2-large",
    "audioldm2-music",
    "audioldm2-48k",
    "musicgen-small",
    "musicgen-medium",
    "musicgen-large",
    "musicgen-stereo-small",
    "musicgen-stereo-medium",
    "musicgen-stereo-large",
    "audiogen-medium",
    "audiogen-medium-audiocraft",
    "audiogen-mini",
    "ace-step-1.5",
    "ace-step-1.5-base",
    "ace-step-1.5-sft",
    "ace-step-1.5-2b",
    "tangoflux",
)
"""The models of other families; what each is says its manifest in `baselines/`."""

GENERATORS = Registry(
    "model",
    "evalkit.generators",
    {
        "stable-audio-mini": "evalkit.generators.stable_audio.generator:mini",
        "stable-audio-1-mini": "evalkit.generators.stable_audio.generator:mini_1",
        "stable-audio-3-mini": "evalkit.generators.stable_audio.generator:mini_3",
        "stable-audio": "evalkit.generators.stable_audio.generator:open_1_0",
        "stable-audio-open-small": "evalkit.generators.stable_audio.generator:open_small",
        "stable-audio-3-small-music": "evalkit.generators.stable_audio.generator:small_music",
        "stable-audio-3-small-sfx": "evalkit.generators.stable_audio.generator:small_sfx",
        "stable-audio-3-medium": "evalkit.generators.stable_audio.generator:medium",
        "stable-audio-3-small-music-base": "evalkit.generators.stable_audio.generator:small_music_base",
        "stable-audio-3-small-sfx-base": "evalkit.generators.stable_audio.generator:small_sfx_base",
        "stable-audio-3-medium-base": "evalkit.generators.stable_audio.generator:medium_base",
        "stable-audio-1": "evalkit.generators.stable_audio.generator:version_1",
        "stable-audio-2": "evalkit.generators.stable_audio.generator:version_2",
        "mock": "evalkit.generators.mock:build",
        **{name: f"evalkit.generators.baselines:{name}" for name in BASELINES},
    },
)
"""name -> a function that makes a Generator. What it can be told it has as arguments, found by their names,
each with a default: `overrides` {weights name: path} (--weights), `checkpoint`, the path of another checkpoint
of the same family (--checkpoint), and `random_weights` (--random-weights). `folder:PATH` is understood by
evalkit.generators.folder."""
