"""How a metric ranks clips and systems, held against how listeners rank them: two questions, never one number.

*Between* systems: do the systems' mean values stand in the order of their mean ratings? *Within* a system: of two clips
of one system, is the better rated one the better measured? Thirty systems from awful to excellent are put in order by
almost anything, which says nothing of whether the metric would notice that a model became worse; and clips pooled over
systems mix both (Simpson 1951; for text-to-speech, Cooper et al., "Generalization ability of MOS prediction networks",
2022, give both levels). So within is the mean over systems of each one's own correlation, weighted by its clips less
one.

Spearman's and Kendall's (tau-b) coefficients; *pairwise accuracy* is the share of pairs with different ratings that the
metric puts in the listeners' order, a tie of the metric counting half (Kocmi et al., "To ship or not to ship", WMT
2021)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.intervals import Interval, jackknife_interval
from evalkit.stats.raters import clip_interval
from evalkit.stats.two_way import Floats, places

FEWEST = 5
"""Clips of a system, and systems, below which a correlation is no estimate of anything."""

Coefficient = Callable[[Floats, Floats], float | None]


def spearman(metric: Floats, rating: Floats) -> float | None:
    """Spearman's rank correlation, None where either does not vary."""
    if len(metric) < 2 or np.ptp(metric) == 0 or np.ptp(rating) == 0:
        return None
    return float(np.corrcoef(scipy.stats.rankdata(metric), scipy.stats.rankdata(rating))[0, 1])


def kendall(metric: Floats, rating: Floats) -> float | None:
    """Kendall's tau-b, None where either does not vary."""
    if len(metric) < 2 or np.ptp(metric) == 0 or np.ptp(rating) == 0:
        return None
    return float(scipy.stats.kendalltau(metric, rating).statistic)


def accuracy(metric: Floats, rating: Floats) -> float | None:
    """The share of pairs with different ratings in the listeners' order, None where there is no such pair, or where the
    metric does not vary."""
    if len(metric) < 2 or np.ptp(metric) == 0:
        return None
    right = total = 0.0
    for at in range(len(metric) - 1):
        ahead = np.sign(rating[at + 1 :] - rating[at])
        told = ahead != 0
        agrees = np.sign(metric[at + 1 :] - metric[at])[told] * ahead[told]
        right += float((agrees + 1).sum()) / 2
        total += len(agrees)
    return right / total if total else None


COEFFICIENTS: dict[str, Coefficient] = {"spearman": spearman, "kendall": kendall, "accuracy": accuracy}


@dataclass(frozen=True)
class Figure:
    """A coefficient and its interval; either is None where it cannot be had."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Agreement:
    """`between` and `within` by the names of :data:`COEFFICIENTS`, over `systems` systems, of which `several` have
    enough clips for a correlation of their own, and `clips` clips."""

    between: dict[str, Figure]
    within: dict[str, Figure]
    systems: int
    several: int
    clips: int


def agreement(
    metric: ArrayLike, ratings: ArrayLike, systems: Sequence[str], clusters: Sequence[str], level: float = 0.95
) -> Agreement:
    """Of one value of the metric and one mean rating per clip, (clips,), higher being better in both.

    `clusters` names what clips have in common (the prompt, or the clip itself). The interval of `within` leaves
    clusters out; that of `between` systems, as these were drawn. Raises ValueError on lengths that differ or values not
    finite."""
    first, second = np.asarray(metric, dtype=np.float64), np.asarray(ratings, dtype=np.float64)
    if len({len(first), len(second), len(systems), len(clusters)}) > 1:
        raise ValueError("metric, ratings, systems and clusters are equally many")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("NaN or infinity among metric or ratings")
    member, count = places(systems)
    several = int((np.bincount(member, minlength=count) >= FEWEST).sum()) if count else 0
    between, within = {}, {}
    for name, coefficient in COEFFICIENTS.items():
        between[name] = _between(first, second, member, count, coefficient, level)

        def inner(keep: NDArray[np.bool_], how: Coefficient = coefficient) -> float | None:
            return _within(first[keep], second[keep], member[keep], count, how)

        every = np.ones(len(first), dtype=bool)
        within[name] = Figure(inner(every), _inside(clip_interval(inner, clusters, level), name))
    return Agreement(between, within, count, several, len(first))


def _between(
    metric: Floats, rating: Floats, member: NDArray[np.int64], count: int, how: Coefficient, level: float
) -> Figure:
    if count < FEWEST:
        return Figure(None, None)
    sizes = np.bincount(member, minlength=count)
    first, second = (np.bincount(member, weights=each, minlength=count) / sizes for each in (metric, rating))
    value = how(first, second)
    each = [how(np.delete(first, at), np.delete(second, at)) for at in range(count)]
    told = [one for one in each if one is not None]
    if value is None or len(told) < count:
        return Figure(value, None)
    return Figure(value, _inside(jackknife_interval(value, told, level), how.__name__))


def _within(metric: Floats, rating: Floats, member: NDArray[np.int64], count: int, how: Coefficient) -> float | None:
    values, weights = [], []
    for system in range(count):
        own = member == system
        if int(own.sum()) < FEWEST:
            continue
        value = how(metric[own], rating[own])
        if value is not None:
            values.append(value)
            weights.append(float(own.sum()) - 1)
    return float(np.average(values, weights=weights)) if values else None


def _inside(found: Interval | None, name: str) -> Interval | None:
    """No interval leaves the range of its coefficient."""
    if found is None:
        return None
    least = 0.0 if name == "accuracy" else -1.0
    return Interval(max(least, found.low), min(1.0, found.high), found.level, found.method, found.se, found.freedom)
