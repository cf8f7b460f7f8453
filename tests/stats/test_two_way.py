"""Intervals by listener and clip, and variance components, against published and foreign figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.intervals import clustered_mean
from evalkit.stats.two_way import clustered_error, components, two_way_mean

RATINGS = (
    "0:0=2 0:1=2 0:2=2 0:5=2 0:6=2 0:7=2 1:2=3 1:3=2 1:5=2 1:6=3 1:7=4 2:0=3 2:1=3 2:3=2 2:4=4 3:0=3 3:1=3 3:2=3 3:3=4 "
    "3:4=4 3:7=4 4:1=1 4:2=3 4:3=3 4:4=2 4:5=3 5:0=2 5:2=3 5:3=3 5:5=5 5:7=5"
)
"""31 ratings, listener:clip=points."""

JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
"""Shrout and Fleiss 1979, table 2: six targets, four judges."""


def sparse() -> tuple[list[int], list[int], list[float]]:
    triples = [each.replace("=", ":").split(":") for each in RATINGS.split()]
    return [int(a) for a, _, _ in triples], [int(b) for _, b, _ in triples], [float(c) for _, _, c in triples]


def test_the_error_of_a_mean_is_that_of_statsmodels() -> None:
    """statsmodels 0.15.0, cov_cluster_2groups of a regression on a constant: 0.2730546; by listener 0.27548845."""
    listeners, clips, points = sparse()
    influences = (np.array(points) - np.mean(points)) / len(points)
    both, one = clustered_error(influences, listeners, clips), clustered_error(influences, listeners)
    assert one is not None and one.se == pytest.approx(0.27548845, rel=1e-6)
    # By chance the two-way variance is below the listeners' own here; the larger is told.
    assert both is not None and both.se == pytest.approx(0.27548845, rel=1e-6)
    doubled = influences.copy()
    doubled[np.array(clips) == 5] += 0.05
    two = clustered_error(doubled, listeners, clips)
    assert two is not None and two.se > both.se


def test_one_way_is_the_clustered_mean() -> None:
    """One definition of a cluster in evalkit, not two."""
    listeners, _, points = sparse()
    error = clustered_error((np.array(points) - np.mean(points)) / len(points), listeners)
    known = clustered_mean(points, [str(each) for each in listeners])
    assert error is not None and known is not None
    assert (error.se, error.freedom) == (pytest.approx(known.se), known.freedom)


def test_shrout_and_fleiss() -> None:
    """Their table 4: ICC(2,1) .29, ICC(3,1) .71, ICC(2,4) .62, ICC(3,4) .91."""
    clips, judges = np.repeat(np.arange(6), 4).tolist(), np.tile(np.arange(4), 6).tolist()
    found = components(JUDGES.ravel(), clips, judges)
    assert found is not None and not found.cut
    told = [found.agreement(), found.consistency(), found.agreement(4), found.consistency(4)]
    assert [round(each or 0, 2) for each in told] == [0.29, 0.71, 0.62, 0.91]


def test_components_of_an_incomplete_design_are_unbiased() -> None:
    """A listening test never has every listener hear every clip."""
    rng, found = np.random.default_rng(3), []
    for _ in range(60):
        clip, listener = np.nonzero(rng.random((40, 25)) < 0.3)
        values = 2.0 * rng.standard_normal(40)[clip] + 1.0 * rng.standard_normal(25)[listener]
        each = components(values + 1.5 * rng.standard_normal(len(clip)), clip.tolist(), listener.tolist())
        assert each is not None
        found.append((each.clips, each.listeners, each.rest))
    assert np.mean(found, axis=0) == pytest.approx([4.0, 1.0, 2.25], rel=0.12)


def test_where_nothing_can_be_told_nothing_is() -> None:
    """Few listeners, all alike, or listeners of one clip each."""
    assert two_way_mean([1, 2, 3], [0, 1, 2], [0, 1, 2]) is None
    assert two_way_mean([3.0] * 36, [i // 6 for i in range(36)], [i % 6 for i in range(36)]) is None
    assert components([1.0, 2.0, 3.0], ["a", "b", "c"], ["x", "y", "z"]) is None
    with pytest.raises(ValueError):
        clustered_error([1.0, float("nan")], ["a", "b"])
    with pytest.raises(ValueError):
        two_way_mean([], [], [])


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 5)), min_size=1, max_size=60), st.randoms()
)
def test_order_and_names_say_nothing(rows: list[tuple[int, int, int]], random: object) -> None:
    """The same answers collected in another order are the same result; no answer makes an interval without its mean."""
    again = list(rows)
    random.shuffle(again)  # type: ignore[attr-defined]
    first, second = (
        two_way_mean([r[2] for r in some], [f"l{r[0]}" for r in some], [f"c{r[1]}" for r in some])
        for some in (rows, again)
    )
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert second.se == pytest.approx(first.se, rel=1e-6, abs=1e-9)
        assert first.low <= np.mean([r[2] for r in rows]) <= first.high
