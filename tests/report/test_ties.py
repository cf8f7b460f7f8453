"""No run is called better where the intervals cannot tell."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.ties import standings

spans = st.tuples(st.floats(-5, 5), st.floats(0, 3)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def ranks(intervals: list[tuple[float, float] | None], direction: str) -> list[str | None]:
    return [standing.text if standing else None for standing in standings(intervals, direction)]


def test_separate_intervals_are_ranked_by_direction() -> None:
    assert ranks([(1, 2), (5, 6), (3, 4)], "lower") == ["1", "3", "2"]
    assert ranks([(1, 2), (5, 6), (3, 4)], "higher") == ["3", "1", "2"]


def test_a_chain_of_overlaps_has_no_winner_and_no_common_rank() -> None:
    """A and C do not meet, B meets both: nobody leads, and C is not said to be as good as A."""
    found = standings([(1, 2), (1.5, 3), (2.5, 4), (9, 10)], "lower")
    assert [standing.text for standing in found if standing] == ["1–2", "1–3", "2–3", "4"]
    assert found[0] is not None
    assert found[0].tied == (1,)


def test_a_run_without_an_interval_or_direction_has_no_rank() -> None:
    assert ranks([(1, 2), None], "lower") == ["1", None]
    assert ranks([(1, 2), (3, 4)], "") == [None, None]


@given(st.lists(spans, min_size=1, max_size=12), st.sampled_from(["lower", "higher"]))
def test_tied_runs_share_places_and_separate_runs_are_in_order(
    intervals: list[tuple[float, float]], direction: str
) -> None:
    found = standings(list(intervals), direction)
    for one, (low, high) in zip(found, intervals, strict=True):
        assert one is not None
        assert one.best <= one.worst
        assert (one.best == one.worst) == (not one.tied)
        for place, (other, (start, end)) in enumerate(zip(found, intervals, strict=True)):
            assert other is not None
            if low <= end and start <= high:
                assert max(one.best, other.best) <= min(one.worst, other.worst)
                assert other is one or place in one.tied
            elif (high < start) == (direction == "lower"):
                assert one.best < other.best or one.worst < other.worst
