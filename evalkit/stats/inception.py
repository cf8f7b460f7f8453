"""The inception score of rows of class probabilities.

    IS = exp( mean over rows of KL(p || mean p) ) = exp( H(mean p) - mean H(p) ),   in 1 .. number of classes

(Salimans et al., "Improved Techniques for Training GANs", NIPS 2016, arXiv 1606.03498.) It needs sums alone,
so leaving a fold out costs nothing.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import scipy.special
from numpy.typing import NDArray

from evalkit.stats.kl import are_probabilities

Array = NDArray[np.float64]
_PIECE = 4096
"""Rows at a time."""


@dataclass(frozen=True)
class ClassSums:
    """Sums by fold over rows of probabilities: `totals` (folds, classes), `entropies` (folds,) in nats,
    `counts` (folds,) rows."""

    totals: Array
    entropies: Array
    counts: Array

    def inception_score(self, without: int | None = None) -> float:
        """The score of all rows, or of those outside one fold. Raises ValueError where none is left."""
        kept = np.arange(len(self.counts)) != (-1 if without is None else without)
        count = float(self.counts[kept].sum())
        if not count:
            raise ValueError("there is no row")
        mean = self.totals[kept].sum(axis=0) / count
        mean /= mean.sum()
        spread = float(scipy.special.entr(mean).sum()) - float(self.entropies[kept].sum()) / count
        return float(np.exp(max(0.0, spread)))


def class_sums(
    rows: NDArray[np.floating], folds: NDArray[np.int64], places: NDArray[np.int64] | None = None
) -> ClassSums:
    """Sums over probabilities (n, classes), row i in fold folds[i]; each row is made to sum to 1 exactly. With `places`
    they are over the rows there, the one at places[i] in fold folds[i].

    Raises ValueError on no row, lengths that differ, or rows that are not probabilities.
    """
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"expected probabilities (n, classes), got shape {rows.shape}")
    places = np.arange(len(rows)) if places is None else places
    if not len(places) or len(places) != len(folds):
        raise ValueError(f"{len(places)} rows in {len(folds)} folds")
    number = int(folds.max()) + 1
    totals, entropies = np.zeros((number, rows.shape[1])), np.zeros(number)
    for start in range(0, len(places), _PIECE):
        piece = slice(start, start + _PIECE)
        data = np.asarray(rows[places[piece]], dtype=np.float64)
        if not are_probabilities(data):
            raise ValueError(f"expected probabilities, got rows of shape {data.shape} that are none")
        data /= data.sum(axis=1, keepdims=True)
        np.add.at(totals, folds[piece], data)
        np.add.at(entropies, folds[piece], scipy.special.entr(data).sum(axis=1))
    return ClassSums(totals, entropies, np.bincount(folds, minlength=number).astype(np.float64))


def inception_in_splits(rows: NDArray[np.floating], splits: int, places: NDArray[np.int64] | None = None) -> float:
    """The mean of the scores of `splits` consecutive parts, [i n // splits, (i + 1) n // splits) of n rows, or of those
    at these `places`, in their order (openai's inception score, as torch-fidelity and audioldm_eval take it). Raises
    ValueError as :func:`class_sums`, and for more parts than rows."""
    places = np.arange(len(rows)) if places is None else places
    ends = [part * len(places) // splits for part in range(splits + 1)]
    scores = [
        class_sums(rows, np.zeros(high - low, dtype=np.int64), places[low:high]).inception_score()
        for low, high in itertools.pairwise(ends)
    ]
    return float(np.mean(scores))
