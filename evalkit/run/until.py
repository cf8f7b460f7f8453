"""A run that ends when what it was made for is decided: `evalkit run --until-decided BASELINE`.

Prompts are made block after block, in an order drawn from their names, in the batches that a whole run has them in, so
that whatever is made is what the whole run would have made. After each block the metrics that are means of prompts are
computed for the new sounds, and the differences to the baseline looked at by `comparison.early`. Once every such metric
of the gate (of those that `--gate` names, where it does) is decided the rest is not made: run.json says `decided`, with
what was found, how many prompts failed and how much is missing, and neither report nor check takes it for a finished
run. A distance of sets is judged on whole runs alone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from evalkit.comparison.difference import is_mean_of_prompts
from evalkit.comparison.early import Decision, decided, drawn
from evalkit.comparison.likeness import SCORE_KEYS, SUITE_KEYS
from evalkit.comparison.record import Record
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.text import count
from evalkit.run.baseline import read_side
from evalkit.run.gate import unjudged
from evalkit.run.gates import require_fit, tolerance_of
from evalkit.run.plan import Item, Plan
from evalkit.run.progress import Silent
from evalkit.run.score import Scoring, embed_all, score_all
from evalkit.store.ledger import Ledger

_LEAST, _BLOCKS = 16, 20
"""Prompts of a block, and how many blocks there are where that makes them larger."""


def baseline_of(plan: Plan) -> Record | None:
    """The baseline that the run goes on against, None where it goes to the end.

    Raises UserError where it is none for this run: of another suite, of other prompts, or without a mean of prompts.
    """
    path = plan.config.until
    if path is None:
        return None
    baseline = read_side(path)
    if plan.generator is None:
        raise UserError("--until-decided: these sounds are made already", "evalkit check --stop-early judges them so")
    suite = {key: getattr(plan.suite, key, None) for key in SUITE_KEYS}
    other = [words for key, words in SUITE_KEYS.items() if baseline.suite.get(key) != suite[key]]
    mine, theirs = {item.prompt.id for item in plan.items}, set(baseline.groups)
    lost = max((int(score.get("n_failed") or 0) for score in baseline.metrics.values()), default=0)
    if baseline.changed:
        raise UserError(f"{path}: was changed since evalkit wrote it", "make it again: evalkit check RUN --save")
    if other:
        raise UserError(f"{path}: is a baseline of another {other[0]}, so nothing could be decided")
    if not theirs <= mine or len(mine - theirs) > lost:
        raise UserError(
            f"{path}: has {count(len(theirs), 'prompt')}, and this run {len(mine)}, so nothing could be decided"
        )
    if baseline.samples != plan.config.samples:
        raise UserError(f"{path}: has {count(baseline.samples, 'sound')} a prompt, and this run {plan.config.samples}")
    known = {*plan.suite.metrics, *baseline.metrics}
    for gate in plan.config.gates:
        if gate.metric not in known:
            raise unknown_name("metric of this suite or baseline", gate.metric, known)
    require_fit([gate for gate in plan.config.gates if gate.metric in baseline.metrics], baseline, baseline)
    if not _means(plan, baseline):
        raise UserError(f"{path}: no metric of the gate is a mean of prompts, and only those are decided early")
    return baseline


def _means(plan: Plan, baseline: Record) -> list[str]:
    """The metrics that may be decided early: of those that a gate judges, the means of prompts."""
    judged = [name for name in plan.suite.metrics if name in baseline.metrics and name in _judged(plan, baseline)]
    return [name for name in judged if is_mean_of_prompts(baseline.metrics[name], baseline.samples)]


def _judged(plan: Plan, baseline: Record) -> set[str]:
    """The metrics whose change is judged: those that a `--gate` names, or where there is none, the headline metrics."""
    if plan.config.gates:
        return {gate.metric for gate in plan.config.gates if gate.kind != "bound"}
    return baseline.metrics.keys() - unjudged(baseline)


def blocks_of(plan: Plan) -> list[list[Sequence[Item]]]:
    """The batches in blocks, prompts whole: every sound of a prompt is in its block."""
    rounds = len(plan.batches) // plan.config.samples
    together = {str(plan.batches[place][0].prompt.id): plan.batches[place::rounds] for place in range(rounds)}
    least = max(_LEAST, math.ceil(len(plan.items) / plan.config.samples / _BLOCKS))
    blocks: list[list[Sequence[Item]]] = []
    prompts = least
    for first in drawn(together):
        if prompts >= least:
            blocks.append([])
            prompts = 0
        blocks[-1] += together[first]
        prompts += len(together[first][0])
    return blocks


@dataclass
class Watch:
    """Looks at a run while it is made. `whole` is what the run is scored with in the end; `ways` are the decisions so
    far."""

    plan: Plan
    baseline: Record
    blocks: Sequence[Sequence[Sequence[Item]]]
    whole: Scoring
    ledger: Ledger
    ways: dict[str, Decision] = field(default_factory=dict)
    _seen: int = 0
    _values: dict[str, dict[str, float]] = field(default_factory=dict)
    _order: dict[str, None] = field(default_factory=dict)

    def enough(self, made: Collection[str]) -> bool:
        """Is everything decided by the blocks whose items' keys are all `made`?"""
        while self._seen < len(self.blocks) and not self.settled:
            items = [item for batch in self.blocks[self._seen] for item in batch]
            if any(item.key not in made for item in items):
                break
            self._seen += 1
            self._look(items)
        return self.settled

    @property
    def settled(self) -> bool:
        return bool(self.ways) and all(each.way for each in self.ways.values())

    def told(self, made: Collection[str]) -> dict[str, Any]:
        """What run.json says of it, once the sounds with these keys are `made`."""
        self.enough(made)
        ways = {name: asdict(each) for name, each in self.ways.items()}
        judged = _judged(self.plan, self.baseline)
        sets = [name for name in self.plan.suite.metrics if name in judged and name not in self.ways]
        gates = self.plan.config.gates
        return {
            "baseline": self.baseline.source,
            "gates": [gate.text for gate in gates],
            "not_made": len(self.plan.items) - len(made),
            "metrics": ways,
            "failed": {name: self._failed(name) for name in ways if any(self._failed(name).values())},
            "at_the_end": [*sets, *(gate.text for gate in gates if gate.kind == "bound")],
        }

    def _failed(self, name: str) -> dict[str, int]:
        """How many of the prompts that were looked at have no value, on either side."""
        sides = {"run": self._values[name], "baseline": self.baseline.metrics[name]["per_prompt"]}
        return {side: sum(prompt not in values for prompt in self._order) for side, values in sides.items()}

    def _look(self, items: Sequence[Item]) -> None:
        chosen = {name: self.plan.suite.metrics[name] for name in _means(self.plan, self.baseline)}
        part = replace(self.plan, items=items, suite=replace(self.plan.suite, metrics=chosen))
        records = {item.key: self.ledger.records[item.key] for item in items}
        shops = {each.weights: self.whole.workshops[each.weights] for each in chosen.values()}
        metrics = {name: metric for name, metric in self.whole.metrics.items() if name in chosen}
        scoring = replace(self.whole, plan=part, records=records, workshops=shops, metrics=metrics)
        embeddings = embed_all(scoring, Silent())
        scored = score_all(scoring, embeddings)
        for name, entry in scored.scores.items():
            self._require_alike(name, {**entry, "embedder": embeddings[chosen[name].weights].identity.key})
            by_prompt: dict[str, list[float]] = {}
            for item in items:
                if item.name in scored.per_prompt[name]:
                    by_prompt.setdefault(item.prompt.id, []).append(scored.per_prompt[name][item.name])
            values = self._values.setdefault(name, {})
            values.update({prompt: math.fsum(each) / len(each) for prompt, each in by_prompt.items()})
        self._order.update(dict.fromkeys(item.prompt.id for item in items))
        for name in chosen:
            if name not in self.ways or not self.ways[name].way:
                self._decide(name)

    def _decide(self, name: str) -> None:
        """Over the sources of which nothing is missing, in the order in which they were made."""
        base, here = self.baseline.metrics[name]["per_prompt"], self._values[name]
        groups = {item.prompt.id: item.prompt.group for item in self.plan.items}
        open_sources = {groups[prompt] for prompt in groups if prompt not in self._order}
        ids = [i for i in self._order if i in base and i in here and groups[i] not in open_sources]
        if ids:
            order, direction = [groups[i] for i in ids], str(self.baseline.metrics[name]["direction"])
            differences = {i: here[i] - base[i] for i in ids}
            planned, tolerance = len(set(groups.values())), self._tolerances.get(name, 0.0)
            self.ways[name] = decided(differences, groups, direction, tolerance, planned=planned, order=order)

    @property
    def _tolerances(self) -> dict[str, float]:
        """By metric, the loss that its gate accepts."""
        changes = [gate for gate in self.plan.config.gates if gate.kind != "bound"]
        return {gate.metric: tolerance_of(gate, self.baseline) for gate in changes}

    def _require_alike(self, name: str, entry: Mapping[str, Any]) -> None:
        base = self.baseline.metrics[name]
        other = [words for key, words in SCORE_KEYS.items() if base.get(key) != entry.get(key)]
        if other:
            raise UserError(f"--until-decided: {name} has another {other[0]} than in {self.baseline.source}")


def watch_on(whole: Scoring, ledger: Ledger) -> Watch | None:
    """A watch on the run that `whole` is to score, None where that goes to the end. Its plan has the batches in the
    order of the looks."""
    baseline = baseline_of(whole.plan)
    if baseline is None:
        return None
    blocks = blocks_of(whole.plan)
    ordered = replace(whole.plan, batches=[batch for block in blocks for batch in block])
    return Watch(ordered, baseline, blocks, whole, ledger)
