"""Metrics on ladders of damage: the same recordings, worse step by step, under each metric (`evalkit metrics test`).

Sounds of a step are made once, a few at a time, for all judges, and forgotten; their features are cached as any others
are, so that what is computed again costs only the making. One ladder's features are held at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import evalkit
from evalkit.audio.clip import samples_digest
from evalkit.audio.decode import decode
from evalkit.audio.ladders import LADDERS, harmed
from evalkit.comparison.difference import difference
from evalkit.comparison.record import Record
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.ids import digest_json
from evalkit.core.interrupts import heed
from evalkit.core.text import count, one_line
from evalkit.embed.base import Features
from evalkit.execute.bench import Source
from evalkit.fetch.weights import TAUGHT
from evalkit.metrics.base import MetricInputs, MetricResult, SetReference
from evalkit.metrics.sensitivity import Rungs, Sensitivity, Step, judged
from evalkit.protocols.base import weights_in
from evalkit.run.anchors import deranged, halves, prepare
from evalkit.run.config import RunConfig
from evalkit.run.embed import Embedding
from evalkit.run.plan import memory_plan
from evalkit.run.progress import Progress
from evalkit.run.recordings import Recording, inspect_all
from evalkit.run.score import REFERENCE, TEXT, Scoring, as_json, compared_with, computed_or_told, embed_all, stacked
from evalkit.suites.base import Prompt
from evalkit.suites.brief import Brief
from evalkit.suites.conventions import chosen_options
from evalkit.suites.references import set_from_features
from evalkit.suites.takes import Takes, open_takes, size_of, stand_ins

STAGE = "ladders"
_AT_ONCE = 16
_FEW = 20
_SEED = 0


@dataclass(frozen=True)
class Trial:
    """What is to be tried: `metrics` by name or code, on `brief.sounds` (none: what ships), with `brief`'s prompts,
    reference and judges; `ladders` by name, all of them where none is named."""

    metrics: Sequence[str]
    brief: Brief = field(default_factory=Brief)
    ladders: Sequence[str] = ()
    weights: Mapping[str, Path] = field(default_factory=dict)
    limit: int | None = None
    device: str = "cpu"
    wrong: tuple[UserError, ...] = ()


def measure(trial: Trial, progress: Progress) -> list[Sensitivity]:
    """A card for each metric, in their order. Raises UserError with all that is wrong, before the work."""
    wrong = Gathering(trial.wrong)
    instead = stand_ins(trial.metrics, trial.brief, trial.weights)
    weights = {**trial.weights, **instead}
    takes = open_takes(trial.metrics, trial.brief, weights, wrong)
    for judge, mini in instead.items():
        name = weights_in(judge)
        progress.note(f"judge {judge}: {mini.name} in its place, as {name} is not here (evalkit fetch weights {name})")
    for note in takes.suite.notes:
        progress.note(note)
    config = RunConfig(model="ladders", suite=takes.suite, weights=weights, limit=trial.limit, device=trial.device)
    plan = memory_plan(config)
    prompts = plan.suite.prompts
    heard = inspect_all({takes.files[p.id].name: takes.files[p.id] for p in prompts}, progress, referred=False)
    scoring = prepare(plan, progress)
    field_ = _Field(takes, scoring, prompts, {p.id: heard[takes.files[p.id].name] for p in prompts})
    names = [name for name in LADDERS if not trial.ladders or name in trial.ladders]
    return field_.measured(names, progress)


Version = tuple[str, float]
"""Ladder and step that a sound was damaged by; `WHOLE` for none."""

WHOLE: Version = ("", 0.0)


class _Field:
    """The recordings in the order of the prompts, their features by judge, and what is known of each metric."""

    def __init__(
        self, takes: Takes, scoring: Scoring, prompts: Sequence[Prompt], recordings: Mapping[str, Recording]
    ) -> None:
        self._takes, self._scoring, self._recordings = takes, scoring, recordings
        self._whole = list(prompts)
        parted = halves({prompt.id: prompt.group for prompt in prompts})
        self._first = [prompt for prompt in prompts if prompt.id in parted[0]]
        self._second = [prompt for prompt in prompts if prompt.id in parted[1]]

    def measured(self, ladders: Sequence[str], progress: Progress) -> list[Sensitivity]:
        """Every metric on every ladder."""
        self._fixed = embed_all(self._scoring, progress)
        versions = [_versions(name) for name in ladders]
        total = len(self._whole) * len(self._scoring.workshops) * (1 + sum(map(len, versions)))
        judges = ", ".join(self._scoring.workshops)
        progress.note(
            f"{count(len(self._whole), 'recording')} on {count(len(ladders), 'ladder')}: "
            f"{count(total, 'embedding')} by {judges}"
        )
        progress.start(STAGE, total, 0)
        whole = self._embedded([WHOLE], progress)
        self._lost = {(judge, key) for judge, of in whole.items() for key in self._ids() if (key, WHOLE) not in of}
        base = {name: self._computed(name, _Damage("", 0.0), whole) for name in self._scoring.metrics}
        rungs: dict[str, list[Rungs]] = {name: [] for name in self._scoring.metrics}
        for ladder, needed in zip(ladders, versions, strict=True):
            features = self._embedded(needed, progress)
            features = {judge: {**whole[judge], **of} for judge, of in features.items()}
            for name in self._scoring.metrics:
                rungs[name].append(self._rungs(name, ladder, base[name], features))
            heed()
        progress.finish(STAGE)
        return [self._card(name, base[name], rungs[name]) for name in self._scoring.metrics]

    def _ids(self) -> list[str]:
        return [prompt.id for prompt in self._whole]

    def _embedded(
        self, versions: Sequence[Version], progress: Progress
    ) -> dict[str, dict[tuple[str, Version], Features]]:
        """judge -> {(prompt id, version): features}; of a sound that a judge cannot take there are none."""
        found: dict[str, dict[tuple[str, Version], Features]] = {judge: {} for judge in self._scoring.workshops}
        for version in versions:
            for first in range(0, len(self._whole), _AT_ONCE):
                chunk = [self._source(prompt.id, version) for prompt in self._whole[first : first + _AT_ONCE]]
                for judge, shop in self._scoring.workshops.items():
                    made = shop.embed(chunk, progress, STAGE)
                    found[judge] |= {(key, version): each for key, each in made.features.items()}
                heed()
        return found

    def _source(self, key: str, version: Version) -> Source:
        clip = decode(self._recordings[key].path)
        if version != WHOLE:
            clip = harmed(clip, *version)
        return Source(key, samples_digest(clip), clip=clip)

    def _rungs(
        self,
        name: str,
        ladder: str,
        base: _Outcome,
        features: Mapping[str, Mapping[tuple[str, Version], Features]],
    ) -> Rungs:
        """One metric on one ladder."""
        reason = self._no_ground(name, ladder) or ("" if base.valued else base.told)
        if reason:
            return Rungs(ladder, (), told=one_line(reason, 300))
        steps = [base.step(None, base)]
        for at in LADDERS[ladder].steps:
            outcome = self._computed(name, _Damage(ladder, at), features)
            if not outcome.valued:
                return Rungs(ladder, (), told=one_line(f"at {at:g}: {outcome.told}", 300))
            steps.append(outcome.step(at, base))
        return Rungs(ladder, tuple(steps))

    def _no_ground(self, name: str, ladder: str) -> str:
        """Why a ladder says nothing here, "" where it does."""
        if ladder == "mono" and all(decode(each.path).channels < 2 for each in self._recordings.values()):
            return "the recordings are mono already"
        return ""

    def _computed(
        self, name: str, damage: _Damage, features: Mapping[str, Mapping[tuple[str, Version], Features]]
    ) -> _Outcome:
        """The metric on the recordings at one step."""
        metric, chosen = self._scoring.metrics[name], self._scoring.plan.suite.metrics[name]
        judge, card = chosen.weights, metric.card
        fixed, of = self._fixed[judge], features[judge]
        if fixed.lost:
            return _Outcome.nothing(fixed.lost)
        own_set = card.reference == "set" and not self._takes.apart
        prompts = [p for p in (self._first if own_set else self._whole) if (judge, p.id) not in self._lost]
        try:
            heard = [of[key, version] for key, version in damage.heard(prompts)]
            others = damage.captions(prompts)
            sets, pairs = self._compared(name, fixed, own_set)
        except KeyError as error:
            return _Outcome.nothing(f"{judge} could not embed {error.args[0][0]!r} at this step")
        except UserError as error:
            return _Outcome.nothing(error.message)
        inputs = MetricInputs(
            ids=[p.id for p in prompts],
            groups=[p.group for p in prompts],
            features=heard,
            texts=stacked(fixed, [TEXT + p.id for p in others]) if card.text else None,
            set_reference=sets,
            pair_reference=None if pairs is None else {p.id: pairs[o.id] for p, o in zip(prompts, others, strict=True)},
            seconds=[p.seconds or self._recordings[p.id].seconds for p in prompts],
            options=chosen_options(card, chosen.options),
        )
        result, _ = computed_or_told(metric, name, inputs)
        return _Outcome(name, card.direction, result, {p.id: p.group for p in prompts})

    def _compared(
        self, name: str, fixed: Embedding, own_set: bool
    ) -> tuple[SetReference | None, Mapping[str, Features] | None]:
        if own_set:
            keys = [REFERENCE + self._takes.files[p.id].name for p in self._second]
            return set_from_features([fixed.features[key] for key in keys if key in fixed.features]), None
        metric, chosen = self._scoring.metrics[name], self._scoring.plan.suite.metrics[name]
        return compared_with(self._scoring.references, metric, chosen, fixed)

    def _card(self, name: str, base: _Outcome, rungs: Sequence[Rungs]) -> Sensitivity:
        metric, chosen = self._scoring.metrics[name], self._scoring.plan.suite.metrics[name]
        card, suite = metric.card, self._scoring.plan.suite
        lost = sorted(key for judge, key in self._lost if judge == chosen.weights)
        notes = [f"{count(len(lost), 'recording')} could not be embedded: {', '.join(lost[:3])}"] if lost else []
        if base.result.n < _FEW:
            these = "1 recording is" if base.result.n == 1 else f"{base.result.n} recordings are"
            notes.append(f"{these} few: what is not heard may be heard with more of them")
        return Sensitivity(
            metric=card.name,
            title=card.title,
            direction=card.direction,
            unit=card.unit,
            judge=chosen.weights,
            weights=self._fixed[chosen.weights].identity.weights,
            size=size_of(chosen.weights, self._scoring.plan.config.weights),
            data=self._takes.called,
            digest=digest_json({"suite": suite.digest, "sounds": sorted(r.sound for r in self._recordings.values())}),
            against=self._against(card.reference),
            n=base.result.n,
            n_reference=base.result.n_reference,
            evalkit=evalkit.__version__,
            ladders=judged(card, rungs),
            code=self._scoring.codes.get(name, ""),
            notes=tuple(notes),
            taught=TAUGHT.get(chosen.weights, ""),
        )

    def _against(self, reference: str) -> str:
        if reference == "set":
            return "other recordings" if self._takes.apart else "the other half of the recordings"
        if reference == "pair":
            return "another recording of the same prompt" if self._takes.apart else "each recording itself"
        return "nothing"


def _versions(ladder: str) -> list[Version]:
    """The damaged sounds that a ladder is made of."""
    kind = LADDERS[ladder].works_on
    steps = LADDERS[ladder].steps if kind == "sounds" else LADDERS[ladder].steps[-1:] if kind == "share" else ()
    return [(ladder, step) for step in steps]


@dataclass(frozen=True)
class _Damage:
    """One step of one ladder, or none ("")."""

    ladder: str
    at: float

    def heard(self, prompts: Sequence[Prompt]) -> list[tuple[str, Version]]:
        """Which sound, in which version, stands in the place of each prompt's."""
        keys = [prompt.id for prompt in prompts]
        kind = LADDERS[self.ladder].works_on if self.ladder else "captions"
        if kind == "captions":
            return [(key, WHOLE) for key in keys]
        if kind == "sounds":
            return [(key, (self.ladder, self.at)) for key in keys]
        chosen = self._chosen(keys)
        if kind == "set":
            left = [key for key in _shuffled(keys) if key not in chosen]
            return [(left[-1] if key in chosen else key, WHOLE) for key in keys]
        (strongest,) = _versions(self.ladder)
        return [(key, strongest if key in chosen else WHOLE) for key in keys]

    def captions(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The prompt whose caption, and reference, each one gets. Raises UserError where all are of one source."""
        if not self.ladder or LADDERS[self.ladder].works_on != "captions":
            return list(prompts)
        chosen = self._chosen([prompt.id for prompt in prompts])
        wrong = deranged(prompts)
        return [prompts[wrong[at]] if prompt.id in chosen else prompt for at, prompt in enumerate(prompts)]

    def _chosen(self, keys: Sequence[str]) -> set[str]:
        """A seeded share of the keys, of which a larger one has all of a smaller."""
        return set(_shuffled(keys)[: round(self.at * len(keys))])


def _shuffled(keys: Sequence[str]) -> list[str]:
    import numpy as np

    return [keys[place] for place in np.random.default_rng(_SEED).permutation(len(keys))]


@dataclass(frozen=True)
class _Outcome:
    """A metric at one step, over `groups` {prompt id: its source}."""

    name: str
    direction: str
    result: MetricResult
    groups: Mapping[str, str]

    @classmethod
    def nothing(cls, told: str) -> _Outcome:
        """No value, and why."""
        return cls("", "", MetricResult(math.nan, None, None, 0.95, "none", 0, 0, {}, (told,)), {})

    @property
    def valued(self) -> bool:
        return math.isfinite(self.result.value)

    @property
    def told(self) -> str:
        return "; ".join(self.result.warnings) or "it is not a number"

    def step(self, at: float | None, base: _Outcome) -> Step:
        """This outcome as a step, with its difference to the undamaged sounds."""
        found = self.result
        step = Step(at, found.value, found.low, found.high)
        if at is None:
            return step
        changed = difference(self.name, self._record(), base._record())
        return Step(at, found.value, found.low, found.high, changed.value, changed.low, changed.high, changed.is_clear)

    def _record(self) -> Record:
        entry = as_json(self.result, self.direction, 0, "", "")
        scored = {self.name: {**entry, "per_prompt": dict(self.result.per_prompt)}}
        return Record("ladders", "success", {}, {}, "", self.groups, scored)
