"""What varies in two ways at once: a rating is of a listener and of a clip, and both were drawn.

Forty ratings of one listener, and ten ratings of one clip, say partly the same thing. An interval that takes every
rating as a draw of its own is too narrow (by half and more: `reports/simulations.md`), and so is one that clusters one
way only. The variance of a mean, or of anything that is nearly a sum over ratings, is here

    V = V(listeners) + V(clips) - V(both at once),      V(g) = G / (G - 1) * sum over groups of (sum of influences)^2

(Cameron, Gelbach and Miller, "Robust inference with multiway clustering", JBES 2011; for crossed designs of ratings,
Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 2007). By chance V may fall below one of its first two
parts; then the larger of them is taken. With few listeners the quantile is that of t, with the degrees of freedom that
Satterthwaite (1946) gives a sum of variances: those of the part that decides.

:func:`components` splits the variance itself into what belongs to clips, to listeners and to the rest.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.distributions import quantile
from evalkit.stats.intervals import Interval

Floats = NDArray[np.float64]

FEWEST = 4
"""Listeners, and clips, that an interval takes: with four it holds as promised (`reports/simulations.md`)."""


@dataclass(frozen=True)
class Error:
    """The standard error `se` of a sum of influences, with `freedom` degrees; `parts` are the numbers of groups."""

    se: float
    freedom: float
    parts: tuple[int, ...]


def places(labels: Sequence[Hashable]) -> tuple[NDArray[np.int64], int]:
    """Each label's place in the order of first sight, and how many there are."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(label, len(seen)) for label in labels], dtype=np.int64), len(seen)


def clustered_error(influences: ArrayLike, *ways: Sequence[Hashable]) -> Error | None:
    """The error of a sum of `influences`, (ratings,), clustered one way or two (`ways`: labels per rating).

    An influence is what a rating moves the estimate by: (y - mean) / n of a mean. None where a way has fewer than 2
    groups. Raises ValueError on lengths that differ, a value that is not finite, or more than two ways."""
    values = np.asarray(influences, dtype=np.float64)
    if not 1 <= len(ways) <= 2 or any(len(way) != len(values) for way in ways):
        raise ValueError(f"{len(values)} influences in clusters of {[len(way) for way in ways]}")
    if not np.isfinite(values).all():
        raise ValueError("NaN or infinity among the influences")
    members = [places(way) for way in ways]
    if not len(values) or any(count < 2 for _, count in members):
        return None
    parts = [_part(values, member, count) for member, count in members]
    total = parts[0]
    if len(ways) == 2:
        both, count = places(list(zip(*ways, strict=True)))
        total = max(parts[0] + parts[1] - _part(values, both, count), *parts)
    freedom = sum(part**2 / (count - 1) for part, (_, count) in zip(parts, members, strict=True))
    least = float(min(count for _, count in members) - 1)
    most = float(sum(count - 1 for _, count in members))
    told = min(most, max(least, total**2 / freedom)) if freedom > 0 else least
    return Error(float(np.sqrt(total)), told, tuple(count for _, count in members))


def two_way_mean(
    values: ArrayLike, listeners: Sequence[Hashable], clips: Sequence[Hashable], level: float = 0.95
) -> Interval | None:
    """The interval of the plain mean of `values`, (ratings,), for new listeners and new clips.

    None under 4 listeners or 4 clips, or where all ratings are the same, as nothing then tells how they would vary.
    """
    data = np.asarray(values, dtype=np.float64)
    if not len(data):
        raise ValueError("no rating")
    error = clustered_error((data - data.mean()) / len(data), listeners, clips)
    words = "two-way clustered t over {} listeners and {} clips"
    return interval_of(float(data.mean()), error, words, level)


def interval_of(value: float, error: Error | None, words: str, level: float = 0.95) -> Interval | None:
    """`value` with its error as an interval; `words` has a place for each number of groups. None where there is no
    error, or too few groups for one (`FEWEST` of each)."""
    if error is None or error.se <= 0 or min(error.parts) < FEWEST:
        return None
    reach = float(quantile((1 + level) / 2, error.freedom)) * error.se
    return Interval(value - reach, value + reach, level, words.format(*error.parts), error.se, int(error.freedom))


@dataclass(frozen=True)
class Components:
    """Variances of one rating: `clips` (how unlike clips are), `listeners` (how mild or strict listeners are) and
    `rest`. `cut` says that an estimate was negative and counts as 0."""

    clips: float
    listeners: float
    rest: float
    cut: bool

    def agreement(self, raters: float = 1) -> float | None:
        """ICC(2, k): the share of the variance of a mean of `raters` other listeners that is the clips'."""
        return _share(self.clips, (self.listeners + self.rest) / raters)

    def consistency(self, raters: float = 1) -> float | None:
        """ICC(3, k): the same where all clips had the same listeners, whose mildness cancels."""
        return _share(self.clips, self.rest / raters)


def components(values: ArrayLike, clips: Sequence[Hashable], listeners: Sequence[Hashable]) -> Components | None:
    """The variances by Henderson's method I (Biometrics 1953; Searle, Casella and McCulloch, "Variance Components",
    1992, section 5.3): sums of squares against their expectations, with any rating missing. Where none is, it is the
    analysis of variance, and `agreement` is the ICC(2, .) of Shrout and Fleiss (Psychological Bulletin 1979).

    None where clips and listeners cannot be told apart (each clip has listeners of its own).
    """
    data = np.asarray(values, dtype=np.float64)
    (clip, clip_count), (listener, listener_count) = places(clips), places(listeners)
    if len({len(data), len(clip), len(listener)}) > 1 or not np.isfinite(data).all():
        raise ValueError("ratings, clips and listeners are finite and equally many")
    if clip_count < 2 or listener_count < 2:
        return None
    found = _expectations(data - data.mean(), (clip, clip_count), (listener, listener_count))
    if found is None:
        return None
    of_clips, of_listeners, rest = found
    return Components(max(0.0, of_clips), max(0.0, of_listeners), max(0.0, rest), min(found) < 0)


def _expectations(
    data: Floats, clip: tuple[NDArray[np.int64], int], listener: tuple[NDArray[np.int64], int]
) -> tuple[float, float, float] | None:
    """Solve the three sums of squares, about a mean of 0, for their three variances."""
    total = len(data)
    _, cell = np.unique(clip[0] * listener[1] + listener[0], return_inverse=True)
    in_cell = np.bincount(cell).astype(float)[cell]
    sums, sizes, crossed = [], [], []
    for member, count in (clip, listener):
        size = np.bincount(member, minlength=count).astype(float)
        sums.append(float((np.bincount(member, weights=data, minlength=count) ** 2 / size).sum()))
        sizes.append(float((size**2).sum()) / total)
        crossed.append(float((in_cell / size[member]).sum()))
    matrix = [
        [total - sizes[0], crossed[0] - sizes[1], clip[1] - 1],
        [crossed[1] - sizes[0], total - sizes[1], listener[1] - 1],
        [total - sizes[0], total - sizes[1], total - 1],
    ]
    if np.linalg.matrix_rank(matrix) < 3:
        return None
    first, second, third = np.linalg.solve(matrix, [*sums, float((data**2).sum())])
    return float(first), float(second), float(third)


def _part(values: Floats, member: NDArray[np.int64], count: int) -> float:
    sums = np.bincount(member, weights=values, minlength=count)
    return count / (count - 1) * float((sums**2).sum()) if count > 1 else 0.0


def _share(of_clips: float, noise: float) -> float | None:
    return of_clips / (of_clips + noise) if of_clips + noise > 0 else None
