"""Intervals around one number, where the unit that was drawn is a group of items, not an item.

Frames of one clip, and five captions of one clip, say nearly the same thing five times; an interval that
takes them as independent is too narrow. Here a group (the source of a clip) is the unit throughout.

A mean gets the clustered standard error. A statistic of the whole set, as a Frechet distance, gets the
delete-a-group jackknife: the naive bootstrap of a Frechet distance does not even contain its own estimate
(repeated clips shrink the rank), while the jackknife covered the expected estimate in 0.98 of 60 draws at
n = 500, d = 64. What an interval cannot repair is bias: a Frechet distance of few clips is too large, by
about 1/n, so n stands beside the number and only equal n compare.

No interval leaves the range of its measure (`bounds`). A statistic's is cut at the ends: the truth lies inside, so that
costs no coverage, and nothing else of the interval moves; so is that of a mean with one end, as a distance. A mean of
shares or correlations, with two ends, gets a score interval (:func:`_score_ends`), which near an end is as skewed as
the mean is (`reports/simulations.md`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.core.ids import digest_bytes
from evalkit.stats.distributions import quantile

FEWEST_GROUPS = 5
MOST_FOLDS = 25

Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-math.inf, math.inf)


@dataclass(frozen=True)
class Interval:
    """[`low`, `high`] at `level` (0.95) by `method`; `se` is the standard error that it was made from, `freedom` the
    degrees of freedom of that."""

    low: float
    high: float
    level: float
    method: str
    se: float
    freedom: int


def assign_folds(groups: Sequence[str], most: int = MOST_FOLDS) -> NDArray[np.int64]:
    """The fold of each item, (items,), in 0 .. min(most, number of groups) - 1; a group is never split.

    Groups are dealt out in the order of their names' digests: the same for any order of the items, and
    without the classes or dates that names sort by ending up in one fold.
    """
    names = sorted(set(groups), key=lambda name: digest_bytes(name.encode("utf-8", "surrogatepass")))
    fold = {name: place % most for place, name in enumerate(names)}
    return np.array([fold[name] for name in groups], dtype=np.int64)


def jackknife_interval(
    value: float, leave_outs: Sequence[float], level: float = 0.95, bounds: Bounds = UNBOUNDED
) -> Interval | None:
    """The interval of `value` from its values with each of G folds left out (Tukey 1958).

    se^2 = (G - 1) / G * sum (leave-out - their mean)^2; the half-width is the t quantile of G - 1 times se.
    No bias is corrected. None under 5 folds; ValueError where a leave-out or the value is not finite.
    """
    points = np.asarray(leave_outs, dtype=np.float64)
    if not (np.isfinite(points).all() and np.isfinite(value)):
        raise ValueError("NaN or infinity among the values")
    folds = len(points)
    if folds < FEWEST_GROUPS:
        return None
    se = float(np.sqrt((folds - 1) / folds * np.square(points - points.mean()).sum()))
    low, high = _cut(value, _t_quantile(level, folds - 1) * se, bounds)
    return Interval(low, high, level, f"jackknife over {folds} groups", se, folds - 1)


def jackknife(
    statistic: Callable[[NDArray[np.bool_]], float],
    groups: Sequence[str],
    level: float = 0.95,
    *,
    most: int = MOST_FOLDS,
) -> Interval | None:
    """The delete-a-group jackknife of any statistic of items.

    `statistic` takes a mask (items,) of the items to keep; `groups` names each item's group. None under
    5 groups.
    """
    folds = assign_folds(groups, most)
    if len(set(groups)) < FEWEST_GROUPS:
        return None
    leave_outs = [statistic(folds != fold) for fold in range(int(folds.max()) + 1)]
    return jackknife_interval(statistic(np.ones(len(groups), dtype=bool)), leave_outs, level)


def clustered_mean(
    values: Sequence[float], groups: Sequence[str], level: float = 0.95, bounds: Bounds = UNBOUNDED
) -> Interval | None:
    """The interval of the mean of `values` with `groups` as the units; its middle is the plain mean.

    se^2 = G / (G - 1) * sum over groups of (sum of the group's residuals)^2 / n^2, with the t quantile of
    G - 1 (Liang and Zeger 1986, for a mean). None under 5 groups. Raises ValueError on no
    value, on a value that is not finite, or on lengths that differ.
    """
    data = np.asarray(values, dtype=np.float64)
    if len(data) != len(groups) or not len(data):
        raise ValueError(f"{len(data)} values in {len(groups)} groups")
    if not np.isfinite(data).all():
        raise ValueError("NaN or infinity among the values")
    mean = float(data.mean())
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    count = len(names)
    if count < FEWEST_GROUPS:
        return None
    residuals = np.bincount(member, weights=data - mean)
    se = float(np.sqrt(count / (count - 1) * np.square(residuals).sum())) / len(data)
    low, high = _ends_of_mean(mean, _t_quantile(level, count - 1) * se, bounds)
    return Interval(low, high, level, f"clustered t over {count} groups", se, count - 1)


def no_spread(values: Sequence[float]) -> bool:
    """Are these the same but for rounding? Then nothing tells how they would vary, which is not that they would not."""
    data = np.asarray(values, dtype=np.float64)
    return bool(np.ptp(data) <= 1e-9 * np.abs(data).max()) if data.size else True


def _cut(value: float, reach: float, bounds: Bounds) -> tuple[float, float]:
    """The plain interval within the measure's range; it holds its value, also one that rounding put outside."""
    return min(value, max(bounds[0], value - reach)), max(value, min(bounds[1], value + reach))


def _ends_of_mean(mean: float, reach: float, bounds: Bounds) -> tuple[float, float]:
    low, high = bounds
    share = (mean - low) / (high - low) if math.isfinite(low) and math.isfinite(high) else 0.0
    return _score_ends(share, reach, bounds) if 0 < share < 1 else _cut(mean, reach, bounds)


def _score_ends(share: float, reach: float, bounds: Bounds) -> tuple[float, float]:
    """Wilson's interval of a share p of the range, of as many draws as the standard error tells of: all t with

        (p - t)^2 <= reach^2 * t (1 - t) / (p (1 - p)),

    as the error of a share shrinks towards either end (Wilson 1927; Korn and Graubard 1998 for clustered draws). It
    holds p, never leaves [0, 1], and in the middle of the range it is the plain interval.
    """
    width = bounds[1] - bounds[0]
    ratio = (reach / width) ** 2 / (share * (1 - share))
    root = math.sqrt(ratio**2 + 4 * ratio * share * (1 - share))
    ends = ((2 * share + ratio + sign * root) / (2 * (1 + ratio)) for sign in (-1, 1))
    low, high = (min(bounds[1], max(bounds[0], bounds[0] + width * end)) for end in ends)
    mean = bounds[0] + width * share
    return min(low, mean), max(high, mean)


def _t_quantile(level: float, freedom: int) -> float:
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, got {level}")
    return float(quantile((1 + level) / 2, freedom))
