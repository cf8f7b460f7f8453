"""The squared maximum mean discrepancy between two samples, with a Gaussian kernel.

    MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y),   k(a, b) = exp(-|a - b|^2 / (2 s^2))

(Gretton et al., JMLR 13, 2012, lemma 6.) A row is never paired with itself, nor with another row of its own
source: such pairs are alike because they share a source, not because the distribution is narrow, and would
push the estimate up. What is left is unbiased at any number of rows, and so below 0 about half of the time
where both samples come from one distribution.

The bandwidth s is the median distance between rows of the reference, and of nothing else: taken from the
sample that is scored, it would give every system a kernel of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.store.spill import outside

Array = NDArray[np.float64]

_CELLS = 4_000_000
"""Distances held at once while going through large samples: 32 MB."""


def median_distance(rows: NDArray[np.floating]) -> float:
    """The median Euclidean distance between different rows (n, d).

    Raises ValueError on fewer than 2 rows, a value that is not finite, or where it is 0 (more than half of
    the pairs are the same row twice), which makes no kernel.
    """
    data = _rows(rows)
    if len(data) < 2:
        raise ValueError(f"a distance needs at least 2 rows, got {len(data)}")
    from scipy.spatial.distance import pdist  # here, as every command that holds an interval would wait for it

    median = float(np.median(pdist(data), overwrite_input=True))
    if not median > 0:
        raise ValueError("most rows are the same, so there is no median distance to scale by")
    return median


def squared_distances(rows: NDArray[np.floating], others: NDArray[np.floating]) -> Iterator[tuple[slice, Array]]:
    """The squared distances of some rows (n, d) at a time to all others (m, d): (which rows, (piece, m))."""
    data, rest = _rows(rows), _rows(others)
    if data.shape[1] != rest.shape[1]:
        raise ValueError(f"{data.shape[1]} against {rest.shape[1]} dimensions")
    # Around a common centre the products are as small as the distances, so nothing cancels.
    centre = rest.mean(axis=0)
    rest = np.subtract(rest, centre, out=outside(rest.shape))
    lengths = np.concatenate([np.square(rest[piece]).sum(axis=1) for piece in _pieces(rest)])
    step = max(1, _CELLS // max(1, len(rest)))
    for start in range(0, len(data), step):
        piece = data[start : start + step] - centre
        squares = np.square(piece).sum(axis=1)[:, None] + lengths
        squares -= 2.0 * piece @ rest.T
        yield slice(start, start + len(piece)), np.maximum(squares, 0.0, out=squares)


@dataclass(frozen=True)
class KernelSums:
    """Sums of the kernel by fold, from which the discrepancy follows with or without a fold.

    `within` and `pairs` (folds, folds): sum and number over ordered pairs of rows of different sources;
    `across` (folds,): sum over a fold's rows and all reference rows; `counts` (folds,) rows; `reference` the
    mean over pairs of different reference rows, of which there are `rows`. The same by single rows, from which
    `stats.relative` has the error of a difference: `row_within`, `row_pairs` and `row_across` (n,), and
    `reference_across` (m,), the sum over all rows for each reference row.
    """

    within: Array
    pairs: Array
    across: Array
    counts: Array
    reference: float
    rows: int
    row_within: Array
    row_pairs: Array
    row_across: Array
    reference_across: Array

    def discrepancy(self, without: int | None = None) -> float:
        """MMD^2, of all rows or of those outside one fold. Raises ValueError where no pair is left."""
        kept = np.arange(len(self.counts)) != (-1 if without is None else without)
        square = np.ix_(kept, kept)
        pairs, count = float(self.pairs[square].sum()), float(self.counts[kept].sum())
        if not pairs:
            raise ValueError("there are no two rows of different sources")
        own = float(self.within[square].sum()) / pairs
        between = float(self.across[kept].sum()) / (count * self.rows)
        return own + self.reference - 2.0 * between


def kernel_sums(
    rows: NDArray[np.floating],
    groups: Sequence[str],
    folds: NDArray[np.int64],
    reference: NDArray[np.floating],
    bandwidth: float,
) -> KernelSums:
    """Kernel sums of rows (n, d), row i of source groups[i] and in fold folds[i], against a reference (m, d).

    A source must not be split over folds. Raises ValueError on lengths or widths that do not fit, fewer than
    2 reference rows, or a bandwidth that is not above 0.
    """
    if not len(rows) == len(groups) == len(folds) or not len(rows) or len(reference) < 2 or not bandwidth > 0:
        raise ValueError(f"{len(rows)} rows in {len(groups)} groups, {len(reference)} reference rows, s {bandwidth}")
    member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1]
    scale, number = -0.5 / bandwidth**2, int(folds.max()) + 1
    dealt, within, pairs = (outside((len(rows), number)) for _ in range(3))
    dealt[np.arange(len(rows)), folds] = 1.0
    across, count = np.zeros(len(rows)), len(reference)
    heard = np.zeros(count)
    for piece, squares in squared_distances(rows, rows):
        apart = member[piece, None] != member[None, :]
        alike = _kernel(scale, squares)
        alike[~apart] = 0.0
        within[piece] = alike @ dealt
        pairs[piece] = apart.astype(np.float64) @ dealt
    for piece, squares in squared_distances(rows, reference):
        alike = _kernel(scale, squares)
        across[piece] = alike.sum(axis=1)
        heard += alike.sum(axis=0)
    total = sum(float(_kernel(scale, squares).sum()) for _, squares in squared_distances(reference, reference))
    # The diagonal is 1 by definition; its computed distances are round-off.
    own = (total - count) / (count * (count - 1))
    return KernelSums(
        within=dealt.T @ within,
        pairs=dealt.T @ pairs,
        across=dealt.T @ across,
        counts=dealt.sum(axis=0),
        reference=own,
        rows=count,
        row_within=within.sum(axis=1),
        row_pairs=pairs.sum(axis=1),
        row_across=across,
        reference_across=heard,
    )


def _kernel(scale: float, squares: Array) -> Array:
    """The kernel of squared distances, in their place."""
    squares *= scale
    return np.exp(squares, out=squares)


def _rows(rows: NDArray[np.floating]) -> Array:
    data = np.asarray(rows, dtype=np.float64)
    if data.ndim != 2:
        raise ValueError(f"expected rows (n, d), got shape {data.shape}")
    if not all(np.isfinite(data[piece]).all() for piece in _pieces(data)):
        raise ValueError("NaN or infinity among the values")
    return data


def _pieces(rows: Array) -> Iterator[slice]:
    """Some rows (n, d) at a time, at least one piece."""
    step = max(1, _CELLS // max(1, rows.shape[1]))
    return (slice(start, start + step) for start in range(0, max(1, len(rows)), step))
