"""Several runs held against one another, each two of them, and which prompts moved most between two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from evalkit.comparison.difference import Difference
from evalkit.comparison.family import Meeting, judged, meet
from evalkit.comparison.record import Record, number

NAMES = ("the second", "the first")
"""What the two of a pair are called, the one that is looked at first."""


@dataclass(frozen=True)
class Pair:
    """The runs at the places `first` and `second` in one metric: `found` is the second minus the first, with its p
    value `adjusted` for all comparisons that were asked for; where they cannot be compared both are None, and `reason`
    says why. `better` is the place of the run that is better, None where they are not separated; `told` says how many
    sounds failed on either side, where any did, and what was compared."""

    metric: str
    direction: str
    first: int
    second: int
    found: Difference | None = None
    adjusted: float | None = None
    better: int | None = None
    reason: str = ""
    told: str = ""


def pairs(sides: Sequence[Record], metrics: Sequence[str]) -> list[Pair]:
    """Every two of the runs in every one of the metrics, metric by metric; all of it is one family for Holm."""
    places = [(metric, *two) for metric in metrics for two in combinations(range(len(sides)), 2)]
    met = judged([meet(metric, sides[second], sides[first], NAMES) for metric, first, second in places])
    return [pair_of(each, first, second) for each, (_, first, second) in zip(met, places, strict=True)]


def pair_of(met: Meeting, first: int, second: int) -> Pair:
    """A meeting of the second run with the first, by their places."""
    better = None if met.better is None else second if met.better else first
    return Pair(
        met.metric, met.direction, first, second, met.found, met.adjusted, better, met.reason, met.told
    )  # fmt: skip


def moved(first: Record, second: Record, metric: str) -> list[tuple[str, float]]:
    """(id, second minus first) of the prompts of which both have a value, from the largest fall to the largest rise."""
    here, there = (side.metrics.get(metric, {}).get("per_prompt") or {} for side in (first, second))
    found = [(key, number(there[key]), number(here[key])) for key in here.keys() & there.keys()]
    steps = [(key, new - old) for key, new, old in found if new is not None and old is not None]
    return sorted(steps, key=lambda step: (step[1], step[0]))
