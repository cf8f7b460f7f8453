"""Few ears, many numbers: ratings of some clips, combined with a metric of all of them.

    estimate = a * (mean of f over the N unrated clips) + mean of (y - a * f) over the n rated ones

with y a clip's rating and f its metric; whatever f is, the estimate is as unbiased as the ratings' own mean, as f only
takes variance away. The weight is a = cov(y, f) / ((1 + n / N) * var f), with which the variance is that of the
ratings' mean times 1 - r^2 * N / (N + n), r being their correlation (Angelopoulos, Duchi and Zrnic, "PPI++", arXiv
2311.01453, section 6; a survey sampler's regression estimate, Cochran 1977, chapter 7). At r = 0.6 and endless N that
saves a third of the ratings and a fifth of the interval; below, it is hardly worth the second number."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.distributions import quantile
from evalkit.stats.intervals import FEWEST_GROUPS, Interval
from evalkit.stats.two_way import clustered_error, places

HELPS_FROM = 0.6
"""The correlation below which a combination is said not to help."""


@dataclass(frozen=True)
class Powered:
    """`value` with its `interval` (None under 5 rated clips), beside `plain`, the interval of the ratings' mean alone
    (of `mean`). `correlation` is that of clips' mean ratings with the metric; `effective` is how many ratings without
    the metric would be as good as the `ratings` there are; `rated` and `unrated` count clips."""

    value: float
    interval: Interval | None
    mean: float
    plain: Interval | None
    correlation: float | None
    weight: float
    ratings: int
    effective: float
    rated: int
    unrated: int

    @property
    def helps(self) -> bool:
        return self.correlation is not None and abs(self.correlation) >= HELPS_FROM and self.effective > self.ratings


def powered_mean(
    ratings: ArrayLike,
    clips: Sequence[Hashable],
    listeners: Sequence[Hashable] | None,
    rated: ArrayLike,
    unrated: ArrayLike,
    level: float = 0.95,
) -> Powered:
    """The mean rating of all clips, from `ratings` of some of them and the metric of all.

    `ratings`, (ratings,), each of the clip and by the listener named at its place (None: not known who, and the
    interval is over clips alone). `rated`, (clips,), is the metric of the rated clips in the order of first sight;
    `unrated` that of the others. Every clip weighs the same. Raises ValueError on lengths that differ or values that
    are not finite."""
    data, own, rest = (np.asarray(each, dtype=np.float64) for each in (ratings, rated, unrated))
    clip, count = places(clips)
    if len(clip) != len(data) or count != len(own) or not count:
        raise ValueError(f"{len(data)} ratings of {count} clips, {len(own)} of which have a metric")
    if not all(np.isfinite(each).all() for each in (data, own, rest)):
        raise ValueError("NaN or infinity among ratings or metric")
    sizes = np.bincount(clip)
    means = np.bincount(clip, weights=data) / sizes
    weight, correlation = _weight(means, own, rest)
    ahead = float(rest.mean()) if len(rest) else float(own.mean())
    value = weight * ahead + float((means - weight * own).mean())
    each = 1.0 / (sizes[clip] * count)
    plain = _error(data - means.mean(), each, clips, listeners)
    corrected = (means - weight * own).mean()
    residual = _error(data - weight * own[clip] - corrected, each, clips, listeners)
    of_metric = weight**2 * float(rest.var(ddof=1)) / len(rest) if len(rest) > 1 else 0.0
    saved = 1 - correlation**2 * len(rest) / (len(rest) + count) if correlation is not None and len(rest) else 1.0
    effective = len(data) / saved if saved > 0 else math.inf
    return Powered(
        value,
        _interval(value, residual, of_metric, level),
        float(means.mean()),
        _interval(float(means.mean()), plain, 0.0, level),
        correlation,
        weight,
        len(data),
        effective,
        count,
        len(rest),
    )


def _weight(means: np.ndarray, own: np.ndarray, rest: np.ndarray) -> tuple[float, float | None]:
    """The metric's variance is that of all clips, as in the authors' package."""
    if len(own) < 3 or not len(rest) or own.std() == 0 or means.std() == 0:
        return 0.0, None
    covariance = np.cov(means, own, ddof=1)
    correlation = float(np.clip(covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1]), -1, 1))
    every = float(np.concatenate([own, rest]).var(ddof=1))
    return float(covariance[0, 1] / every / (1 + len(own) / len(rest))), correlation


def _error(
    residuals: np.ndarray, weights: np.ndarray, clips: Sequence[Hashable], listeners: Sequence[Hashable] | None
) -> tuple[float, float, int] | None:
    """Variance, degrees and fewest groups of a weighted sum of residuals."""
    error = clustered_error(residuals * weights, *([clips] if listeners is None else [listeners, clips]))
    return None if error is None else (error.se**2, error.freedom, min(error.parts))


def _interval(value: float, error: tuple[float, float, int] | None, beside: float, level: float) -> Interval | None:
    if error is None or error[2] < FEWEST_GROUPS or error[0] + beside <= 0:
        return None
    se = math.sqrt(error[0] + beside)
    reach = float(quantile((1 + level) / 2, error[1])) * se
    return Interval(value - reach, value + reach, level, "prediction-powered t", se, int(error[1]))


def more_to_decide(value: float, se: float, ratings: int, power: float = 0.8, level: float = 0.95) -> float | None:
    """How many more ratings would find a difference of this size with probability `power`, of clips and listeners in
    the same proportion: (z + z')^2 se^2 / value^2 times as many there are, less these. None where `value` is 0."""
    if value == 0:
        return None
    reach = float(quantile((1 + level) / 2) + quantile(power))
    return max(0.0, ratings * ((reach * se / value) ** 2 - 1))
