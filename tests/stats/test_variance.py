"""The variance components of one-way data, against a textbook, a mixed model and worlds whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.variance import components, prospects

TURNIPS = {
    "leaf 1": (3.28, 3.09, 3.03, 3.03),
    "leaf 2": (3.52, 3.48, 3.38, 3.38),
    "leaf 3": (2.88, 2.80, 2.81, 2.76),
    "leaf 4": (3.34, 3.38, 3.23, 3.26),
}
"""Calcium in turnip leaves: Snedecor and Cochran, "Statistical Methods", table 10.12.1: 0.0724 and 0.0066."""


def flat(table: dict[str, tuple[float, ...]]) -> tuple[list[float], list[str]]:
    return [v for each in table.values() for v in each], [name for name, each in table.items() for _ in each]


def test_the_textbooks_leaves() -> None:
    found = components(*flat(TURNIPS))
    assert found is not None and not found.cut
    assert round(found.between, 4) == 0.0724 and round(found.within, 4) == 0.0066
    assert (found.units, found.values) == (4, 16) and found.spread == pytest.approx(1 / 16)
    assert found.share == pytest.approx(0.0724 / 0.0790, abs=2e-3)


@given(st.lists(st.lists(st.floats(-100, 100), min_size=1, max_size=5), min_size=2, max_size=8), st.randoms())
def test_the_mean_squares_are_those_of_an_analysis_of_variance(table: list[list[float]], random: object) -> None:
    """scipy's F is their ratio, for any numbers of values; and the order of the values says nothing."""
    import scipy.stats

    values, units = flat({f"u{place}": tuple(each) for place, each in enumerate(table)})
    found = components(values, units)
    if len(values) == len(table):
        assert found is None
        return
    assert found is not None
    pairs = list(zip(values, units, strict=True))
    random.shuffle(pairs)  # type: ignore[attr-defined]
    again = components([value for value, _ in pairs], [unit for _, unit in pairs])
    assert again is not None and again.within == pytest.approx(found.within, rel=1e-6, abs=1e-9)
    if found.within < 1e-6:
        return
    ratio = float(scipy.stats.f_oneway(*table).statistic)
    counts = np.array([len(each) for each in table])
    n0 = (counts.sum() - (counts**2).sum() / counts.sum()) / (len(counts) - 1)
    expected = (ratio - 1) * found.within / n0
    assert found.between == pytest.approx(max(0.0, expected), rel=1e-6, abs=1e-6)
    if abs(expected) > 1e-6:
        assert found.cut == (expected < 0)


def test_ids_that_differ_in_a_nul_or_a_surrogate_alone_are_two() -> None:
    found = components([1.0, 1.1, 5.0, 5.1], ["a", "a", "a\0", "a\0"])
    assert found is not None and found.units == 2
    assert components([1.0, 2.0, 3.0, 4.0], ["\ud800", "\ud800", "b", "b"]) is not None


def test_where_nothing_can_be_told_there_is_nothing() -> None:
    assert components([], []) is None
    assert components([1.0, 2.0], ["a", "a"]) is None
    assert components([1.0, 2.0, 3.0], ["a", "b", "c"]) is None
    still = components([2.0, 2.0, 2.0, 2.0], ["a", "a", "b", "b"])
    assert still is not None and still.share is None and prospects(0.0, still).twice_values == 0.0
    with pytest.raises(ValueError, match="NaN"):
        components([1.0, math.nan], ["a", "a"])
    with pytest.raises(ValueError, match="2 values of 1"):
        components([1.0, 2.0], ["a"])


def test_more_of_either_never_promises_a_worse_error_nor_more_than_half_the_variance() -> None:
    """Also where, by chance, the error is smaller than what lies within the units alone."""
    noise = components([0.0, 9.0, 1.0, 8.0, 0.5, 8.5], ["a", "a", "b", "b", "c", "c"])
    assert noise is not None and noise.cut and noise.between == 0
    for se in (1e-9, 0.1, 3.0):
        ahead = prospects(se, noise)
        assert se / math.sqrt(2) - 1e-15 <= ahead.twice_values <= se
        assert ahead.twice_units == pytest.approx(se / math.sqrt(2))


def test_what_lies_between_units_is_not_bought_by_more_values() -> None:
    apart = components(*flat(TURNIPS))
    assert apart is not None
    se = math.sqrt((apart.between + apart.within / 4) / 4)
    expected = math.sqrt((apart.between + apart.within / 8) / 4)
    assert prospects(se, apart).twice_values == pytest.approx(expected)
