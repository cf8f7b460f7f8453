"""The inception score keeps its bounds and is the formula of its paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.inception import class_sums


def _probabilities(seed: int, n: int, classes: int, sharp: float = 1.0) -> np.ndarray:
    logits = sharp * np.random.default_rng(seed).standard_normal((n, classes))
    rows = np.exp(logits - logits.max(axis=1, keepdims=True))
    return rows / rows.sum(axis=1, keepdims=True)


def _score(rows: np.ndarray) -> float:
    return class_sums(rows, np.arange(len(rows)) % 6).inception_score()


def test_is_the_papers_formula() -> None:
    rows = _probabilities(0, 50, 10, 2.0)
    divergences = (rows * np.log(rows / rows.mean(axis=0))).sum(axis=1)
    assert _score(rows) == pytest.approx(np.exp(divergences.mean()), rel=1e-12)


def test_the_two_ends() -> None:
    """One certain clip of each class is the most there can be, clips that are all alike the least."""
    assert _score(np.eye(10)) == pytest.approx(10.0, rel=1e-12)
    assert _score(np.repeat(_probabilities(1, 1, 10), 8, axis=0)) == pytest.approx(1.0, abs=1e-12)
    assert _score(np.full((8, 10), 0.1)) == pytest.approx(1.0, abs=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 30), st.floats(0, 30))
def test_laws(seed: int, n: int, classes: int, sharp: float) -> None:
    """Between 1 and the number of classes, and of clips; blind to order of clips and classes, and to doubling all."""
    rows = _probabilities(seed, n, classes, sharp)
    value, rng = _score(rows), np.random.default_rng(seed)
    assert 1.0 <= value <= min(n, classes) * (1 + 1e-9)
    assert _score(rows[rng.permutation(n)]) == pytest.approx(value, rel=1e-9)
    assert _score(rows[:, rng.permutation(classes)]) == pytest.approx(value, rel=1e-9)
    assert _score(np.concatenate([rows, rows])) == pytest.approx(value, rel=1e-9)


def test_rises_with_certainty() -> None:
    values = [_score(_probabilities(2, 200, 10, sharp)) for sharp in (0.0, 0.5, 1.0, 3.0, 10.0)]
    assert values == sorted(values)


def test_float32_rows_that_miss_one_by_a_little_are_made_whole() -> None:
    rows = _probabilities(3, 30, 527).astype(np.float32) * np.float32(1.0004)
    assert _score(rows) == pytest.approx(_score(rows.astype(np.float64) / rows.sum(axis=1, keepdims=True)), rel=1e-5)


def test_leaving_a_fold_out_is_leaving_its_clips_out() -> None:
    rows, folds = _probabilities(4, 30, 8, 2.0), np.arange(30) % 6
    sums = class_sums(rows, folds)
    for fold in range(6):
        rest = folds != fold
        assert sums.inception_score(fold) == pytest.approx(class_sums(rows[rest], folds[rest]).inception_score())


@pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.ones((2, 3)), np.full((2, 2), np.nan), np.array([0.5, 0.5])])
def test_what_is_no_probability_is_refused(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="probabilities"):
        class_sums(rows, np.zeros(len(rows), dtype=np.int64))
