"""No run is called better where the intervals cannot tell."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.ties import standings

spans = st.tuples(st.floats(-5, 5), st.floats(0, 3)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def ranks(intervals: list[tuple[float, float] | None], direction: str) -> list[int | None]:
    return [standing.rank if standing else None for standing in standings(intervals, direction)]


def test_separate_intervals_are_ranked_by_direction() -> None:
    assert ranks([(1, 2), (5, 6), (3, 4)], "lower") == [1, 3, 2]
    assert ranks([(1, 2), (5, 6), (3, 4)], "higher") == [3, 1, 2]


def test_a_chain_of_overlaps_is_one_tie() -> None:
    """A and C do not meet, but B meets both: none of the three leads."""
    found = standings([(1, 2), (1.5, 3), (2.5, 4), (9, 10)], "lower")
    assert [standing.rank for standing in found if standing] == [1, 1, 1, 4]
    assert found[0] is not None
    assert found[0].tied == (1, 2)


def test_a_run_without_an_interval_or_direction_has_no_rank() -> None:
    assert ranks([(1, 2), None], "lower") == [1, None]
    assert ranks([(1, 2), (3, 4)], "") == [None, None]


@given(st.lists(spans, min_size=1, max_size=12), st.sampled_from(["lower", "higher"]))
def test_overlapping_runs_always_share_a_rank(intervals: list[tuple[float, float]], direction: str) -> None:
    found = ranks(list(intervals), direction)
    for one, (low, high) in enumerate(intervals):
        for other, (start, end) in enumerate(intervals):
            if low <= end and start <= high:
                assert found[one] == found[other]
            elif (high < start) == (direction == "lower"):
                assert (found[one] or 0) <= (found[other] or 0)
