"""The Frechet distance is right where sqrtm is, and also where sqrtm is not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.frechet import (
    Factors,
    factors_of_blocks,
    factors_of_covariance,
    factors_of_rows,
    frechet_distance,
    group_rows,
    leave_out_distances,
)
from evalkit.stats.intervals import assign_folds


def _rows(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((n, d)) @ generator.uniform(-1, 1, (d, d)) + shift


def _by_sqrtm(a: np.ndarray, b: np.ndarray) -> float:
    """The route of stable-audio-metrics, src/openl3_fd.py."""
    covariances = [np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (a, b)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    shift = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return float(shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(np.real(root)))


@pytest.mark.parametrize(("n", "d"), [(50, 1), (60, 5), (400, 64), (1200, 128)])
def test_full_rank_agrees_with_sqrtm(n: int, d: int) -> None:
    """Published numbers were made with sqrtm; at full rank there must be no difference to see."""
    a, b = _rows(1, n, d), _rows(2, n + 10, d, 0.3)
    ours = frechet_distance(factors_of_rows(a), factors_of_rows(b))
    assert ours == pytest.approx(_by_sqrtm(a, b), rel=1e-9)


def test_closed_form_of_diagonal_gaussians() -> None:
    """|m|^2 + sum (s - t)^2, by hand."""
    s, t, shift = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 0.5]), np.array([0.5, 0.0, -1.0])
    a = factors_of_covariance(np.zeros(3), np.diag(s**2), 100)
    b = factors_of_covariance(shift, np.diag(t**2), 100)
    assert frechet_distance(a, b) == pytest.approx(float((shift**2).sum() + ((s - t) ** 2).sum()), rel=1e-12)


def test_stored_covariance_and_rows_give_the_same() -> None:
    """Shipped references hold a covariance alone."""
    a, b = _rows(3, 500, 32), _rows(4, 600, 32)
    stored = factors_of_covariance(b.mean(axis=0), np.cov(b, rowvar=False), len(b))
    ours = frechet_distance(factors_of_rows(a), stored)
    assert ours == pytest.approx(frechet_distance(factors_of_rows(a), factors_of_rows(b)), rel=1e-10)


def test_mono_through_the_stereo_protocol() -> None:
    """Features [e, e] have half the rank: SciPy 1.11.2's sqrtm gave 1e29 here. By theory it is twice the
    distance between the halves, as [e, e] is sqrt(2) times a rotation of [e, 0]."""
    a, b = _rows(5, 900, 40), _rows(6, 800, 40, 0.2)
    doubled = [factors_of_rows(np.concatenate([rows, rows], axis=1)) for rows in (a, b)]
    single = frechet_distance(factors_of_rows(a), factors_of_rows(b))
    assert [side.rank for side in doubled] == [40, 40]
    assert frechet_distance(*doubled) == pytest.approx(2 * single, rel=1e-10)


def test_fewer_rows_than_dimensions() -> None:
    """A suite of 30 clips against 128 dimensions: sqrtm is off by 1e-3 there. The truth comes from the few
    dimensions that the rows span, where both covariances are full."""
    a = _rows(7, 20, 12)
    b = _rows(8, 25, 12)
    rotation = np.linalg.qr(np.random.default_rng(9).standard_normal((128, 128)))[0][:12]
    inside = frechet_distance(factors_of_rows(a), factors_of_rows(b))
    outside = frechet_distance(factors_of_rows(a @ rotation), factors_of_rows(b @ rotation))
    assert outside == pytest.approx(inside, rel=1e-10)


@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 24))
@settings(deadline=None, max_examples=40)
def test_self_distance_is_zero(seed: int, n: int, d: int) -> None:
    rows = _rows(seed, n, d)
    own = factors_of_rows(rows)
    again = factors_of_covariance(rows.mean(axis=0), np.atleast_2d(np.cov(rows, rowvar=False)), n)
    assert frechet_distance(own, own) <= 1e-9 * max(1.0, own.trace)
    assert frechet_distance(own, again) <= 1e-6 * max(1.0, own.trace)


@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(2, 40), st.integers(1, 24), st.floats(-50, 50))
@settings(deadline=None, max_examples=40)
def test_laws(seed: int, n: int, m: int, d: int, shift: float) -> None:
    """Never negative, symmetric, blind to order and to a common shift, scaling with the square."""
    a, b = _rows(seed, n, d), _rows(seed + 1, m, d, 0.1)
    value = frechet_distance(factors_of_rows(a), factors_of_rows(b))
    slack = 1e-8 * (1 + value + np.square(a).sum() + np.square(b).sum())
    order = np.random.default_rng(seed).permutation(n)
    assert value >= 0
    assert abs(frechet_distance(factors_of_rows(b), factors_of_rows(a)) - value) <= slack
    assert abs(frechet_distance(factors_of_rows(a[order]), factors_of_rows(b)) - value) <= slack
    moved = frechet_distance(factors_of_rows(a + shift), factors_of_rows(b + shift))
    assert abs(moved - value) <= slack * (1 + abs(shift))
    assert abs(frechet_distance(factors_of_rows(3 * a), factors_of_rows(3 * b)) - 9 * value) <= 9 * slack


def test_blocks_are_the_same_as_rows() -> None:
    """Clips come as blocks of frames; how they are cut up must not matter, nor float32."""
    rows = _rows(10, 20_000, 6).astype(np.float32)
    whole = factors_of_rows(rows)
    cut = factors_of_blocks(np.split(rows, [1, 1, 700, 9000, 9001]))
    np.testing.assert_allclose(cut.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(cut.factor.T @ cut.factor, np.cov(rows.astype(float), rowvar=False), rtol=1e-10)
    assert cut.rows == whole.rows == 20_000


def test_rises_with_noise() -> None:
    """A distance that does not grow with damage is of no use."""
    rows, noise = _rows(11, 500, 16), np.random.default_rng(12).standard_normal((500, 16))
    clean = factors_of_rows(rows)
    values = [frechet_distance(factors_of_rows(rows + level * noise), clean) for level in (0, 0.1, 0.5, 1, 2)]
    assert values == sorted(values)


def test_constant_rows_have_rank_zero() -> None:
    """A model that always gives the same clip: its distance is finite and made of the other's spread."""
    other = factors_of_rows(_rows(13, 100, 4))
    flat = factors_of_rows(np.ones((10, 4)))
    assert flat.rank == 0
    expected = float(np.square(other.mean - 1).sum()) + other.trace
    assert frechet_distance(flat, other) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rows", [np.zeros((0, 4)), np.zeros((1, 4)), np.zeros(4), np.array([[1.0, np.nan], [0, 1]])])
def test_rows_that_have_no_covariance_are_refused(rows: np.ndarray) -> None:
    """Two rows gave 288.9 in silence, one NaN row a LinAlgError: here a ValueError says what is wrong."""
    with pytest.raises(ValueError, match=r"rows|finit|expected"):
        factors_of_rows(rows)


def test_statistics_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        factors_of_covariance(np.zeros(3), np.eye(4), 10)
    with pytest.raises(ValueError, match="symmetric"):
        factors_of_covariance(np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]), 10)
    with pytest.raises(ValueError, match="negative"):
        factors_of_covariance(np.zeros(2), np.diag([1.0, -1.0]), 10)
    with pytest.raises(ValueError, match="NaN"):
        factors_of_covariance(np.zeros(2), np.full((2, 2), np.nan), 10)
    with pytest.raises(ValueError, match="rows"):
        factors_of_covariance(np.zeros(2), np.eye(2), 1)
    with pytest.raises(ValueError, match="dimensions"):
        frechet_distance(factors_of_rows(np.eye(3)), factors_of_rows(np.eye(4)))


@pytest.mark.parametrize("d", [3, 64])
def test_leaving_a_fold_out_is_leaving_its_rows_out(d: int) -> None:
    """The interval rests on these; they come from sums, not from the rows again."""
    blocks = [_rows(100 + i, 4, d, 100.0) for i in range(30)]
    folds = assign_folds([f"clip {i // 2}" for i in range(30)], most=7)
    reference = factors_of_rows(_rows(14, 300, d, 99.0))
    quick = leave_out_distances(group_rows(blocks, folds), reference)
    for fold, value in enumerate(quick):
        rest = factors_of_blocks([block for block, own in zip(blocks, folds, strict=True) if own != fold])
        assert value == pytest.approx(frechet_distance(rest, reference), rel=1e-7)


def test_leaving_out_gives_the_covariance_of_the_rest() -> None:
    blocks = [_rows(i, 5, 3, 1000.0) for i in range(6)]
    mean, covariance, count = group_rows(blocks, np.arange(6)).leave_out(2)
    rest = np.concatenate([block for i, block in enumerate(blocks) if i != 2])
    np.testing.assert_allclose(mean, rest.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(rest, rowvar=False), rtol=1e-8, atol=1e-10)
    assert count == 25


def test_a_factor_is_a_factor() -> None:
    rows = _rows(15, 50, 8)
    side = factors_of_rows(rows)
    assert isinstance(side, Factors)
    np.testing.assert_allclose(side.factor.T @ side.factor, np.cov(rows, rowvar=False), rtol=1e-10, atol=1e-12)
    assert (side.dimensions, side.rows, side.rank) == (8, 50, 8)
    assert side.trace == pytest.approx(np.trace(np.cov(rows, rowvar=False)), rel=1e-12)


@pytest.mark.parametrize(("steepness", "taken"), [(0.6, True), (5.0, False)])
def test_the_quick_factor_is_taken_only_where_it_does_no_harm(steepness: float, taken: bool) -> None:
    """Cholesky of the covariance costs a third of QR and SVD of the rows, but loses what is under 1e-8."""
    spread = np.arange(1, 65) ** -steepness
    a, b = (np.random.default_rng(seed).standard_normal((600, 64)) * spread for seed in (20, 21))
    side = factors_of_rows(a)
    assert bool(np.allclose(np.tril(side.factor, -1), 0)) is taken
    distance = frechet_distance(side, factors_of_rows(b))
    centred = [(rows - rows.mean(axis=0)) / np.sqrt(599) for rows in (a, b)]
    triangles = [np.linalg.qr(rows, mode="r") for rows in centred]
    overlap = scipy.linalg.svdvals(triangles[0] @ triangles[1].T).sum()
    shift = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    assert distance == pytest.approx(shift + sum(np.square(t).sum() for t in triangles) - 2 * overlap, rel=1e-9)
    assert side.rank == 64


def test_some_folds_are_their_own_rows() -> None:
    """The extrapolated distance is made of these."""
    blocks = [_rows(i, 5, 3, 100.0) for i in range(6)]
    mean, covariance, count = group_rows(blocks, np.arange(6)).only(np.array([1, 4]))
    own = np.concatenate([blocks[1], blocks[4]])
    np.testing.assert_allclose(mean, own.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(own, rowvar=False), rtol=1e-8, atol=1e-10)
    assert count == 10
