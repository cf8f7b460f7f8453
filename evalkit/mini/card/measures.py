"""What the judges say of a set of sounds, one per prompt of suite `mini`, and how good the judges are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalkit.audio.clip import Clip, Samples
from evalkit.core.ids import digest_bytes
from evalkit.embed.base import Features
from evalkit.embed.load import load_embedder
from evalkit.metrics.base import MetricInputs, MetricResult
from evalkit.metrics.clap_score import METRIC as CLAP
from evalkit.metrics.fd_openl3 import METRIC as FD
from evalkit.metrics.kl_passt import METRIC as KL
from evalkit.mini.recordings.captions import class_caption
from evalkit.mini.recordings.scenes import CLASSES, Recording
from evalkit.run.anchors import low_passed, white_noise
from evalkit.stats.paired import paired_difference
from evalkit.suites.base import Prompt, Suite
from evalkit.suites.references import pair_reference, set_reference

NOISE_SNR = (30, 20, 10, 0)
LOW_PASS = (6000, 4000, 2000, 1000)


@dataclass(frozen=True)
class Score:
    """A metric's value and its 95 % interval; `leave_outs` are the values without each fold of prompts, where the
    interval is a jackknife's."""

    value: float
    low: float | None
    high: float | None
    leave_outs: tuple[float, ...] = ()


@dataclass(frozen=True)
class Shuffled:
    """A metric on the right pairs and on wrong ones, and the paired difference matched - shuffled."""

    matched: float
    shuffled: float
    difference: float
    low: float | None
    high: float | None
    p: float


@dataclass(frozen=True)
class Sounds:
    """What the judges say of 64 sounds: the suite's scores by metric, right pairs against wrong ones by metric, and
    for each class (first guesses of passt-mini that are right, prompts that ask for nothing else)."""

    scores: Mapping[str, Score]
    pairs: Mapping[str, Shuffled]
    named: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Judges:
    """How good the judges are: share of held-out recordings whose class passt-mini puts first, and whose class
    caption clap-mini has nearest; FD-OpenL3 of recordings made worse step by step; and what all three say of held-out
    recordings and of white noise in the place of generated sounds."""

    top_1: float
    text_to_class: float
    ladder: tuple[tuple[str, float], ...]
    recordings: Sounds
    noise: Sounds


def measure_judges(suite: Suite, held_out: Sequence[Recording], takes: Sequence[Clip]) -> Judges:
    """`takes` are scenes of the held-out recordings, one per prompt, which are in no reference."""
    return Judges(
        top_1=top_1(held_out),
        text_to_class=text_to_class(held_out),
        ladder=ladder(suite, takes),
        recordings=measure_sounds(suite, takes),
        noise=measure_sounds(suite, [white_noise(clip) for clip in takes]),
    )


def measure_sounds(suite: Suite, clips: Sequence[Clip]) -> Sounds:
    """The three metrics of the suite over one clip per prompt, in the suite's order."""
    order, groups = shuffled(suite.prompts), [prompt.group for prompt in suite.prompts]
    classes = load_embedder("passt-mini").embed(clips)
    kl, kl_wrong = _divergences(suite, classes, order)
    clap, clap_wrong = _agreements(suite, clips, order)
    return Sounds(
        scores={"fd_openl3": _score(_distance(suite, clips)), "kl_passt": _score(kl), "clap_score": _score(clap)},
        pairs={"kl_passt": _compared(kl, kl_wrong, groups), "clap_score": _compared(clap, clap_wrong, groups)},
        named=named_classes(suite.prompts, classes),
    )


def as_clip(recording: Recording) -> Clip:
    """A recording as a mono clip."""
    samples = recording.samples[None]
    return Clip(samples, recording.rate, digest_bytes(samples.tobytes()))


def top_1(held_out: Sequence[Recording]) -> float:
    """Share of held-out recordings whose class passt-mini puts first."""
    rows = load_embedder("passt-mini").embed([as_clip(recording) for recording in held_out])
    hits = [CLASSES[int(row[0].argmax())] == one.sound for row, one in zip(rows, held_out, strict=True)]
    return float(np.mean(hits))


def text_to_class(held_out: Sequence[Recording]) -> float:
    """Share of held-out recordings whose own class caption is the nearest of the ten in clap-mini's space."""
    clap = load_embedder("clap-mini")
    texts = clap.embed_text([class_caption(sound) for sound in CLASSES])  # type: ignore[attr-defined]
    rows = np.concatenate(clap.embed([as_clip(recording) for recording in held_out]))
    hits = [CLASSES[i] == one.sound for i, one in zip((rows @ texts.T).argmax(axis=1), held_out, strict=True)]
    return float(np.mean(hits))


def with_noise(clip: Clip, snr: float) -> Clip:
    """The clip with white noise `snr` dB below it, the same noise at every level."""
    rng = np.random.default_rng(int(clip.digest[:8], 16))
    noise = rng.standard_normal(clip.samples.shape).astype(np.float32)
    power = float(np.mean(clip.samples**2)) / 10 ** (snr / 10)
    return _changed(clip, clip.samples + noise * np.float32(np.sqrt(power)))


def _changed(clip: Clip, samples: Samples) -> Clip:
    return replace(clip, samples=samples, digest=digest_bytes(samples.tobytes()))


def ladder(suite: Suite, takes: Sequence[Clip]) -> tuple[tuple[str, float], ...]:
    """FD-OpenL3 (mini) from the suite's reference: recordings under more and more noise, and lower and lower."""
    sets = {f"recordings + noise, {snr} dB SNR": [with_noise(clip, snr) for clip in takes] for snr in NOISE_SNR}
    for cutoff in LOW_PASS:
        sets[f"recordings, low-pass {cutoff} Hz"] = [low_passed(clip, cutoff) for clip in takes]
    return tuple((name, _distance(suite, clips).value) for name, clips in sets.items())


def _distance(suite: Suite, clips: Sequence[Clip]) -> MetricResult:
    ids, groups = _names(suite)
    features = load_embedder("openl3-mini").embed(clips)
    return FD.compute(MetricInputs(ids, groups, features, set_reference=set_reference(suite.metrics["fd_openl3"])))


def _divergences(suite: Suite, classes: Sequence[Features], order: Sequence[int]) -> tuple[MetricResult, MetricResult]:
    """KL-PaSST against each prompt's own reference and against another prompt's."""
    ids, groups = _names(suite)
    reference = pair_reference(suite.metrics["kl_passt"])
    moved = {ids[place]: reference[ids[other]] for place, other in enumerate(order)}
    right, wrong = (KL.compute(MetricInputs(ids, groups, classes, pair_reference=rows)) for rows in (reference, moved))
    return right, wrong


def _agreements(suite: Suite, clips: Sequence[Clip], order: Sequence[int]) -> tuple[MetricResult, MetricResult]:
    """CLAP score with each prompt's own text and with another prompt's."""
    ids, groups = _names(suite)
    clap = load_embedder("clap-mini")
    texts: Features = clap.embed_text([prompt.text for prompt in suite.prompts])  # type: ignore[attr-defined]
    features = clap.embed(clips)
    right, wrong = (CLAP.compute(MetricInputs(ids, groups, features, texts=rows)) for rows in (texts, texts[order]))
    return right, wrong


def _names(suite: Suite) -> tuple[list[str], list[str]]:
    return [prompt.id for prompt in suite.prompts], [prompt.group for prompt in suite.prompts]


def shuffled(prompts: Sequence[Prompt]) -> list[int]:
    """A seeded re-pairing in which nobody keeps a prompt of the same classes."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(prompts))
    for place, other in enumerate(order):
        if prompts[place].labels == prompts[other].labels:
            free = [i for i in range(len(order)) if _may_swap(prompts, order, place, i)]
            swap = free[int(rng.integers(len(free)))]
            order[place], order[swap] = order[swap], order[place]
    return [int(index) for index in order]


def _may_swap(prompts: Sequence[Prompt], order: np.ndarray, a: int, b: int) -> bool:
    return prompts[a].labels != prompts[order[b]].labels and prompts[b].labels != prompts[order[a]].labels


def _score(result: MetricResult) -> Score:
    return Score(result.value, result.low, result.high, result.leave_outs)


def _compared(right: MetricResult, wrong: MetricResult, groups: Sequence[str]) -> Shuffled:
    found = paired_difference(list(right.per_prompt.values()), list(wrong.per_prompt.values()), groups)
    low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
    return Shuffled(right.value, wrong.value, found.mean, low, high, found.p)


def named_classes(prompts: Sequence[Prompt], classes: Sequence[Features]) -> dict[str, tuple[int, int]]:
    """class -> (named by passt-mini as its first guess, asked for), over the prompts of one class alone;
    `classes[i]` (windows, 10) is what passt-mini says of prompt i's sound."""
    asked, named = Counter[str](), Counter[str]()
    for prompt, row in zip(prompts, classes, strict=True):
        if len(prompt.labels) == 1:
            asked[prompt.labels[0]] += 1
            named[prompt.labels[0]] += CLASSES[int(row[0].argmax())] == prompt.labels[0]
    return {sound: (named[sound], asked[sound]) for sound in CLASSES}
