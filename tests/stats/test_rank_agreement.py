"""Agreement of ranks: scipy's coefficients, and the mix of levels that fools people."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.rank_agreement import accuracy, agreement, kendall, spearman

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30)


@given(POINTS)
def test_coefficients_are_scipys(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(column, float) for column in zip(*pairs, strict=True))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        assert spearman(one, other) is None and kendall(one, other) is None
        return
    assert spearman(one, other) == pytest.approx(scipy.stats.spearmanr(one, other).statistic)
    assert kendall(one, other) == pytest.approx(scipy.stats.kendalltau(one, other).statistic)


@given(POINTS)
def test_accuracy_counts_pairs(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(column, float) for column in zip(*pairs, strict=True))
    told = [
        0.5 if one[i] == one[j] else float((one[i] > one[j]) == (other[i] > other[j]))
        for i in range(len(one))
        for j in range(i)
        if other[i] != other[j]
    ]
    told = told if np.ptp(one) else []
    assert accuracy(one, other) == (pytest.approx(np.mean(told)) if told else None)


def test_a_metric_that_only_knows_the_system_does_not_agree_within() -> None:
    """0.9 between systems and nothing within: pooled, it would look like agreement."""
    rng = np.random.default_rng(0)
    level, clip = np.repeat(np.arange(10.0), 40), rng.standard_normal(400)
    systems = [f"s{int(each)}" for each in level]
    found = agreement(level + rng.standard_normal(400), level + clip, systems, [str(i) for i in range(400)])
    assert (found.between["spearman"].value or 0) > 0.95 and found.between["spearman"].interval is not None
    within = found.within["spearman"]
    assert within.value is not None and abs(within.value) < 0.15 and within.interval is not None
    assert within.interval.low < 0 < within.interval.high
    assert (found.systems, found.several, found.clips) == (10, 10, 400)


def test_the_interval_within_holds() -> None:
    """The truth is Pearson 0.5 of Gaussians, whose Spearman is 6 / pi asin(0.25)."""
    rng, held, truth = np.random.default_rng(3), 0, 6 / np.pi * np.arcsin(0.25)
    systems = [f"s{i // 50}" for i in range(200)]
    for _ in range(60):
        one = rng.standard_normal(200)
        other = 0.5 * one + 0.75**0.5 * rng.standard_normal(200)
        found = agreement(one, other, systems, [str(i) for i in range(200)]).within["spearman"].interval
        assert found is not None
        held += found.low <= truth <= found.high
    assert held >= 52


def test_few_systems_have_no_correlation() -> None:
    """Three systems are in the right order one time in six by luck."""
    found = agreement(range(9), range(9), list("aaabbbccc"), list("123456789"))
    assert found.between["spearman"].value is None and found.within["spearman"].value is None and found.several == 0
