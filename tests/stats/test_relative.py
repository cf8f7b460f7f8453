"""Which of two sets is nearer to the reference: the difference's error by what each sound and each reference adds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from evalkit.stats.intervals import assign_folds
from evalkit.stats.kernel import KernelSums, kernel_sums
from evalkit.stats.relative import Influences, kernel_influences, relative_interval

WIDTH = 2.0


def _rows(rng: np.random.Generator, n: int, shift: float = 0.0) -> np.ndarray:
    return rng.standard_normal((n, 3)) + shift


def _sums(rows: np.ndarray, groups: list[str], reference: np.ndarray) -> KernelSums:
    return kernel_sums(rows, groups, assign_folds(groups), reference, WIDTH)


def _names(n: int, each: int = 1) -> list[str]:
    return [f"s{place // each}" for place in range(n)]


def test_the_parts_are_the_first_order_of_the_textbook() -> None:
    """With loops: 2 / n * (mean k(a, a') - mean k(a, y), less its mean) for a sound, -2 / m * mean k(a, y) for a y."""
    rng = np.random.default_rng(0)
    rows, reference = _rows(rng, 9, 0.4), _rows(rng, 7)
    found = kernel_influences(_sums(rows, _names(9), reference), _names(9))

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-np.square(a - b).sum() / (2 * WIDTH**2)))

    own = np.array([np.mean([k(a, b) for j, b in enumerate(rows) if j != i]) for i, a in enumerate(rows)])
    across = np.array([[k(a, y) for y in reference] for a in rows])
    sounds = 2 / 9 * (own - own.mean() - across.mean(axis=1) + across.mean())
    assert [found.sources[f"s{i}"] for i in range(9)] == pytest.approx(sounds.tolist(), rel=1e-9, abs=1e-12)
    assert list(found.reference) == pytest.approx((-2 / 7 * (across.mean(axis=0) - across.mean())).tolist(), abs=1e-12)


def test_the_parts_of_unequal_sources_are_what_leaving_each_out_does() -> None:
    """A foreign route to the same error: the jackknife over sources agrees where there are many."""
    rng = np.random.default_rng(1)
    groups = [f"s{place}" for place in range(60) for _ in range(1 + place % 3)]
    rows = np.repeat(_rows(rng, 60), [1 + place % 3 for place in range(60)], axis=0)
    rows = rows + 0.5 * _rows(rng, len(rows), 0.6)
    reference = _rows(rng, 50)
    sums = _sums(rows, groups, reference)
    parts = kernel_influences(sums, groups)
    assert sum(parts.sources.values()) == pytest.approx(0, abs=1e-12)
    assert sum(parts.reference) == pytest.approx(0, abs=1e-12)
    names, whole = sorted(parts.sources), sums.discrepancy()
    left = []
    for name in names:
        kept = [i for i, group in enumerate(groups) if group != name]
        left.append(_sums(rows[kept], [groups[i] for i in kept], reference).discrepancy())
    moved = [whole - each for each in left]
    assert np.corrcoef(moved, [parts.sources[name] for name in names])[0, 1] > 0.99
    jackknife = np.sqrt(59 / 60 * np.square(np.array(left) - np.mean(left)).sum())
    own = np.sqrt(60 / 59 * sum(part**2 for part in parts.sources.values()))
    assert own == pytest.approx(jackknife, rel=0.05)


def test_the_error_is_the_spread_of_the_difference() -> None:
    """Drawn 300 times, prompts shared by both sets and the reference drawn anew: the stated error is the found one."""
    rng, values, errors = np.random.default_rng(2), [], []
    for _ in range(300):
        shared, reference = _rows(rng, 60), _rows(rng, 40)
        sides = [shared + 0.4 * _rows(rng, 60) + shift for shift in (0.5, 0.8)]
        sums = [_sums(side, _names(60, 2), reference) for side in sides]
        value = sums[0].discrepancy() - sums[1].discrepancy()
        ends = relative_interval(value, *(kernel_influences(each, _names(60, 2)) for each in sums))
        assert ends is not None
        values.append(value)
        errors.append(ends.se)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.12)


def test_what_is_shared_cancels() -> None:
    parts = Influences({f"s{i}": float(i) for i in range(8)}, [1.0, 2.0, 3.0])
    same = relative_interval(0.0, parts, parts)
    assert same is not None and same.se == 0
    half = Influences({name: part / 2 for name, part in parts.sources.items()}, [0.5, 1.0, 1.5])
    ends = relative_interval(1.0, parts, half)
    assert ends is not None and ends.freedom == 7 and ends.low < 1 < ends.high
    assert all(a <= b for a, b in pairwise([ends.low, 1.0, ends.high]))


def test_what_does_not_fit_is_refused() -> None:
    parts = Influences({f"s{i}": 0.1 for i in range(8)}, [0.0, 0.0])
    few = Influences({f"s{i}": 0.1 for i in range(4)}, [0.0, 0.0])
    assert relative_interval(1.0, few, few) is None
    for other in (few, Influences(parts.sources, [0.0] * 3)):
        with pytest.raises(ValueError, match="same"):
            relative_interval(1.0, parts, other)
    rng = np.random.default_rng(0)
    rows = _rows(rng, 4)
    with pytest.raises(ValueError, match="different sources"):
        kernel_influences(_sums(rows, ["a"] * 4, rows), ["a"] * 4)
    with pytest.raises(ValueError, match="one source for each"):
        kernel_influences(_sums(rows, list("abcd"), rows), list("abc"))
