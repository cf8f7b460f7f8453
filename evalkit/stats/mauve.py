"""MAUVE: the area under the frontier of two divergences between two sets, as histograms over common clusters.

With p and q the histograms and r = w p + (1 - w) q, a point of the frontier is

    ( exp(-5 KL(q || r)), exp(-5 KL(p || r)) ),   w at 25 places between 1e-6 and 1 - 1e-6,

between the ends (1, 0) and (0, 1); the score is the area under it, the mean of the two areas that the trapezoid rule
gives along either axis: 1 where the two are the same, some thousandths where they share no cluster (Pillutla et al.,
"MAUVE", NeurIPS 2021, arXiv 2102.01454; the settings are the defaults of mauve-text).

The clusters are those of both sets together: rows of length 1, turned onto the axes that carry 90 % of the variance,
and k-means with a tenth as many clusters as the smaller set has rows, the best of five starts. mauve-text draws its
starts in faiss; here they are drawn by numpy from a seed, so the two agree as far as their clusters do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.special
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

EXPLAINED, STARTS, ITERATIONS, PLACES, SCALING, SEED = 0.9, 5, 500, 25, 5.0, 25
FEWEST = 10


@dataclass(frozen=True)
class Clusters:
    """The cluster of each row of the two sets, of `count`."""

    generated: Labels
    reference: Labels
    count: int

    def score(self) -> float:
        """MAUVE of the two sets."""
        return mauve(histogram(self.generated, self.count), histogram(self.reference, self.count))


def clusters(generated: NDArray[np.floating], reference: NDArray[np.floating], seed: int = SEED) -> Clusters:
    """Common clusters of the rows (n, d) and (m, d), at least `FEWEST` of either. Raises ValueError for fewer, or
    values that are not finite."""
    sets = [np.asarray(each, dtype=np.float64) for each in (generated, reference)]
    fewest = min(map(len, sets))
    if fewest < FEWEST:
        raise ValueError(f"{fewest} rows are too few to be divided into clusters ({FEWEST})")
    if not all(np.isfinite(each).all() for each in sets):
        raise ValueError("rows hold NaN or infinity")
    count = max(2, round(fewest / 10))
    found = k_means(reduced(np.concatenate(sets[::-1])), count, seed)
    return Clusters(found[len(sets[1]) :], found[: len(sets[1])], count)


def reduced(rows: Array) -> Array:
    """The rows, each of length 1, along the fewest principal axes that carry 90 % of their variance."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    centred = rows / np.where(lengths > 0, lengths, 1.0)
    centred = centred - centred.mean(axis=0)
    left, spread, _ = np.linalg.svd(centred, full_matrices=False)
    carried = np.cumsum(spread**2) / max(float((spread**2).sum()), np.finfo(np.float64).tiny)
    axes = int(np.argmax(carried >= EXPLAINED)) + 1
    return np.asarray(left[:, :axes] * spread[:axes])


def k_means(rows: Array, count: int, seed: int) -> Labels:
    """The cluster of each row, of `count`, of the best of five seeded starts at rows drawn without replacement."""
    random = np.random.default_rng(seed)
    tries = [_lloyd(rows, rows[random.choice(len(rows), count, replace=False)]) for _ in range(STARTS)]
    return min(tries, key=lambda each: each[0])[1]


def _lloyd(rows: Array, centres: Array) -> tuple[float, Labels]:
    labels = np.full(len(rows), -1)
    for _ in range(ITERATIONS):
        distances = (centres**2).sum(axis=1) - 2 * rows @ centres.T
        nearest = distances.argmin(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        counts = np.bincount(labels, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, rows)
        # A cluster that lost all its rows stays where it was.
        centres = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)
    return float(((rows - centres[labels]) ** 2).sum()), labels


def histogram(labels: Labels, count: int) -> Array:
    """The share of each cluster, (count,)."""
    return np.asarray(np.bincount(labels, minlength=count) / len(labels))


def mauve(p: Array, q: Array) -> float:
    """The area under the frontier of two histograms, in (0, 1]."""
    points = [(1.0, 0.0), (0.0, 1.0)]
    for w in np.linspace(1e-6, 1 - 1e-6, PLACES):
        r = w * p + (1 - w) * q
        points.append((np.exp(-SCALING * _divergence(q, r)), np.exp(-SCALING * _divergence(p, r))))
    x, y = np.array(points).T
    # Of places at one x the frontier's highest comes first: mauve-text leaves that to the sort, and gives two equal
    # histograms 0.75.
    orders = np.lexsort((-y, x)), np.lexsort((-x, y))
    return float(np.trapezoid(y[orders[0]], x[orders[0]]) + np.trapezoid(x[orders[1]], y[orders[1]])) / 2


def _divergence(p: Array, r: Array) -> float:
    return float(scipy.special.rel_entr(p, r).sum())
