"""Paired comparison: sees what is there, holds its error rate, and can be repeated."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.paired import holm, paired_difference, smallest_detectable


def _names(count: int) -> list[str]:
    return [str(i) for i in range(count)]


def test_pairing_sees_a_small_difference_under_a_large_spread() -> None:
    """Prompts differ far more than systems do; unpaired, this difference is lost."""
    generator = np.random.default_rng(0)
    baseline = 3 * generator.standard_normal(60)
    candidate = baseline + 0.2 + 0.3 * generator.standard_normal(60)
    result = paired_difference(candidate.tolist(), baseline.tolist(), _names(60))
    assert result.p < 0.001
    assert scipy.stats.ttest_ind(candidate, baseline).pvalue > 0.3
    assert result.interval is not None
    assert result.interval.low < result.mean < result.interval.high
    assert result.interval.low > 0
    assert (result.n, result.groups) == (60, 60)


def test_p_is_near_the_t_tests_for_single_prompts() -> None:
    generator = np.random.default_rng(1)
    difference = generator.standard_normal(40) + 0.3
    result = paired_difference(difference.tolist(), [0.0] * 40, _names(40))
    assert result.p == pytest.approx(scipy.stats.ttest_1samp(difference, 0).pvalue, abs=0.02)


def test_few_groups_are_counted_out_exactly() -> None:
    """Six prompts, all better: 2 of 64 sign patterns are as far out."""
    result = paired_difference([1, 2, 3, 4, 5, 6], [0] * 6, _names(6))
    assert result.p == pytest.approx(2 / 64)


def test_groups_are_flipped_whole() -> None:
    """Fifty captions of three clips are three units: p cannot fall under 2 / 2**3."""
    groups = [str(i % 3) for i in range(50)]
    result = paired_difference([1.0] * 50, [0.0] * 50, groups)
    assert result.p == pytest.approx(0.25)
    assert result.interval is None


def test_no_difference_has_p_one() -> None:
    for count in (3, 40):
        result = paired_difference([0.5] * count, [0.5] * count, _names(count))
        assert (result.mean, result.p) == (0.0, 1.0)


def test_is_repeatable_and_antisymmetric() -> None:
    generator = np.random.default_rng(2)
    a, b = generator.standard_normal(30).tolist(), generator.standard_normal(30).tolist()
    first, again = paired_difference(a, b, _names(30)), paired_difference(a, b, _names(30))
    other = paired_difference(b, a, _names(30))
    assert first == again
    assert other.mean == pytest.approx(-first.mean)
    assert other.p == first.p


def test_holds_its_error_rate() -> None:
    """With no difference, at most about 5 % of comparisons are called different."""
    generator = np.random.default_rng(3)
    ps = [
        paired_difference(generator.standard_normal(25).tolist(), [0.0] * 25, _names(25), draws=499).p
        for _ in range(300)
    ]
    assert np.mean(np.array(ps) <= 0.05) <= 0.08


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="against"):
        paired_difference([1.0], [1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match="NaN"):
        paired_difference([float("nan")], [1.0], ["a"])
    with pytest.raises(ValueError, match="groups"):
        paired_difference([], [], [])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(deadline=None)
def test_holm_never_lowers_a_p_and_keeps_the_order(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert all(raw <= new <= 1 for raw, new in zip(ps, adjusted, strict=True))
    order = np.argsort(ps, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def test_smallest_detectable_is_found_with_its_power() -> None:
    """What a gate says that it can see, it must see 4 times of 5."""
    change = smallest_detectable(0.1)
    assert change == pytest.approx(0.1 * (1.959964 + 0.841621), rel=1e-5)
    seen = np.random.default_rng(4).normal(change, 0.1, 4000) > 1.959964 * 0.1
    assert seen.mean() == pytest.approx(0.8, abs=0.03)
    with pytest.raises(ValueError, match="power"):
        smallest_detectable(0.1, power=1.0)


@pytest.mark.parametrize("freedom", [4, 9, 24, 200])
def test_an_estimated_error_needs_a_larger_change(freedom: int) -> None:
    """With 5 sources the t test is much blinder than the normal one; a gate that claims otherwise is wrong."""
    change, rng = smallest_detectable(1.0, freedom=freedom), np.random.default_rng(freedom)
    drawn = rng.normal(change, 1.0, 20000) / np.sqrt(rng.chisquare(freedom, 20000) / freedom)
    assert (drawn > scipy.stats.t.ppf(0.975, freedom)).mean() == pytest.approx(0.8, abs=0.015)
    assert change > smallest_detectable(1.0)
