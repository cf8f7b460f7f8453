"""What a Frechet distance would be with endless clips: the line through its values at smaller sizes.

A Frechet distance of n clips is too large by about c / n (Chong and Forsyth, "Effectively Unbiased FID and
Inception Score and Where to Find Them", CVPR 2020, arXiv 1911.07023; for audio Gui et al., ICASSP 2024, arXiv
2311.01616). The value at 1/n = 0 of the least-squares line through several n is free of that term.

The sizes come from cutting, not from drawing. Clips are dealt into `CELLS` folds, a source never split; the
folds, in an order given by the seed, are then cut into 1, 2, 3 and 4 equal parts. A point of the line is the
mean distance of the parts of one cut against the mean of 1 / (clips in a part). So every point sees every
clip exactly once: no clip is there twice, as in draws with replacement, which lower the rank of the covariance
and raise the distance; and no clip weighs more than another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.frechet import Factors, GroupedRows, covariance_distance

Array = NDArray[np.float64]

CELLS = 24
"""Folds that the parts are made of: the least number that 2, 3 and 4 divide, twice."""

CUTS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Extrapolation:
    """`value` at 1/n = 0, and `fit`, the R^2 of the line; `leave_outs` the values without each fold in turn;
    `sizes` and `distances` the points, `smallest` the fewest rows in any part."""

    value: float
    fit: float
    leave_outs: tuple[float, ...]
    sizes: tuple[float, ...]
    distances: tuple[float, ...]
    smallest: int


def extrapolate_frechet(
    grouped: GroupedRows, clips: NDArray[np.int64], reference: Factors, seed: int = 0
) -> Extrapolation:
    """The line through the distances to `reference` of parts of the folds; clips[f] is how many fold f holds.

    The line runs over clips, not rows: the frames of one clip say much the same. Raises ValueError on fewer
    than 2 folds for each of the smallest parts, or where a part has fewer than 2 rows.
    """
    folds = len(grouped.counts)
    if folds < 2 * max(CUTS) or len(clips) != folds:
        raise ValueError(f"{folds} folds, at least {2 * max(CUTS)} needed, and {len(clips)} counts of clips")
    order = np.random.default_rng(seed)
    parts = [list(np.array_split(order.permutation(folds), cut)) for cut in CUTS]
    whole = [[_distance(grouped, part, reference) for part in cut] for cut in parts]
    inverse = [[1.0 / float(clips[part].sum()) for part in cut] for cut in parts]
    value, fit = _line(inverse, whole)
    leave_outs = [_without(fold, parts, whole, inverse, grouped, clips, reference) for fold in range(folds)]
    return Extrapolation(
        value=value,
        fit=fit,
        leave_outs=tuple(leave_outs),
        sizes=tuple(1.0 / float(np.mean(each)) for each in inverse),
        distances=tuple(float(np.mean(each)) for each in whole),
        smallest=min(int(grouped.counts[part].sum()) for cut in parts for part in cut),
    )


def _without(
    fold: int,
    parts: Sequence[Sequence[NDArray[np.int64]]],
    whole: Sequence[Sequence[float]],
    inverse: Sequence[Sequence[float]],
    grouped: GroupedRows,
    clips: NDArray[np.int64],
    reference: Factors,
) -> float:
    """The extrapolated value without one fold: of each cut only the part that held it changes."""
    distances, inverses = [list(each) for each in whole], [list(each) for each in inverse]
    for cut, pieces in enumerate(parts):
        place = next(index for index, part in enumerate(pieces) if fold in part)
        rest = pieces[place][pieces[place] != fold]
        distances[cut][place] = _distance(grouped, rest, reference)
        inverses[cut][place] = 1.0 / float(clips[rest].sum())
    return _line(inverses, distances)[0]


def _line(inverse: Sequence[Sequence[float]], distances: Sequence[Sequence[float]]) -> tuple[float, float]:
    """(value at 0, R^2) of the least-squares line through the mean of each cut."""
    x = np.array([float(np.mean(each)) for each in inverse])
    y = np.array([float(np.mean(each)) for each in distances])
    slope, value = np.polyfit(x, y, 1)
    spread = float(np.square(y - y.mean()).sum())
    left = float(np.square(y - (value + slope * x)).sum())
    return float(value), 1.0 - left / spread if spread > 0 else 1.0


def _distance(grouped: GroupedRows, part: NDArray[np.int64], reference: Factors) -> float:
    return covariance_distance(*grouped.only(part)[:2], reference)
