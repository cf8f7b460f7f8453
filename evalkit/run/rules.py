"""The rules of a generator, tried on one: `evalkit models check`.

Six calls and a few more: a batch of prompts of two lengths, the same batch again, each prompt alone, the batch
with one seed changed, of a model that reads lyrics with one prompt's changed, and one prompt over and over. What a rule
finds is a sentence; an adapter that breaks one makes numbers that depend on the batch size, on the order or on the day.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import numpy as np

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.interrupts import heed
from evalkit.core.plugins import BrokenPlugin, running
from evalkit.execute.limits import TimedOut, limited, limits_of
from evalkit.generators.base import (
    UNLIMITED,
    GenBatch,
    Generator,
    GeneratorSpec,
    Memory,
    Options,
    ReadsLyrics,
    Timeouts,
    rounded_down,
)
from evalkit.generators.contract import answer_fault, checked_spec, clock_fault, require_methods
from evalkit.generators.folder import PREFIX
from evalkit.generators.load import build_generator
from evalkit.generators.worker.harness import memory
from evalkit.run.config import RunConfig, require_device
from evalkit.run.findings import Finding, not_tried
from evalkit.run.options import choose_options, model_options

PROMPTS = ("rain on a tin roof", "a dog barks twice", "an engine starts, then idles")
SUNG = ("", "[verse]\nrain on the roof\nand a dog at the door", "")
"""What a model that reads lyrics is told beside the prompts; the first and the last are instrumental."""

_OTHERS_SUNG = (SUNG[0], "[chorus]\nan engine starts, an engine stops, and nothing else is heard", SUNG[2])
_SHARES = (1.0, 0.37, 0.37)
"""Of the longest length tried: a long sound, and two of one length, which an adapter may make in one call where it
makes those of different lengths apart."""
_LONGEST = 2.0
_SEEDS = (11, 12, 13)
_OTHER = 1012
_TOLERANCE = {"float32": 1e-3, "float16": 5e-2, "bfloat16": 5e-2}
"""Of the peak. A device adds in another order for another batch size; a sampler's steps make that larger."""
_REPEATS = 6
_GROWTH = 48 << 20
"""Bytes that `_REPEATS` calls may add to what is held: an allocator's own doing, well below a leak of a sound's size
in anything real."""
_SLOP = 0.05


@dataclass(frozen=True)
class Trial:
    """A loaded generator and what it is asked for."""

    generator: Generator
    spec: GeneratorSpec
    options: Options
    seconds: tuple[float, ...]
    tolerance: float
    limit: float = math.inf

    def call(self, places: Sequence[int], seeds: Sequence[int] = _SEEDS, sung: Sequence[str] = SUNG) -> GenBatch:
        """The prompts of these places in one batch, with lyrics for a model that reads them."""
        told = (
            [PROMPTS[place] for place in places],
            [self.seconds[place] for place in places],
            [seeds[place] for place in places],
            self.options,
        )
        with limited(self.limit * len(places)):
            if self.spec.lyrics:
                made = cast(ReadsLyrics, self.generator).generate(*told, [sung[place] for place in places])
            else:
                made = self.generator.generate(*told)
        heed()
        return made


RULES = (
    "spec",
    "runs",
    "form",
    "length",
    "rate",
    "finite",
    "clock",
    "repeats",
    "seeds",
    "lyrics",
    "neighbours",
    "memory",
    "close",
)
_TRIED = RULES[1:-1]
"""Those that calls are for; before and after them stand what is known without one."""


def check_model(config: RunConfig) -> list[Finding]:
    """One finding per rule for the model that a command names, with its preset and options. Raises UserError."""
    is_folder, wrong, options = config.model.startswith(PREFIX), Gathering(config.wrong), dict[str, object]()
    wrong.require(not is_folder, f"{config.model}: a folder's audio is made already", "name a model")
    with wrong.look():
        generator = build_generator(config.model, config.weights, config.checkpoint, config.random_weights)
        with suppress(BrokenPlugin):  # which is the finding of the first rule
            spec = checked_spec(generator, config.model)
            options = dict(model_options(spec, choose_options(spec, config.preset, config.changes)[1]))
    with wrong.look():
        require_device(config.device)
    wrong.settle()
    limits = limits_of(generator, config.timeouts)
    return check_rules(generator, options, config.device, config.dtype, limits)


def check_rules(
    generator: Generator, options: Options, device: str, dtype: str, limits: Timeouts = UNLIMITED
) -> list[Finding]:
    """One finding per rule. Raises UserError of `load` and of `generate`."""
    name = type(generator).__name__
    try:
        spec = checked_spec(generator, name)
    except BrokenPlugin as error:
        return [Finding("spec", False, error.message), *not_tried(RULES[1:])]
    found = [Finding("spec", True, f"{spec.sample_rate} Hz, {spec.channels} channels, size {spec.size}")]
    longest = min(_LONGEST, spec.max_seconds)
    seconds = tuple(rounded_down(longest * share) for share in _SHARES)
    try:
        with limited(limits.load), running("load() failed"):
            generator.load(device, dtype)
        require_methods(generator)
    except TimedOut as error:
        return [*found, Finding("runs", False, f"load() has {error}"), *not_tried(RULES[2:])]
    except BrokenPlugin as error:
        return [*found, Finding("runs", False, error.message), *not_tried(RULES[2:])]
    try:
        found += _try(Trial(generator, spec, options, seconds, _TOLERANCE.get(dtype, 5e-2), limits.first))
    except BaseException:
        with suppress(Exception, SystemExit):  # what ended the trial is the one to tell
            generator.close()
        raise
    try:
        with running("close() failed"):
            generator.close()
    except BrokenPlugin as error:
        return [*found, Finding("close", False, error.message)]
    return [*found, Finding("close", True, "lets go of what it loaded")]


def _try(trial: Trial) -> list[Finding]:
    everything = range(len(PROMPTS))
    spec = trial.spec
    try:
        trial.call(everything)  # warm-up: what the first call alone does is timed by nobody
        started = time.perf_counter()
        first = trial.call(everything)
        wall = time.perf_counter() - started
        found = [Finding("runs", True, f"{len(PROMPTS)} prompts in {wall:.2f} s"), _form(first, spec)]
        if not found[-1].ok:
            return [*found, *not_tried(_TRIED[2:])]
        found += [_length(first, spec, trial.seconds), _rate(first, spec), _finite(first), _clock(first, wall)]
        found.append(repeated := _repeats(first, trial.call(everything)))
        if repeated.ok:
            found += [_seeds(trial, first), _lyrics(trial, first), _neighbours(trial, first)]
        else:
            found += not_tried(("seeds", "lyrics", "neighbours"), "not tried, as it does not repeat")
        found.append(_memory(trial))
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - an adapter may raise anything, and that is what is to be told
        heed()
        told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return [Finding("runs", False, told), *not_tried(_TRIED[1:])]
    return found


def _form(made: GenBatch, spec: GeneratorSpec) -> Finding:
    """One numpy array (channels, samples) of float32 per prompt."""
    wrong = answer_fault(made, len(PROMPTS))
    if wrong:
        return Finding("form", False, wrong)
    for place in range(len(PROMPTS)):
        sound: object = made.audio[place]
        if not isinstance(sound, np.ndarray):
            return Finding("form", False, f"sound {place} is a {type(sound).__name__}, not a numpy array")
        if sound.dtype != np.float32 or sound.ndim != 2 or sound.shape[0] != spec.channels:
            told = f"sound {place} is {sound.dtype} {sound.shape}, not float32 ({spec.channels}, samples)"
            return Finding("form", False, told)
    return Finding("form", True, f"float32, {spec.channels} channel{'s' * (spec.channels > 1)}")


def _length(made: GenBatch, spec: GeneratorSpec, seconds: Sequence[float]) -> Finding:
    """round(seconds * rate) samples, or fewer where silence was to be cut off."""
    for place, (sound, asked) in enumerate(zip(made.audio, seconds, strict=True)):
        frames = round(asked * spec.sample_rate)
        if sound.shape[1] != frames and not (made.trimmed and 0 < sound.shape[1] < frames):
            told = f"prompt {place} asked for {asked:g} s: {sound.shape[1]} samples instead of {frames}"
            return Finding("length", False, told)
    return Finding("length", True, ", ".join(f"{asked:g} s" for asked in seconds))


def _rate(made: GenBatch, spec: GeneratorSpec) -> Finding:
    ok = made.sample_rate == spec.sample_rate
    return Finding("rate", ok, f"{made.sample_rate} Hz" + ("" if ok else f" instead of {spec.sample_rate} Hz"))


def _finite(made: GenBatch) -> Finding:
    bad = [place for place, sound in enumerate(made.audio) if not np.isfinite(sound).all()]
    if bad:
        return Finding("finite", False, f"NaN or infinity in prompt {', '.join(map(str, bad))}")
    return Finding("finite", True, f"peak {max(_peak(sound) for sound in made.audio):.3g}")


def _clock(made: GenBatch, wall: float) -> Finding:
    """The parts' seconds are of this call: no less than nothing, together no more than it took."""
    wrong = clock_fault(made.timings)
    if wrong:
        return Finding("clock", False, wrong)
    parts = {name: float(seconds) for name, seconds in made.timings.items()}
    told = ", ".join(f"{name} {seconds:.3g} s" for name, seconds in parts.items()) or "no parts told"
    return Finding("clock", sum(parts.values()) <= wall * (1 + _SLOP) + _SLOP, f"{told}, of {wall:.3g} s")


def _repeats(first: GenBatch, again: GenBatch) -> Finding:
    """The same call gives the same bits."""
    different = [place for place in range(len(PROMPTS)) if not _same(first.audio[place], again.audio[place])]
    if different:
        told = f"the same call gave another sound for {len(different)} of {len(PROMPTS)} prompts"
        return Finding(
            "repeats", False, told + f" (by {_distance(first.audio, again.audio, different):.2g} of the peak)"
        )
    return Finding("repeats", True, "the same call gives the same bits")


def _seeds(trial: Trial, first: GenBatch) -> Finding:
    """One prompt's seed changes that prompt's sound, and no other's."""
    changed = (_SEEDS[0], _OTHER, _SEEDS[2])
    other = trial.call(range(len(PROMPTS)), changed)
    if _distance(first.audio, other.audio, [1]) <= trial.tolerance:
        return Finding("seeds", False, "another seed for prompt 1 gave the same sound")
    moved = _distance(first.audio, other.audio, [0, 2])
    if moved > trial.tolerance:
        return Finding("seeds", False, f"the seed of prompt 1 changed other sounds (by {moved:.2g} of the peak)")
    return Finding("seeds", True, "each seed changes its own sound alone")


def _lyrics(trial: Trial, first: GenBatch) -> Finding:
    """What one prompt is to be sung with changes that prompt's sound, and no other's."""
    if not trial.spec.lyrics:
        return Finding("lyrics", True, "reads none, and is told none")
    other = trial.call(range(len(PROMPTS)), sung=_OTHERS_SUNG)
    if _distance(first.audio, other.audio, [1]) <= trial.tolerance:
        return Finding("lyrics", False, "other lyrics for prompt 1 gave the same sound")
    moved = _distance(first.audio, other.audio, [0, 2])
    if moved > trial.tolerance:
        return Finding("lyrics", False, f"the lyrics of prompt 1 changed other sounds (by {moved:.2g} of the peak)")
    return Finding("lyrics", True, "each prompt's change its own sound alone")


def _neighbours(trial: Trial, first: GenBatch) -> Finding:
    """Each prompt alone sounds as in the batch."""
    alone = [trial.call([place]).audio[0] for place in range(len(PROMPTS))]
    moved = _distance(first.audio, alone, range(len(PROMPTS)))
    told = f"alone and in a batch differ by {moved:.2g} of the peak"
    return Finding("neighbours", moved <= trial.tolerance, f"{told}, {trial.tolerance:g} allowed")


def _memory(trial: Trial) -> Finding:
    """What is held after a few more calls is what was held before them."""
    before = _in_use(trial.call([0]))
    for _ in range(_REPEATS - 1):
        trial.call([0])
    after = _in_use(trial.call([0]))
    grown = after.held - before.held
    told = f"peak {after.peak / 2**20:.0f} MiB; {_REPEATS} calls added {max(0, grown) / 2**20:.0f} MiB"
    return Finding("memory", grown <= _GROWTH, told)


def _in_use(made: GenBatch) -> Memory:
    """Of the process that made the sounds, or of this one."""
    if made.memory is not None:
        return made.memory
    found = memory()
    return Memory(found["peak"], found["held"])


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def _peak(sound: np.ndarray) -> float:
    return float(np.abs(sound[np.isfinite(sound)]).max(initial=0.0))


def _distance(one: Sequence[np.ndarray], other: Sequence[np.ndarray], places: Sequence[int]) -> float:
    """The largest difference of two lists of sounds, as a share of the first one's peak; infinity for other shapes or
    numbers that are none."""
    worst = 0.0
    for place in places:
        if one[place].shape != other[place].shape:
            return math.inf
        unlike = one[place] != other[place]  # equal infinities have no difference to speak of
        moved = float(np.abs(one[place][unlike].astype(np.float64) - other[place][unlike]).max(initial=0.0))
        share = moved / max(_peak(one[place]), 1e-9)
        worst = max(worst, share if math.isfinite(share) else math.inf)
    return worst
