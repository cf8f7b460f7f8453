"""Intervals cover what they claim to cover, and say nothing where there is too little."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.frechet import factors_of_blocks, factors_of_rows, frechet_distance, group_rows, leave_out_distances
from evalkit.stats.intervals import UNBOUNDED, assign_folds, clustered_mean, jackknife, jackknife_interval


@given(st.lists(st.text(max_size=4), min_size=1, max_size=80), st.integers(1, 25))
@settings(deadline=None)
def test_folds_are_whole_groups_in_any_order(groups: list[str], most: int) -> None:
    """A group split over folds would count one clip's captions as independent."""
    folds = assign_folds(groups, most)
    by_group: dict[str, set[int]] = {}
    for group, fold in zip(groups, folds.tolist(), strict=True):
        by_group.setdefault(group, set()).add(fold)
    assert all(len(own) == 1 for own in by_group.values())
    assert set(folds.tolist()) == set(range(min(most, len(by_group))))
    assert assign_folds(groups[::-1], most).tolist() == folds[::-1].tolist()


def test_folds_survive_broken_unicode() -> None:
    assert assign_folds(["\ud800", "a"]).shape == (2,)


def test_jackknife_of_a_mean_is_the_textbook_standard_error() -> None:
    values = np.random.default_rng(0).standard_normal(20)
    interval = jackknife(lambda keep: float(values[keep].mean()), [str(i) for i in range(20)])
    assert interval is not None
    assert interval.se == pytest.approx(values.std(ddof=1) / np.sqrt(20), rel=1e-10)
    assert (interval.low + interval.high) / 2 == pytest.approx(values.mean(), rel=1e-10)
    assert (interval.level, interval.method) == (0.95, "jackknife over 20 groups")


def test_clustered_mean_of_single_items_is_the_t_interval() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(1).standard_normal(12)
    interval = clustered_mean(values.tolist(), [str(i) for i in range(12)])
    assert interval is not None
    expected = scipy_stats.t.interval(0.95, 11, values.mean(), values.std(ddof=1) / np.sqrt(12))
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-10)


def test_repeating_every_item_does_not_narrow_the_interval() -> None:
    """Five captions of one clip are not five clips; an interval that shrinks by sqrt(5) is a false promise."""
    values = np.random.default_rng(2).standard_normal(30)
    groups = [str(i) for i in range(30)]
    once = clustered_mean(values.tolist(), groups)
    five = clustered_mean(np.repeat(values, 5).tolist(), np.repeat(groups, 5).tolist())
    assert once is not None
    assert five is not None
    assert five.se == pytest.approx(once.se, rel=1e-10)


@pytest.mark.parametrize("groups", [[], ["a"], ["a", "b", "c", "d"], ["a"] * 50])
def test_under_five_groups_there_is_none(groups: list[str]) -> None:
    """Never a made-up interval."""
    if groups:
        assert clustered_mean([0.5] * len(groups), groups) is None
    assert jackknife_interval(1.0, [1.0] * min(len(set(groups)), 4)) is None
    assert not groups or jackknife(lambda keep: float(keep.sum()), groups) is None


def test_equal_values_have_no_width_and_nan_is_refused() -> None:
    interval = clustered_mean([0.25] * 10, [str(i) for i in range(10)])
    assert interval is not None
    assert interval.low == interval.high == 0.25
    with pytest.raises(ValueError, match="NaN"):
        clustered_mean([0.0, float("nan")], ["a", "b"])
    with pytest.raises(ValueError, match="NaN"):
        jackknife_interval(1.0, [1.0, float("inf"), 1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="groups"):
        clustered_mean([], [])
    with pytest.raises(ValueError, match="groups"):
        clustered_mean([1.0], ["a", "b"])


UNIT = st.floats(0, 1)


@given(st.lists(UNIT, min_size=5, max_size=30), st.floats(-100, 100), st.floats(0.01, 100))
@settings(deadline=None)
def test_an_interval_stays_in_its_range_and_holds_its_value(values: list[float], low: float, width: float) -> None:
    """Silence of [-0.12, 0.52] and a correlation of up to 1.06 are no statements about either."""
    groups = [str(place) for place in range(len(values))]
    for ends in ((low, low + width), (low, math.inf), (-math.inf, low + width)):
        moved = [low + width * value for value in values]
        found = clustered_mean(moved, groups, bounds=ends)
        assert found is not None
        mean = float(np.mean(moved))
        assert min(ends[0], mean) <= found.low <= mean <= found.high <= max(ends[1], mean)
        plain = clustered_mean(moved, groups)
        assert plain is not None
        assert (found.se, found.freedom) == (plain.se, len(values) - 1)


def test_far_from_the_ends_an_interval_is_the_plain_one() -> None:
    values = np.random.default_rng(5).uniform(0.45, 0.55, 200).tolist()
    groups = [str(place) for place in range(200)]
    plain, share = clustered_mean(values, groups), clustered_mean(values, groups, bounds=(0.0, 1.0))
    distance = clustered_mean(values, groups, bounds=(0.0, math.inf))
    assert plain is not None
    assert share is not None
    assert distance == plain
    assert (share.low, share.high) == pytest.approx((plain.low, plain.high), abs=2e-5)


def test_a_share_of_yes_and_no_has_wilsons_interval() -> None:
    """40 of 100: scipy's Wilson interval, with the normal's quantile in place of t's."""
    scipy_stats = pytest.importorskip("scipy.stats")
    found = clustered_mean([1.0] * 400 + [0.0] * 600, [str(place) for place in range(1000)], bounds=(0.0, 1.0))
    expected = scipy_stats.binomtest(400, 1000).proportion_ci(method="wilson")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=2e-4)


def test_at_its_end_a_statistic_still_has_an_interval() -> None:
    """Coverage 1.00 whose leave-outs fall short of it."""
    found = jackknife_interval(1.0, [1.0] * 20 + [0.95] * 5, bounds=(0.0, 1.0))
    plain = jackknife_interval(1.0, [1.0] * 20 + [0.95] * 5)
    assert found is not None
    assert plain is not None
    assert (found.low, found.high) == (plain.low, 1.0)
    assert found.se == plain.se


@pytest.mark.parametrize("groups", [10, 30])
def test_a_skewed_share_is_covered_no_worse_than_by_the_plain_interval(groups: int) -> None:
    """Silence as it is: none in most clips, much in some."""
    draw = np.random.default_rng(6)
    held = {"plain": 0, "share": 0}
    names, truth = [str(place) for place in range(groups)], 0.4 * 2 / 7
    for _ in range(1000):
        values = (draw.uniform(size=groups) < 0.4) * draw.beta(2, 5, groups)
        for name, bounds in (("plain", UNBOUNDED), ("share", (0.0, 1.0))):
            found = clustered_mean(values.tolist(), names, bounds=bounds)
            assert found is not None
            held[name] += found.low <= truth <= found.high
    assert held["share"] / 1000 >= 0.9
    assert held["share"] >= held["plain"]


def test_a_wider_level_is_wider() -> None:
    values, groups = list(range(20)), [str(i) for i in range(20)]
    narrow, wide = clustered_mean(values, groups, 0.8), clustered_mean(values, groups, 0.99)
    assert narrow is not None
    assert wide is not None
    assert wide.low < narrow.low < narrow.high < wide.high
    with pytest.raises(ValueError, match="level"):
        clustered_mean(values, groups, 1.5)


def test_clustered_mean_covers() -> None:
    """Groups of unequal size with strong likeness inside: at least 0.90 of 400 draws hold the true mean."""
    generator = np.random.default_rng(3)
    sizes = generator.integers(1, 6, 30)
    groups = np.repeat([str(i) for i in range(30)], sizes).tolist()
    held = 0
    for _ in range(400):
        values = np.repeat(generator.standard_normal(30), sizes) + 0.3 * generator.standard_normal(len(groups))
        interval = clustered_mean(values.tolist(), groups)
        assert interval is not None
        held += interval.low <= 0 <= interval.high
    assert held / 400 >= 0.90


def _frechet_coverage(draws: int, clips: int, d: int, frames: int) -> float:
    """How often the interval of one draw holds the mean of the distance over draws, at this number of clips.

    A clip is a centre and frames around it, so its frames are far from independent.
    """
    generator = np.random.default_rng(4)
    spread = np.linspace(1.0, 0.2, d)
    reference = factors_of_rows(generator.standard_normal((4000, d)) * spread + 0.1)
    names = [str(i) for i in range(clips)]
    values, intervals = [], []
    for _ in range(draws):
        centres = generator.standard_normal((clips, 1, d)) * spread
        blocks = list(0.9 * centres + 0.45 * spread * generator.standard_normal((clips, frames, d)))
        value = frechet_distance(factors_of_blocks(blocks), reference)
        leave_outs = leave_out_distances(group_rows(blocks, assign_folds(names)), reference)
        values.append(value)
        intervals.append(jackknife_interval(value, leave_outs))
    expected = float(np.mean(values))
    return float(np.mean([one is not None and one.low <= expected <= one.high for one in intervals]))


def test_frechet_jackknife_covers_at_small_size() -> None:
    """The naive bootstrap covers 0.00 here; at least 0.85 of 60 draws is what a fast test can hold it to."""
    assert _frechet_coverage(60, 100, 12, 4) >= 0.85


def test_frechet_jackknife_covers() -> None:
    """At a mini suite's size: at least 0.90 of 200 draws."""
    assert _frechet_coverage(200, 200, 32, 5) >= 0.90
