"""The Frechet distance between two Gaussians, and the Gaussian of a set of feature rows.

    d(a, b) = |mu_a - mu_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2)

(Dowson and Landau 1982; as a score: Heusel et al. 2017, arXiv 1706.08500.) The last trace is the sum of
the singular values of A B^T for any factors with A^T A = S_a and B^T B = S_b, so no matrix root is taken:
`scipy.linalg.sqrtm` of S_a S_b costs ten times as much, is wrong by 1e-3 where there are fewer rows than
dimensions, and SciPy 1.11.2's gives 1e29 for a mono system under a stereo protocol.

The factor of a set is made from its centred rows (QR, SVD), not through its covariance, which squares the
condition number. Two exceptions: where a covariance is all there is, it is factored by `eigh`; and where a
covariance proves well conditioned, squaring does no harm, and its Cholesky factor costs a third. All in float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from evalkit.store.spill import outside

Array = NDArray[np.float64]

_PIECE = 8192
_CELLS = 4_000_000
"""Numbers of scatters added up at a time: 32 MB."""

_WELL_CONDITIONED = 1e-8
"""Smallest to largest eigenvalue above which a covariance is factored itself: its round-off, some 1e-15 of the
largest, is then under 1e-7 of the smallest."""


@dataclass(frozen=True)
class Factors:
    """A Gaussian: `mean` (d,), `factor` (rank, d) with factor.T @ factor the covariance (ddof 1).

    `rows` is how many feature rows it came from (0: not known); `rank` is the covariance's numerical rank.
    """

    mean: Array
    factor: Array
    rows: int
    rank: int

    @property
    def dimensions(self) -> int:
        return int(self.mean.shape[0])

    @property
    def trace(self) -> float:
        """The trace of the covariance."""
        return float(np.square(self.factor).sum())


def factors_of_rows(rows: NDArray[np.floating]) -> Factors:
    """The Gaussian of feature rows (n, d). Raises ValueError as `factors_of_blocks` does."""
    return factors_of_blocks([rows])


def factors_of_blocks(blocks: Sequence[NDArray[np.floating]]) -> Factors:
    """The Gaussian of all rows of all blocks (frames, d), without one large float64 copy of them.

    Many rows of a well-conditioned covariance go by its Cholesky factor. Otherwise the centred rows are folded
    into one triangular factor piece by piece (QR of the factor so far on top of the next rows), whose singular
    vectors make the factor. Raises ValueError on fewer than 2 rows (no covariance with ddof 1), blocks of
    different width, or a value that is not finite.
    """
    count = _count_rows(blocks)
    mean = _mean(blocks, count)
    if count >= 2 * mean.size and (factor := _cholesky_factor(blocks, mean, count)) is not None:
        return Factors(mean, factor, count, mean.size)
    triangle = np.zeros((0, mean.size))
    for piece in _pieces(blocks):
        stacked = np.concatenate((triangle, piece - mean))
        triangle = _triangle(stacked) if stacked.shape[0] > stacked.shape[1] else stacked
    _, scale, directions = scipy.linalg.svd(triangle / np.sqrt(count - 1), full_matrices=False, check_finite=False)
    kept = scale > max(count, mean.size) * np.finfo(np.float64).eps * scale[0]
    return Factors(mean, scale[kept, None] * directions[kept], count, int(kept.sum()))


def moments_of_blocks(blocks: Sequence[NDArray[np.floating]]) -> tuple[Array, Array, int]:
    """Mean (d,), covariance (d, d; ddof 1) and number of all rows of all blocks (frames, d), a piece at a time.

    What `np.cov` gives, to the bit where the rows are no more than one piece, and to round-off beyond. Raises
    ValueError as `factors_of_blocks` does.
    """
    count = _count_rows(blocks)
    mean = _mean(blocks, count)
    return mean, _scatter(blocks, mean) * np.true_divide(1, count - 1), count


def factors_of_covariance(mean: NDArray[np.floating], covariance: NDArray[np.floating], rows: int) -> Factors:
    """The Gaussian of a stored mean (d,) and covariance (d, d, ddof 1) of `rows` rows (0: not told).

    By Cholesky where it is well conditioned, else by `eigh`: eigenvalues under d * eps of the largest are
    round-off and are dropped, as under a square root some hundreds of them would add up to 1e-3. Raises
    ValueError on shapes that do not fit, a value that is not finite, or a matrix that is not symmetric or has
    a truly negative eigenvalue.
    """
    centre, square = np.asarray(mean, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if centre.ndim != 1 or square.shape != (centre.size, centre.size):
        raise ValueError(f"mean {centre.shape} and covariance {square.shape} do not belong together")
    if rows == 1 or rows < 0:
        raise ValueError(f"a covariance needs at least 2 rows, got {rows}")
    _require_finite(centre)
    _require_finite(square)
    largest = float(np.abs(square).max(initial=0.0))
    if float(np.abs(square - square.T).max(initial=0.0)) > 1e-6 * largest:
        raise ValueError("the covariance is not symmetric")
    square = (square + square.T) / 2
    if (triangle := _cholesky(square)) is not None:
        return Factors(centre, triangle, rows, centre.size)
    values, vectors = scipy.linalg.eigh(square, check_finite=False)
    if values[0] < -1e-5 * largest:
        raise ValueError(f"the covariance has a negative eigenvalue ({values[0]:.3g})")
    kept = values > centre.size * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)
    factor = np.sqrt(values[kept])[:, None] * vectors[:, kept].T
    return Factors(centre, factor, rows, int(kept.sum()))


def frechet_distance(a: Factors, b: Factors) -> float:
    """The distance d(a, b) of the formula above (a squared distance, as everybody reports it); never negative.

    Raises ValueError where the dimensions differ.
    """
    if a.dimensions != b.dimensions:
        raise ValueError(f"{a.dimensions} against {b.dimensions} dimensions")
    overlap = scipy.linalg.svdvals(a.factor @ b.factor.T, check_finite=False).sum() if a.rank and b.rank else 0.0
    shift = float(np.square(a.mean - b.mean).sum())
    return max(0.0, shift + a.trace + b.trace - 2.0 * float(overlap))


@dataclass(frozen=True)
class GroupedRows:
    """Feature rows reduced to sums per fold, so that leaving a fold out needs no second look at the rows.

    `counts` (folds,) rows, `sums` (folds, d) and `scatters` (folds, d, d) of the rows less `origin` (d,),
    the mean of all rows, which keeps the later subtraction free of cancellation.
    """

    origin: Array
    counts: NDArray[np.int64]
    sums: Array
    scatters: Array

    @cached_property
    def total_scatter(self) -> Array:
        return np.asarray(self.scatters.sum(axis=0))

    def leave_out(self, fold: int) -> tuple[Array, Array, int]:
        """Mean (d,), covariance (d, d; ddof 1) and number of the rows outside `fold`.

        Raises ValueError where fewer than 2 rows are left.
        """
        count = int(self.counts.sum() - self.counts[fold])
        if count < 2:
            raise ValueError("fewer than 2 rows are left")
        total = self.sums.sum(axis=0) - self.sums[fold]
        scatter = self.total_scatter - self.scatters[fold] - np.outer(total, total) / count
        return self.origin + total / count, scatter / (count - 1), count

    def only(self, folds: NDArray[np.int64]) -> tuple[Array, Array, int]:
        """Mean (d,), covariance (d, d; ddof 1) and number of the rows in `folds`, as `leave_out` gives them."""
        count = int(self.counts[folds].sum())
        if count < 2:
            raise ValueError("fewer than 2 rows are left")
        total = self.sums[folds].sum(axis=0)
        scatter = self._scatter_of(folds) - np.outer(total, total) / count
        return self.origin + total / count, scatter / (count - 1), count

    def _scatter_of(self, folds: NDArray[np.int64]) -> Array:
        """`scatters[folds].sum(axis=0)`, without a copy of them all."""
        size = self.origin.size
        step, found = max(1, _CELLS // (len(folds) * size)), np.empty((size, size))
        for start in range(0, size, step):
            found[start : start + step] = self.scatters[folds, start : start + step].sum(axis=0)
        return found


def group_rows(blocks: Sequence[NDArray[np.floating]], folds: NDArray[np.int64]) -> GroupedRows:
    """Sums per fold of row blocks (frames, d), block i belonging to fold folds[i] in 0 .. folds.max().

    Raises ValueError as `factors_of_blocks` does.
    """
    origin = _mean(blocks, _count_rows(blocks))
    number = int(folds.max()) + 1
    counts = np.zeros(number, dtype=np.int64)
    sums, scatters = np.zeros((number, origin.size)), outside((number, origin.size, origin.size))
    for fold in range(number):
        for rows in _pieces([blocks[int(i)] for i in np.flatnonzero(folds == fold)]):
            rows -= origin
            counts[fold] += len(rows)
            sums[fold] += rows.sum(axis=0)
            scatters[fold] += rows.T @ rows
    return GroupedRows(origin, counts, sums, scatters)


def leave_out_distances(grouped: GroupedRows, reference: Factors) -> list[float]:
    """The Frechet distance to `reference` with each fold left out in turn.

    By `covariance_distance`, as it is the spread of these values that matters.
    """
    return [covariance_distance(*grouped.leave_out(fold)[:2], reference) for fold in range(len(grouped.counts))]


def covariance_distance(mean: Array, covariance: Array, reference: Factors) -> float:
    """The Frechet distance of a mean (d,) and covariance (d, d) from `reference`.

    The singular values of A B^T are the square roots of the eigenvalues of B S_a B^T, which needs one
    `eigvalsh` and no factor of S_a; within 1e-8 of the exact route in relative terms.
    """
    inner = reference.factor @ covariance @ reference.factor.T
    values = scipy.linalg.eigvalsh(inner, check_finite=False) if reference.rank else np.zeros(1)
    kept = values[values > len(values) * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)]
    shift = float(np.square(mean - reference.mean).sum())
    return max(0.0, shift + float(np.trace(covariance)) + reference.trace - 2.0 * float(np.sqrt(kept).sum()))


def _pieces(blocks: Sequence[NDArray[np.floating]]) -> Iterator[Array]:
    """The rows of all blocks in order as float64, some thousands at a time."""
    held: list[NDArray[np.floating]] = []
    rows = 0
    for block in blocks:
        for start in range(0, len(block), _PIECE):
            held.append(block[start : start + _PIECE])
            rows += len(held[-1])
            if rows >= _PIECE:
                yield np.concatenate(held, dtype=np.float64)
                held, rows = [], 0
    if held:
        yield np.concatenate(held, dtype=np.float64)


def _cholesky_factor(blocks: Sequence[NDArray[np.floating]], mean: Array, count: int) -> Array | None:
    """The upper factor (d, d) of the rows' covariance, or None where that is too ill conditioned for it."""
    return _cholesky(_scatter(blocks, mean) / (count - 1))


def _scatter(blocks: Sequence[NDArray[np.floating]], centre: Array) -> Array:
    """(d, d): the products of all rows less `centre` with themselves, added up."""
    scatter = np.zeros((centre.size, centre.size))
    for piece in _pieces(blocks):
        piece -= centre
        scatter += piece.T @ piece
    return scatter


def _cholesky(covariance: Array) -> Array | None:
    values = scipy.linalg.eigvalsh(covariance, check_finite=False)
    if not values[0] > _WELL_CONDITIONED * values[-1]:
        return None
    return np.asarray(scipy.linalg.cholesky(covariance, check_finite=False))


def _triangle(rows: Array) -> Array:
    """The factor R of a QR decomposition (n, d) to (d, d): R.T @ R equals rows.T @ rows."""
    (triangle,) = scipy.linalg.qr(rows, mode="r", overwrite_a=True, check_finite=False)
    return np.asarray(triangle[: rows.shape[1]])


def _count_rows(blocks: Sequence[NDArray[np.floating]]) -> int:
    shapes = {block.shape[1] if block.ndim == 2 else -1 for block in blocks}
    if len(shapes) != 1 or -1 in shapes:
        raise ValueError(f"expected blocks (frames, d) of one width, got {sorted({b.shape for b in blocks})}")
    count = sum(len(block) for block in blocks)
    if count < 2:
        raise ValueError(f"a covariance needs at least 2 rows, got {count}")
    return count


def _mean(blocks: Sequence[NDArray[np.floating]], count: int) -> Array:
    """Mean (d,) of all rows in float64; raises ValueError on a value that is not finite."""
    total = np.zeros(blocks[0].shape[1])
    for piece in _pieces(blocks):
        _require_finite(piece)
        total += piece.sum(axis=0)
    return np.asarray(total / count)


def _require_finite(values: Array) -> None:
    if not np.isfinite(values).all():
        raise ValueError("NaN or infinity among the values")
