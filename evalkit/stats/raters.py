"""How far raters agree, and what that leaves for anything that is compared with them.

Krippendorff's alpha is 1 minus the disagreement within clips over the disagreement of ratings drawn from all clips
(Krippendorff, "Content Analysis", 4th ed., chapter 12; "Computing Krippendorff's alpha-reliability", 2011): any number
of raters, any rating missing. The reliability of the mean of k raters follows from that of one by Spearman and Brown's
k r / (1 + (k - 1) r), and no measure without noise correlates with such a mean by more than the root of it (Spearman
1904): the *ceiling*. A metric at 0.8 of listeners whose ceiling is 0.85 has little left to gain."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats import variance
from evalkit.stats.intervals import FEWEST_GROUPS, Interval, assign_folds, jackknife_interval
from evalkit.stats.two_way import components, places

Floats = NDArray[np.float64]
LEVELS = ("nominal", "ordinal", "interval")


def krippendorff_alpha(values: ArrayLike, clips: Sequence[Hashable], level: str = "interval") -> float | None:
    """Alpha of `values`, (ratings,), of the clip named at each place; clips of a single rating count for nothing.

    `level`: "nominal" (names), "ordinal" (order alone) or "interval" (distances). None where nothing can be paired, or
    all ratings are the same. Raises ValueError on another level, lengths that differ, or values that are not finite.
    """
    if level not in LEVELS:
        raise ValueError(f"a level is one of {', '.join(LEVELS)}, not {level!r}")
    data = np.asarray(values, dtype=np.float64)
    if len(data) != len(clips) or not np.isfinite(data).all():
        raise ValueError("ratings and clips are finite and equally many")
    clip, count = places(clips)
    if not len(data):
        return None
    paired = np.bincount(clip, minlength=count)[clip] >= 2
    if not paired.any():
        return None
    data, (clip, count) = data[paired], places(clip[paired].tolist())
    kinds, kind = np.unique(data, return_inverse=True)
    table = np.zeros((count, len(kinds)))
    np.add.at(table, (clip, kind), 1.0)
    return _alpha(table, _distances(kinds, table.sum(axis=0), level))


def _distances(kinds: Floats, counts: Floats, level: str) -> Floats:
    """Squared differences of each two values, as the level counts them."""
    if level == "nominal":
        return 1.0 - np.eye(len(kinds))
    scale = kinds if level == "interval" else np.cumsum(counts) - counts / 2
    return np.square(scale[:, None] - scale[None, :])


def _alpha(table: Floats, distances: Floats) -> float | None:
    """`table` (clips, values) counts the ratings; a clip of m of them weighs each of its pairs 1 / (m - 1)."""
    sizes = table.sum(axis=1)
    within = float((((table @ distances) * table).sum(axis=1) / (sizes - 1)).sum())
    counts = table.sum(axis=0)
    expected = float(counts @ distances @ counts) / (counts.sum() - 1)
    return 1 - within / expected if expected > 0 else None


def spearman_brown(single: float, raters: float) -> float:
    """The reliability of a mean of `raters`, from that of one (at least -1 / (raters - 1), below which there is
    none)."""
    below = 1 + (raters - 1) * single
    return raters * single / below if below > 0 else 0.0


@dataclass(frozen=True)
class Reliability:
    """Of the mean of `raters` a clip (their harmonic mean where clips differ), over `clips`: `value` with its
    `interval` over clips (None under 5), and `single`, that of one rater. `ceiling` is what nothing can correlate
    beyond."""

    single: float
    value: float
    interval: Interval | None
    raters: float
    clips: int

    @property
    def ceiling(self) -> float:
        return math.sqrt(max(0.0, self.value))


def reliability(values: ArrayLike, clips: Sequence[Hashable], level: float = 0.95) -> Reliability | None:
    """ICC(1) and ICC(1, k): who rated need not be known, a rater's mildness counts as noise (Shrout and Fleiss 1979).

    The interval is the jackknife's over clips, of the logarithm of 1 minus the reliability, which is nearly normal
    where the reliability itself is not (Fisher 1921). None where no clip has two ratings, or nothing varies."""
    data, names = np.asarray(values, dtype=np.float64), [str(clip) for clip in clips]
    found = _one_way(data, names)
    if found is None:
        return None
    single, raters = found
    value = spearman_brown(single, raters)
    folds = assign_folds(names)
    interval = None
    if len(set(names)) >= FEWEST_GROUPS and value < 1:
        each = [_one_way(data[folds != fold], _kept(names, folds != fold)) for fold in range(int(folds.max()) + 1)]
        shares = [spearman_brown(one[0], raters) for one in each if one is not None]
        if len(shares) == len(each) and max(shares) < 1:
            interval = _of_logarithm(value, shares, level)
    return Reliability(single, value, interval, raters, len(set(names)))


def _of_logarithm(value: float, shares: Sequence[float], level: float) -> Interval | None:
    found = jackknife_interval(math.log1p(-value), [math.log1p(-share) for share in shares], level)
    if found is None:
        return None
    low, high = -math.expm1(found.high), -math.expm1(found.low)
    return Interval(low, high, level, found.method, found.se * (1 - value), found.freedom)


def _one_way(data: Floats, clips: Sequence[str]) -> tuple[float, float] | None:
    """ICC(1) as the mean squares give it, without cutting at 0, and the harmonic mean of the ratings a clip."""
    sizes = np.bincount(places(clips)[0]) if len(clips) else np.zeros(0)
    found = variance.components(data.tolist(), clips)
    if found is None or found.within + found.between <= 0:
        return None
    return found.between / (found.between + found.within), len(sizes) / float((1 / sizes).sum())


def _kept(names: Sequence[str], mask: NDArray[np.bool_]) -> list[str]:
    return [name for name, keep in zip(names, mask, strict=True) if keep]


def clip_interval(
    statistic: Callable[[NDArray[np.bool_]], float | None], clips: Sequence[str], level: float = 0.95
) -> Interval | None:
    """The jackknife over clips of any statistic of ratings; None where it has no value, or there are under 5 clips."""
    if len(set(clips)) < FEWEST_GROUPS:
        return None
    folds = assign_folds(clips)
    whole = statistic(np.ones(len(clips), dtype=bool))
    each = [statistic(folds != fold) for fold in range(int(folds.max()) + 1)]
    told = [one for one in each if one is not None]
    return None if whole is None or len(told) < len(each) else jackknife_interval(whole, told, level)


def two_way_icc(
    values: ArrayLike, clips: Sequence[Hashable], listeners: Sequence[Hashable], raters: float = 1
) -> float | None:
    """ICC(2, k), where listeners are known: None where they cannot be told from clips."""
    found = components(values, clips, listeners)
    return None if found is None else found.agreement(raters)
