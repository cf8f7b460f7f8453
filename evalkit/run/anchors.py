"""A suite's anchors, computed: the suite's metrics on recordings, wrong captions, noise and silence (`suites.anchors`).

What stands in the place of generated sounds goes through the same judges and the same metrics as a run's sounds, with
the same intervals. Sounds are made a few at a time and forgotten; their features are cached as any others are, so that
what is computed twice costs once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from evalkit.audio import anchors
from evalkit.audio.clip import Clip, samples_digest
from evalkit.audio.decode import decode
from evalkit.audio.level import loudness
from evalkit.core.errors import UserError
from evalkit.core.interrupts import heed
from evalkit.core.text import one_line, part_of
from evalkit.embed.base import Features
from evalkit.fetch.home import FEATURES, evalkit_home
from evalkit.metrics.base import Metric, MetricInputs, SetReference
from evalkit.run.accept import missing_clip
from evalkit.run.embed import Embedding, Source, Workshop
from evalkit.run.embedders import open_embedder
from evalkit.run.manifest import metric_codes, stamps
from evalkit.run.plan import Plan
from evalkit.run.preflight import make_ready
from evalkit.run.progress import Progress
from evalkit.run.references import with_recordings
from evalkit.run.score import TEXT, Scoring, compared_with, computed_or_told, embed_all, protocol_id, stacked
from evalkit.suites.anchors import ANCHORS, Anchor
from evalkit.suites.base import MetricPlan, Prompt
from evalkit.suites.conventions import chosen_options
from evalkit.suites.pinned import require_references
from evalkit.suites.references import set_from_features

CUTOFF = 3500.0
"""Hz: the low anchor of MUSHRA (ITU-R BS.1534-3)."""

_AT_ONCE = 16
_SILENT_RATE, _SILENT_SECONDS = 44_100, 10.0
_NO_RECORDINGS = "the suite has statistics of its references, and not the recordings themselves"


@dataclass(frozen=True)
class Take:
    """A recording that stands in the place of a generated sound; `group` is the source it is of."""

    name: str
    group: str
    clip: Callable[[], Clip]


@dataclass(frozen=True)
class Material:
    """What anchors are made of. `takes` are different recordings, `of` {prompt id: name of the one that is its
    reference}; `first` and `second` are halves of different sources, `split` says in words how they were parted."""

    takes: Sequence[Take]
    of: Mapping[str, str]
    first: Sequence[Take]
    second: Sequence[Take]
    split: str


def prepare(plan: Plan, progress: Progress) -> Scoring:
    """Judges, metrics and references of a plan of `memory_plan`. Raises UserError for whatever is not here."""
    require_references(plan.suite)
    codes, now = metric_codes(plan, progress), stamps(plan, progress)
    ready = make_ready(plan, now, progress)
    place, device = evalkit_home().joinpath(*FEATURES), plan.config.device
    shops = {name: Workshop(partial(open_embedder, plan, name, device), None, place, device) for name in now}
    nothing = {item.key: missing_clip(item) for item in plan.items}
    references = with_recordings(ready.references, plan.suite, progress)
    return Scoring(plan, nothing, ready.metrics, ready.broken, codes, shops, references)


def material(scoring: Scoring) -> Material:
    """Of the suite's own folder of recordings; empty where it has none."""
    prompts = {prompt.id: prompt for prompt in scoring.plan.suite.prompts}
    of = {key: name for key, name in scoring.references.names.items() if key in prompts}
    source = {name: prompts[key].group for key, name in reversed(of.items())}
    takes = [
        Take(name, source.get(name, name), partial(decode, each.path))
        for name, each in scoring.references.recordings.items()
    ]
    parted = halves({take.name: take.group for take in takes})
    first, second = ([take for take in takes if take.name in half] for half in parted)
    known = any(prompt.group != prompt.id for prompt in prompts.values())
    split = "by the sources that the suite names" if known else "at random: the suite names no sources"
    return Material(takes, of, first, second, split)


def halves(sources: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """Names in two halves that share no source, {name: source}, by a seeded choice: each next source goes to the
    smaller half."""
    groups: dict[str, list[str]] = {}
    for name in sorted(sources):
        groups.setdefault(sources[name], []).append(name)
    first: set[str] = set()
    second: set[str] = set()
    for place in np.random.default_rng(0).permutation(len(groups)):
        (first if len(first) <= len(second) else second).update(groups[sorted(groups)[place]])
    return first, second


def deranged(prompts: Sequence[Prompt]) -> list[int]:
    """A seeded place for each prompt whose prompt asks for something else: of other labels, or of another source where
    the suite has no labels. Raises UserError where more than half of them are alike."""
    kinds = ["\0".join(prompt.labels) or prompt.group for prompt in prompts]
    rng = np.random.default_rng(0)
    names = sorted(set(kinds))
    turn = dict(zip(names, rng.permutation(len(names)).tolist(), strict=True))
    order = sorted(rng.permutation(len(prompts)).tolist(), key=lambda place: turn[kinds[place]])
    most = max((kinds.count(name) for name in names), default=0)
    if not prompts or 2 * most > len(prompts):
        raise UserError(
            f"{part_of(most, len(prompts), 'prompt', 'is', 'are')} of one source: no wrong captions for them"
        )
    found = [0] * len(prompts)
    for place, prompt in enumerate(order):
        found[prompt] = order[(place + most) % len(order)]
    return found


def compute(scoring: Scoring, made_of: Material, progress: Progress) -> list[Anchor]:
    """Every anchor of every metric; one without a value says why. The cost is told before the work."""
    fixed = embed_all(scoring, progress)
    work = _Work(scoring, made_of, fixed)
    kinds: list[tuple[str, Sequence[Take], Change]] = [("recordings", made_of.takes, _same)]
    kinds += [("low_pass", made_of.takes, low_passed), ("noise", made_of.takes, white_noise)]
    kinds += [("silence", made_of.takes or _lengths(scoring.plan.suite.prompts), silent)]
    seen = {take.name for take in made_of.takes}
    apart = [take for take in (*made_of.first, *made_of.second) if take.name not in seen]
    total = (sum(len(takes) for _, takes, _ in kinds) + len(apart)) * len(scoring.workshops)
    _tell_cost(scoring, kinds[-2 if made_of.takes else -1], total, progress)
    heard: dict[str, dict[str, Embedding]] = {}
    for kind, takes, change in kinds:
        if takes:
            heard[kind] = _embedded(scoring, takes, change, f"anchor {kind}", progress)
    more = _embedded(scoring, apart, _same, "anchor halves", progress) if apart else {}
    parts = _joined(heard.get("recordings", {}), more)
    return [
        anchor
        for name, metric in scoring.metrics.items()
        for kind in ANCHORS
        if (anchor := work.anchor(kind, metric, scoring.plan.suite.metrics[name], heard.get(kind, {}), parts))
    ]


Change = Callable[[Clip], Clip]


def _same(clip: Clip) -> Clip:
    return clip


def low_passed(clip: Clip, hertz: float = CUTOFF) -> Clip:
    """The clip without what lies above `hertz`, as a listening test has it."""
    return _changed(clip, anchors.low_passed(clip.samples, clip.rate, hertz))


def white_noise(clip: Clip) -> Clip:
    """White noise of the clip's shape, each channel its own, at its loudness (BS.1770; at its power where it has none),
    the same noise for the same clip."""
    rng = np.random.default_rng(int(samples_digest(clip)[:8], 16))
    noise = rng.standard_normal(clip.samples.shape) * max(float(clip.samples.std()), 1e-4)
    wanted, have = (loudness(each.astype(np.float32), clip.rate) for each in (clip.samples, noise))
    gain = 1.0 if wanted is None or have is None else 10 ** ((wanted - have) / 20)
    return _changed(clip, noise * gain)


def silent(clip: Clip) -> Clip:
    """As many zeros."""
    return _changed(clip, np.zeros_like(clip.samples))


def _changed(clip: Clip, samples: np.ndarray) -> Clip:
    made = replace(clip, samples=np.ascontiguousarray(samples, dtype=np.float32))
    return replace(made, digest=samples_digest(made))


def _lengths(prompts: Sequence[Prompt]) -> list[Take]:
    """Silence as long as the prompts ask for, where there are no recordings."""

    def zeros(seconds: float) -> Clip:
        return _changed(Clip(np.zeros((1, 1), np.float32), _SILENT_RATE, ""), np.zeros((1, round(seconds * 44_100))))

    return [Take(prompt.id, prompt.group, partial(zeros, prompt.seconds or _SILENT_SECONDS)) for prompt in prompts]


def _tell_cost(scoring: Scoring, kind: tuple[str, Sequence[Take], Change], total: int, progress: Progress) -> None:
    """Say how many embeddings there are and, by the time of one of each judge, about how long they take."""
    _, takes, change = kind
    if not takes:
        return
    clip = change(takes[0].clip())
    spent = 0.0
    for shop in scoring.workshops.values():
        shop.embed_now([_source("warm", clip)])  # loads the network, whose time is not that of a sound
        began = time.perf_counter()
        shop.embed_now([_source("cost", clip)])
        spent += time.perf_counter() - began
    minutes = spent / len(scoring.workshops) * total / 60
    judges = ", ".join(scoring.workshops)
    told = f"{total:,} embeddings by {judges}: about {max(1, round(minutes)):,} min; those of before are not made again"
    progress.note(f"anchors of suite {scoring.plan.suite.name}: {told}")


def _embedded(
    scoring: Scoring, takes: Sequence[Take], change: Change, stage: str, progress: Progress
) -> dict[str, Embedding]:
    """weights name -> features of every take, by its name."""
    found: dict[str, Embedding] = {}
    progress.start(stage, len(takes) * len(scoring.workshops), 0)
    for first in range(0, len(takes), _AT_ONCE):
        chunk = [_source(take.name, change(take.clip())) for take in takes[first : first + _AT_ONCE]]
        for name, shop in scoring.workshops.items():
            found = _joined(found, {name: shop.embed(chunk, progress, stage)})
        heed()
    progress.finish(stage)
    return found


def _source(key: str, clip: Clip) -> Source:
    return Source(key, samples_digest(clip), clip=clip)


def _joined(one: Mapping[str, Embedding], other: Mapping[str, Embedding]) -> dict[str, Embedding]:
    found = dict(one)
    for name, more in other.items():
        known = found.get(name)
        if known is not None:
            features, faults = {**known.features, **more.features}, {**known.faults, **more.faults}
            more = replace(more, features=features, faults=faults, lost=known.lost or more.lost)
        found[name] = more
    return found


@dataclass(frozen=True)
class _Work:
    """From features to anchors. `fixed` {weights name: features of texts and reference recordings}."""

    scoring: Scoring
    material: Material
    fixed: Mapping[str, Embedding]

    def anchor(
        self,
        kind: str,
        metric: Metric,
        chosen: MetricPlan,
        heard: Mapping[str, Embedding],
        parts: Mapping[str, Embedding],
    ) -> Anchor | None:
        """One anchor on one scale; None where it would say nothing there."""
        card = metric.card
        if kind == "halves":
            if card.reference != "set":
                return None
            return self._told(kind, metric, chosen, partial(self._halves, metric, chosen, parts.get(chosen.weights)))
        if kind == "recordings" and card.reference:
            return None  # against themselves: nothing, by definition
        if kind == "shuffled":
            if not card.text and card.reference != "pair":
                return None
            heard = parts
        own = heard.get(chosen.weights)
        return self._told(kind, metric, chosen, partial(self._inputs, metric, chosen, own, kind == "shuffled"))

    def _told(
        self, kind: str, metric: Metric, chosen: MetricPlan, inputs: Callable[[], tuple[MetricInputs, str]]
    ) -> Anchor:
        scoring, fixed = self.scoring, self.fixed[chosen.weights]
        protocol = protocol_id(scoring.plan, chosen, metric.card)
        empty = Anchor(kind, chosen.metric, protocol, fixed.identity.weights, scoring.codes.get(chosen.metric, ""),
                       None, None, None, 0.95, 0, 0)  # fmt: skip
        try:
            given, told = inputs()
        except UserError as error:
            return replace(empty, told=one_line(error.message, 300))
        result, _ = computed_or_told(metric, chosen.metric, given)
        valued = math.isfinite(result.value)
        low, high = (result.low, result.high) if valued else (None, None)
        warnings = [told, *result.warnings, *(() if valued else ["it is not a number"])]
        return replace(
            empty,
            value=result.value if valued else None,
            low=low if low is not None and math.isfinite(low) else None,
            high=high if high is not None and math.isfinite(high) else None,
            level=result.level,
            n=result.n,
            n_reference=result.n_reference,
            told=one_line("; ".join(filter(None, warnings)), 300),
        )

    def _halves(self, metric: Metric, chosen: MetricPlan, parts: Embedding | None) -> tuple[MetricInputs, str]:
        first, second = self.material.first, self.material.second
        if not first or not second or parts is None:
            raise UserError(_NO_RECORDINGS)
        inputs = MetricInputs(
            ids=[take.name for take in first],
            groups=[take.group for take in first],
            features=[_of(parts, take.name) for take in first],
            set_reference=set_from_features([_of(parts, take.name) for take in second]),
            seconds=[0.0] * len(first),
            options=chosen_options(metric.card, chosen.options),
        )
        return inputs, self.material.split

    def _inputs(
        self, metric: Metric, chosen: MetricPlan, own: Embedding | None, shuffled: bool
    ) -> tuple[MetricInputs, str]:
        """What the metric is given: by prompt where it compares with a prompt's text or recording, else by take."""
        card, fixed = metric.card, self.fixed[chosen.weights]
        if own is None or own.lost:
            raise UserError(own.lost if own is not None else _NO_RECORDINGS)
        sets, pairs = compared_with(self.scoring.references, metric, chosen, fixed)
        if card.text or card.reference == "pair":
            return self._by_prompt(metric, chosen, own, pairs, sets, shuffled)
        takes = self.material.takes or _lengths(self.scoring.plan.suite.prompts)
        prompts = {self.material.of[p.id]: p for p in self.scoring.plan.suite.prompts if p.id in self.material.of}
        seconds = [prompts[take.name].seconds if take.name in prompts else 0.0 for take in takes]
        inputs = MetricInputs(
            ids=[take.name for take in takes],
            groups=[take.group for take in takes],
            features=[_of(own, take.name) for take in takes],
            set_reference=sets,
            seconds=seconds,
            options=chosen_options(card, chosen.options),
        )
        return inputs, ""

    def _by_prompt(
        self,
        metric: Metric,
        chosen: MetricPlan,
        own: Embedding,
        pairs: Mapping[str, Features] | None,
        sets: SetReference | None,
        shuffled: bool,
    ) -> tuple[MetricInputs, str]:
        of = self.material.of or ({} if self.material.takes else {p.id: p.id for p in self.scoring.plan.suite.prompts})
        prompts = [p for p in self.scoring.plan.suite.prompts if p.id in of and (pairs is None or p.id in pairs)]
        if not prompts:
            raise UserError("no recording belongs to a prompt: they are a set")
        others = [prompts[place] for place in deranged(prompts)] if shuffled else prompts
        texts = stacked(self.fixed[chosen.weights], [TEXT + p.id for p in others]) if metric.card.text else None
        inputs = MetricInputs(
            ids=[p.id for p in prompts],
            groups=[p.group for p in prompts],
            features=[_of(own, of[p.id]) for p in prompts],
            texts=texts,
            set_reference=sets,
            pair_reference=None if pairs is None else {p.id: pairs[o.id] for p, o in zip(prompts, others, strict=True)},
            seconds=[p.seconds for p in prompts],
            options=chosen_options(metric.card, chosen.options),
        )
        return inputs, ""


def _of(embedding: Embedding, name: str) -> Features:
    """Raises UserError where a judge could not take this sound."""
    if name not in embedding.features:
        raise UserError(f"{embedding.identity.name} could not embed it: {embedding.faults.get(name, embedding.lost)}")
    return embedding.features[name]
