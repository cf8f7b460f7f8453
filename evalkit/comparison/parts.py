"""Scores of a part of the prompts, and the difference of two runs in it.

Only what is the mean of a value per prompt can be told of a part: with the interval of a mean over sources, and of two
runs as the paired difference over the prompts of which both have a value. A distance of sets moves with n, and the
files of a run do not hold what one of a part would take.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from evalkit.comparison.difference import Difference, difference, is_mean_of_prompts
from evalkit.comparison.family import Meeting, judged
from evalkit.comparison.likeness import unlike
from evalkit.comparison.pairs import NAMES, Pair, pair_of
from evalkit.comparison.record import Record


@dataclass(frozen=True)
class Mean:
    """The mean of a metric over the `n` prompts of a part that have a value (None where there is none), with its ends
    (None where no interval can be had)."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class PartPair:
    """Two runs in one metric in one part, over the `n` prompts of which both have a value."""

    part: str
    pair: Pair
    n: int


def can_be_parted(side: Record, metric: str) -> bool:
    """Is the run's value of this metric the mean of values by prompt?"""
    score = side.metrics.get(metric)
    return score is not None and is_mean_of_prompts(score, side.samples)


def mean_of_part(side: Record, metric: str, ids: Collection[str], bounds: tuple[float, float]) -> Mean:
    """The mean over those of the prompts `ids` that have a value; `bounds` are the ends of the measure's range."""
    from evalkit.stats.intervals import clustered_mean, no_spread

    found = side.metrics[metric]["per_prompt"]
    keys = [key for key in found if key in ids]
    values = [float(found[key]) for key in keys]
    if not values:
        return Mean(None, None, None, 0)
    sources = [side.groups.get(key, key) for key in keys]
    ends = None if no_spread(values) else clustered_mean(values, sources, bounds=bounds)
    low, high = (ends.low, ends.high) if ends else (None, None)
    return Mean(math.fsum(values) / len(values), low, high, len(values))


def difference_in_part(
    metric: str, run: Record, baseline: Record, ids: Collection[str]
) -> tuple[Difference | None, int]:
    """`run` minus `baseline` over the prompts `ids` of which both have a value, and how many these are; None where
    there are none."""
    here, there = (side.metrics[metric]["per_prompt"].keys() for side in (run, baseline))
    common = {key for key in ids if key in here and key in there}
    if not common:
        return None, 0
    return difference(metric, _within(run, metric, common), _within(baseline, metric, common)), len(common)


def pairs_by_part(
    sides: Sequence[Record], metrics: Sequence[str], parts: Mapping[str, Collection[str]]
) -> list[PartPair]:
    """Every two runs in every metric in every part; all of it is one family for Holm. A difference is the second run
    minus the first. Metrics of which one of the two has no mean of prompts are not among them."""
    places: list[tuple[str, int, int, int]] = []
    met: list[Meeting] = []
    for metric in metrics:
        for first, second in combinations(range(len(sides)), 2):
            one, other = sides[first], sides[second]
            if not can_be_parted(one, metric) or not can_be_parted(other, metric):
                continue
            direction, reason = str(other.metrics[metric].get("direction") or ""), unlike(metric, other, one, NAMES)
            for part, ids in parts.items():
                found, n = (None, 0) if reason else difference_in_part(metric, other, one, ids)
                why = reason or ("" if found is not None else "no prompt of it has a value of both")
                met.append(Meeting(metric, direction, found, why))
                places.append((part, first, second, n))
    return [
        PartPair(part, pair_of(each, first, second), n)
        for each, (part, first, second, n) in zip(judged(met), places, strict=True)
    ]


def _within(side: Record, metric: str, ids: Collection[str]) -> Record:
    """The side as if it had these prompts alone; what belongs to all of them (its folds, its error) is gone."""
    values = {key: value for key, value in side.metrics[metric]["per_prompt"].items() if key in ids}
    mean = math.fsum(values.values()) / len(values) if values else math.nan
    score = {"value": mean, "per_prompt": values, "n": len(values), "n_failed": None}
    return replace(side, metrics={metric: score})
