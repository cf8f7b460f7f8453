"""Density and coverage: the neighbourhoods of real rows, and which generated rows fall into them.

Around each reference row lies a ball that reaches to its k-th nearest neighbour in the reference. Naeem et
al., "Reliable Fidelity and Diversity Metrics for Generative Models", ICML 2020, arXiv 2002.09797, section 3:

    density  = mean over generated rows of (number of balls that hold the row) / k
    coverage = share of the balls that hold at least one generated row
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.kernel import squared_distances

Array = NDArray[np.float64]

NEIGHBOURS = 5
"""k of the paper's experiments (its section 5)."""


@dataclass(frozen=True)
class Neighbourhoods:
    """`held` (n,): how many balls hold each generated row; `visits` (folds, m): how many rows of each fold
    every ball holds; `neighbours` is k."""

    held: NDArray[np.int64]
    visits: NDArray[np.int64]
    neighbours: int

    @property
    def balls(self) -> int:
        """How many balls there are: one around each reference row."""
        return int(self.visits.shape[1])

    @property
    def densities(self) -> Array:
        """Each generated row's own density, (n,): its mean is the density."""
        return np.asarray(self.held / self.neighbours)

    def coverage(self, without: int | None = None) -> float:
        """The coverage by all rows, or by those outside one fold."""
        visits = self.visits.sum(axis=0)
        if without is not None:
            visits = visits - self.visits[without]
        return float((visits > 0).mean())


def neighbourhoods(
    rows: NDArray[np.floating],
    folds: NDArray[np.int64],
    reference: NDArray[np.floating],
    neighbours: int = NEIGHBOURS,
) -> Neighbourhoods:
    """Where generated rows (n, d), row i in fold folds[i], lie among the balls around reference rows (m, d).

    A row on a ball's edge is outside. Raises ValueError where the reference has no k-th neighbour (k or fewer
    rows), or on rows that do not fit or are not finite.
    """
    if len(reference) <= neighbours or not len(rows) or len(rows) != len(folds):
        raise ValueError(
            f"{len(rows)} rows in {len(folds)} folds; {len(reference)} reference rows, more than {neighbours} needed"
        )
    radii = np.empty(len(reference))
    for piece, squares in squared_distances(reference, reference):
        # A row is its own nearest neighbour, at the place 0 of the order.
        radii[piece] = np.partition(squares, neighbours, axis=1)[:, neighbours]
    held, visits = np.empty(len(rows), dtype=np.int64), np.zeros((int(folds.max()) + 1, len(reference)), dtype=np.int64)
    for piece, squares in squared_distances(rows, reference):
        inside = squares < radii
        held[piece] = inside.sum(axis=1)
        for fold in np.unique(folds[piece]):
            visits[fold] += inside[folds[piece] == fold].sum(axis=0)
    return Neighbourhoods(held, visits, neighbours)


COPIES = 0.03
"""Of the root mean square distance between rows. By OpenL3 a noise at half its level, or with other dither, lies at up
to 0.039 of it from itself (95 of 100 under 0.031), and the nearest of 20 unlike ones at 0.15."""


def near_copies(rows: NDArray[np.floating]) -> int:
    """How many of the rows (m, d) lie as near to another one as a copy of the same sound would."""
    if len(rows) < 2:
        return 0
    data = np.asarray(rows, dtype=np.float64)
    limit = COPIES**2 * 2 * float(data.var(axis=0, ddof=1).sum())
    return sum(
        int((np.partition(squares, 1, axis=1)[:, 1] < limit).sum()) for _, squares in squared_distances(data, data)
    )


def expected_coverage(rows: int, reference: int, neighbours: int = NEIGHBOURS) -> float:
    """The coverage that `rows` draws of the reference's own distribution have on average (their lemma 2).

    It is 1 less the chance that the k nearest of a row's rows + reference - 1 others are all real.
    """
    places = np.arange(1, neighbours + 1)
    return 1.0 - float(np.prod((reference - places) / (rows + reference - places)))
