"""The kernel distance is unbiased, keeps one yardstick, and agrees with the textbook formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats import kernel
from evalkit.stats.intervals import assign_folds
from evalkit.stats.kernel import kernel_sums, median_distance, squared_distances


def _rows(seed: int, n: int, d: int = 4, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) + shift


def _discrepancy(rows: np.ndarray, reference: np.ndarray, groups: list[str] | None = None) -> float:
    groups = groups or [str(i) for i in range(len(rows))]
    return kernel_sums(rows, groups, assign_folds(groups), reference, median_distance(reference)).discrepancy()


def _textbook(rows: np.ndarray, reference: np.ndarray) -> float:
    """Lemma 6 of Gretton et al., with loops."""
    distances = [np.linalg.norm(a - b) for i, a in enumerate(reference) for b in reference[:i]]
    gamma = 0.5 / np.median(distances) ** 2

    def mean(first: np.ndarray, second: np.ndarray, same: bool) -> float:
        values = [
            np.exp(-gamma * np.square(a - b).sum())
            for i, a in enumerate(first)
            for j, b in enumerate(second)
            if not (same and i == j)
        ]
        return float(np.mean(values))

    return mean(rows, rows, True) + mean(reference, reference, True) - 2 * mean(rows, reference, False)


def test_is_the_textbook_formula() -> None:
    rows, reference = _rows(0, 11, shift=0.5), _rows(1, 14)
    assert _discrepancy(rows, reference) == pytest.approx(_textbook(rows, reference), rel=1e-10)


def test_agrees_with_scikit_learn() -> None:
    """A foreign kernel and a foreign mean; run with scikit-learn 1.9.1 when this was written."""
    pairwise = pytest.importorskip("sklearn.metrics.pairwise", reason="scikit-learn is not installed")
    rows, reference = _rows(2, 40, 8, 0.3), _rows(3, 50, 8)
    gamma = 0.5 / median_distance(reference) ** 2
    own, real = (pairwise.rbf_kernel(each, gamma=gamma) for each in (rows, reference))
    off = [(each.sum() - np.trace(each)) / (len(each) * (len(each) - 1)) for each in (own, real)]
    expected = sum(off) - 2 * pairwise.rbf_kernel(rows, reference, gamma=gamma).mean()
    assert _discrepancy(rows, reference) == pytest.approx(expected, rel=1e-9)


def test_pieces_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large set is gone through in pieces; where they end must not show."""
    rows, reference = _rows(4, 60), _rows(5, 70)
    whole = _discrepancy(rows, reference)
    monkeypatch.setattr(kernel, "_CELLS", 500)
    assert len(list(squared_distances(rows, reference))) > 5
    assert _discrepancy(rows, reference) == pytest.approx(whole, rel=1e-12)


def test_one_distribution_gives_nothing_on_average() -> None:
    """Unbiased also at 10 clips: the mean of 300 draws is within 4 standard errors of 0."""
    rng = np.random.default_rng(6)
    values = [_discrepancy(rng.standard_normal((10, 4)), rng.standard_normal((30, 4))) for _ in range(300)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(300)
    assert min(values) < 0 < max(values)


def test_clips_of_one_source_do_not_raise_it() -> None:
    """Five captions of one clip sound alike for that reason alone; taken as five sources they would cost."""
    rng = np.random.default_rng(7)
    groups = [str(i // 5) for i in range(50)]
    grouped, apart = [], []
    for _ in range(200):
        reference = rng.standard_normal((60, 4))
        rows = np.repeat(rng.standard_normal((10, 4)), 5, axis=0) * np.sqrt(0.8)
        rows += np.sqrt(0.2) * rng.standard_normal((50, 4))
        grouped.append(_discrepancy(rows, reference, groups))
        apart.append(_discrepancy(rows, reference))
    assert abs(np.mean(grouped)) < 4 * np.std(grouped) / np.sqrt(200)
    assert np.mean(apart) > 10 * abs(np.mean(grouped))


@given(st.integers(0, 10**6), st.integers(2, 20), st.integers(2, 20), st.floats(-50, 50), st.floats(0.01, 100))
def test_laws(seed: int, n: int, m: int, shift: float, scale: float) -> None:
    """Blind to order, to a common shift and to a common scale; repeating a clip in its source changes nothing."""
    rows, reference = _rows(seed, n), _rows(seed + 1, m, shift=0.2)
    value = _discrepancy(rows, reference)
    order = np.random.default_rng(seed).permutation(n)
    assert _discrepancy(rows[order], reference) == pytest.approx(value, abs=1e-10)
    assert _discrepancy(rows + shift, reference + shift) == pytest.approx(value, abs=1e-8)
    assert _discrepancy(rows * scale, reference * scale) == pytest.approx(value, abs=1e-8)
    twice = _discrepancy(np.repeat(rows, 2, axis=0), reference, [str(i // 2) for i in range(2 * n)])
    assert twice == pytest.approx(value, abs=1e-10)
    assert -1 <= value <= 2


def test_leaving_a_fold_out_is_leaving_its_clips_out() -> None:
    """The interval rests on these; they come from sums, not from the rows again."""
    rows, reference = _rows(8, 40, shift=0.4), _rows(9, 30)
    groups = [f"s{i // 2}" for i in range(40)]
    folds = assign_folds(groups, 7)
    width = median_distance(reference)
    sums = kernel_sums(rows, groups, folds, reference, width)
    for fold in range(7):
        rest = folds != fold
        kept = [group for group, own in zip(groups, rest, strict=True) if own]
        alone = kernel_sums(rows[rest], kept, assign_folds(kept), reference, width)
        assert sums.discrepancy(fold) == pytest.approx(alone.discrepancy(), rel=1e-10)


def test_rises_with_noise() -> None:
    rows, noise = _rows(10, 200), _rows(11, 200)
    values = [_discrepancy(rows + level * noise, rows + 1e-9) for level in (0, 0.5, 1, 2, 4)]
    assert values == sorted(values)


def test_the_median_is_the_median() -> None:
    rows = np.array([[0.0], [1.0], [3.0]])
    assert median_distance(rows) == 2.0


@pytest.mark.parametrize(
    ("rows", "message"),
    [(np.zeros((5, 3)), "the same"), (np.zeros((1, 3)), "at least 2"), (np.full((3, 2), np.nan), "NaN")],
)
def test_a_reference_that_makes_no_kernel_is_refused(rows: np.ndarray, message: str) -> None:
    """One sound over and over would give a bandwidth of 0, and with it 0/0."""
    with pytest.raises(ValueError, match=message):
        median_distance(rows)


def test_what_does_not_fit_is_refused() -> None:
    rows, folds = _rows(12, 4), np.arange(4)
    with pytest.raises(ValueError, match="different sources"):
        kernel_sums(rows, ["a"] * 4, np.zeros(4, dtype=np.int64), rows, 1.0).discrepancy()
    with pytest.raises(ValueError, match="reference rows"):
        kernel_sums(rows, list("abcd"), folds, rows[:1], 1.0)
    with pytest.raises(ValueError, match="groups"):
        kernel_sums(rows, list("abc"), folds, rows, 1.0)
    with pytest.raises(ValueError, match="dimensions"):
        kernel_sums(rows, list("abcd"), folds, _rows(0, 4, 5), 1.0)
