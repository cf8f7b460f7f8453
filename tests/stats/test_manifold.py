"""Density and coverage are those of the paper, and say what they should of sets whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.manifold import expected_coverage, near_copies, neighbourhoods


def _rows(seed: int, n: int, d: int = 3, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) * scale


def _both(rows: np.ndarray, reference: np.ndarray, neighbours: int = 5) -> tuple[float, float]:
    found = neighbourhoods(rows, np.arange(len(rows)) % 7, reference, neighbours)
    return float(found.densities.mean()), found.coverage()


def _by_definition(rows: np.ndarray, reference: np.ndarray, neighbours: int) -> tuple[float, float]:
    """Equations 5 and 6 of Naeem et al., with loops."""
    radii = [sorted(np.linalg.norm(reference - centre, axis=1))[neighbours] for centre in reference]
    inside = [[np.linalg.norm(row - c) < r for row in rows] for c, r in zip(reference, radii, strict=True)]
    return float(np.sum(inside)) / neighbours / len(rows), float(np.mean(np.any(inside, axis=1)))


@pytest.mark.parametrize("neighbours", [1, 3, 5])
def test_is_the_papers_definition(neighbours: int) -> None:
    rows, reference = _rows(0, 21, scale=1.3), _rows(1, 17)
    assert _both(rows, reference, neighbours) == pytest.approx(_by_definition(rows, reference, neighbours))


def test_agrees_with_the_authors_package() -> None:
    """Their own code; run with prdc 0.2 when this was written."""
    prdc = pytest.importorskip("prdc", reason="prdc is not installed")
    rows, reference = _rows(2, 300, 64, 1.1), _rows(3, 400, 64)
    theirs = prdc.compute_prdc(real_features=reference, fake_features=rows, nearest_k=5)
    assert _both(rows, reference) == pytest.approx((theirs["density"], theirs["coverage"]), rel=1e-12)


def test_one_distribution_has_density_one_and_the_expected_coverage() -> None:
    """Over 40 draws: density 1, and the coverage of their lemma 2, at equal and at unequal numbers."""
    for n, m in ((200, 200), (60, 300)):
        values = np.array([_both(_rows(100 + i, n), _rows(500 + i, m)) for i in range(40)])
        assert values[:, 0].mean() == pytest.approx(1.0, abs=0.03)
        assert values[:, 1].mean() == pytest.approx(expected_coverage(n, m), abs=0.01)
    assert expected_coverage(1000, 1000) == pytest.approx(1 - 2**-5, abs=1e-3)


def test_far_off_clips_have_neither() -> None:
    assert _both(_rows(4, 50) + 100.0, _rows(5, 60)) == (0.0, 0.0)


def test_one_sound_over_and_over_is_dense_but_covers_little() -> None:
    """The two must be read together."""
    reference = _rows(6, 200)
    commonest = neighbourhoods(reference, np.zeros(200, dtype=np.int64), reference).densities.argmax()
    density, coverage = _both(np.repeat(reference[commonest][None], 100, axis=0), reference)
    assert density > 1.5
    assert coverage < 0.1


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(6, 30), st.floats(-20, 20), st.floats(0.1, 10))
def test_laws(seed: int, n: int, m: int, shift: float, scale: float) -> None:
    """Blind to order and to moving or scaling both sets; a repeated clip changes nothing; coverage is a share."""
    rows, reference = _rows(seed, n), _rows(seed + 1, m)
    found = _both(rows, reference)
    order = np.random.default_rng(seed).permutation(n)
    assert _both(rows[order], reference) == pytest.approx(found)
    assert _both(np.repeat(rows, 2, axis=0), reference) == pytest.approx(found)
    assert _both(rows * scale + shift, reference * scale + shift) == pytest.approx(found)
    assert 0 <= found[1] <= 1
    assert found[0] >= 0


@given(st.integers(0, 10**6))
def test_more_clips_never_cover_less(seed: int) -> None:
    rows, reference = _rows(seed, 40), _rows(seed + 1, 30)
    values = [_both(rows[:n], reference)[1] for n in (5, 10, 20, 40)]
    assert values == sorted(values)


def test_leaving_a_fold_out_is_leaving_its_clips_out() -> None:
    rows, reference, folds = _rows(7, 30), _rows(8, 40), np.arange(30) % 6
    found = neighbourhoods(rows, folds, reference)
    for fold in range(6):
        rest = neighbourhoods(rows[folds != fold], folds[folds != fold], reference)
        assert found.coverage(fold) == rest.coverage()


def test_too_small_a_reference_is_refused() -> None:
    """Five rows have no fifth neighbour."""
    with pytest.raises(ValueError, match="more than 5 needed"):
        neighbourhoods(_rows(0, 3), np.arange(3), _rows(1, 5))
    with pytest.raises(ValueError, match="dimensions"):
        neighbourhoods(_rows(0, 3, 2), np.arange(3), _rows(1, 9, 3))


def test_rows_that_are_copies_of_one_another_are_counted() -> None:
    draw = np.random.default_rng(5)
    rows = draw.standard_normal((30, 64))
    assert near_copies(rows) == near_copies(rows[:1]) == 0
    again = rows[:10] + 0.001 * draw.standard_normal((10, 64))
    assert near_copies(np.concatenate([rows, again])) == 20
    assert near_copies(np.repeat(rows, 6, axis=0)) == 180
