"""Several runs held against one another, each two of them, and which prompts moved most between two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from evalkit.comparison.difference import Difference, difference
from evalkit.comparison.likeness import unlike_runs, unlike_scores
from evalkit.comparison.ranks import adjusted_p, separated
from evalkit.comparison.record import Record, number


@dataclass(frozen=True)
class Pair:
    """The runs at the places `first` and `second` in one metric: `found` is the second minus the first, with its p
    value `adjusted` for all comparisons that were asked for; where they cannot be compared both are None, and `reason`
    says why. `better` is the place of the run that is better, None where they are not separated."""

    metric: str
    direction: str
    first: int
    second: int
    found: Difference | None = None
    adjusted: float | None = None
    better: int | None = None
    reason: str = ""


def pairs(sides: Sequence[Record], metrics: Sequence[str]) -> list[Pair]:
    """Every two of the runs in every one of the metrics, metric by metric; all of it is one family for Holm."""
    met = [_met(sides, metric, *places) for metric in metrics for places in combinations(range(len(sides)), 2)]
    adjusted = iter(adjusted_p([each.found for each in met if each.found is not None]))
    return [each if each.found is None else judged(each, next(adjusted)) for each in met]


def moved(first: Record, second: Record, metric: str) -> list[tuple[str, float]]:
    """(id, second minus first) of the prompts of which both have a value, from the largest fall to the largest rise."""
    here, there = (side.metrics.get(metric, {}).get("per_prompt") or {} for side in (first, second))
    found = [(key, number(there[key]), number(here[key])) for key in here.keys() & there.keys()]
    steps = [(key, new - old) for key, new, old in found if new is not None and old is not None]
    return sorted(steps, key=lambda step: (step[1], step[0]))


def _met(sides: Sequence[Record], metric: str, first: int, second: int) -> Pair:
    one, other = sides[first], sides[second]
    scores = other.metrics.get(metric), one.metrics.get(metric)
    direction = str((scores[0] or scores[1] or {}).get("direction") or "")
    reason = unlike_runs(other, one) or unlike_scores(*scores, names=("second", "first"))
    if reason:
        return Pair(metric, direction, first, second, reason=reason.replace(", baseline ", ", the first has "))
    return Pair(metric, direction, first, second, difference(metric, other, one))


def judged(pair: Pair, adjusted: float) -> Pair:
    """A compared pair with its p value adjusted for all comparisons, and which run is better, where one is."""
    assert pair.found is not None
    better = None
    if separated(pair.found, adjusted):
        rises = (pair.found.value > 0) == (pair.direction == "higher")
        better = pair.second if rises else pair.first
    return Pair(pair.metric, pair.direction, pair.first, pair.second, pair.found, adjusted, better)
