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

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.special
from numpy.typing import NDArray

from evalkit.store.spill import outside

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

EXPLAINED, STARTS, ITERATIONS, PLACES, SCALING, SEED = 0.9, 5, 500, 25, 5.0, 25
FEWEST = 10
_CELLS = 4_000_000
"""Numbers of one table held at once: 32 MB."""


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
    fewest = min(len(generated), len(reference))
    if fewest < FEWEST:
        raise ValueError(f"{fewest} rows are too few to be divided into clusters ({FEWEST})")
    both = outside((len(reference) + len(generated), reference.shape[1]))
    both[: len(reference)], both[len(reference) :] = reference, generated
    if not all(np.isfinite(both[piece]).all() for piece in _pieces(both, both.shape[1])):
        raise ValueError("rows hold NaN or infinity")
    count = clusters_of(fewest)
    found = k_means(reduced(both), count, seed)
    return Clusters(found[len(reference) :], found[: len(reference)], count)


def clusters_of(fewest: int) -> int:
    """How many clusters there are where the smaller set has `fewest` rows."""
    return max(2, round(fewest / 10))


def reduced(rows: Array) -> Array:
    """The rows, each of length 1, along the fewest principal axes that carry 90 % of their variance."""
    size = rows.shape[1]
    centred, scatter = outside(rows.shape), np.zeros((size, size))
    for piece in _pieces(rows, size):
        lengths = np.linalg.norm(rows[piece], axis=1, keepdims=True)
        np.divide(rows[piece], np.where(lengths > 0, lengths, 1.0), out=centred[piece])
    centred -= centred.mean(axis=0)
    for piece in _pieces(rows, size):
        scatter += centred[piece].T @ centred[piece]
    spread, axes = np.linalg.eigh(scatter)
    spread, axes = np.maximum(spread[::-1], 0.0), axes[:, ::-1]
    carried = np.cumsum(spread) / max(float(spread.sum()), np.finfo(np.float64).tiny)
    kept = axes[:, : int(np.argmax(carried >= EXPLAINED)) + 1]
    found = outside((len(rows), kept.shape[1]))
    for piece in _pieces(rows, size):
        found[piece] = centred[piece] @ kept
    return found


def k_means(rows: Array, count: int, seed: int) -> Labels:
    """The cluster of each row, of `count`, of the best of five seeded starts at rows drawn without replacement."""
    random = np.random.default_rng(seed)
    tries = [_lloyd(rows, rows[random.choice(len(rows), count, replace=False)]) for _ in range(STARTS)]
    return min(tries, key=lambda each: each[0])[1]


def _lloyd(rows: Array, centres: Array) -> tuple[float, Labels]:
    labels = np.full(len(rows), -1)
    for _ in range(ITERATIONS):
        nearest = _nearest(rows, centres)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        counts = np.bincount(labels, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, rows)
        # A cluster that lost all its rows stays where it was.
        centres = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)
    apart = outside(rows.shape)
    for piece in _pieces(rows, rows.shape[1]):
        np.square(rows[piece] - centres[labels[piece]], out=apart[piece])
    return float(apart.sum()), labels


def _nearest(rows: Array, centres: Array) -> Labels:
    """The centre that is nearest to each row."""
    lengths, found = np.square(centres).sum(axis=1), np.empty(len(rows), dtype=np.int64)
    for piece in _pieces(rows, max(centres.shape)):
        found[piece] = (lengths - 2 * rows[piece] @ centres.T).argmin(axis=1)
    return found


def _pieces(rows: Array, width: int) -> Iterator[slice]:
    """Some rows at a time, of which so many numbers each are needed."""
    step = max(1, _CELLS // max(1, width))
    return (slice(start, start + step) for start in range(0, len(rows), step))


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
