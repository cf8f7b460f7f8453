"""Pictures carry numbers only, are the same bytes each time, and survive any number."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.board import boards
from evalkit.report.charts import axis_ticks, axis_told, charts
from evalkit.report.records import read_runs

Make = Callable[..., Path]


def test_one_picture_a_metric_and_intervals_only_to_compare(make_run: Make) -> None:
    """A set's distance has no per-prompt values: alone it needs no picture, beside others its intervals do."""
    one, two = make_run("a"), make_run("b", fd=300.0)
    (alone,) = boards(read_runs([one]))
    (board,) = boards(read_runs([one, two]))
    assert [chart.title for chart in charts(alone)] == ["KL-PaSST", "CLAP score"]
    assert [chart.title for chart in charts(board)] == ["FD-OpenL3", "KL-PaSST", "CLAP score"]
    assert "Runs from top: A, B" in charts(board)[0].alt


def test_equal_numbers_give_equal_bytes_and_colours_are_the_pages(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run()]))
    first, second = charts(board), charts(board)
    assert first == second
    assert "#" not in first[0].svg and "style=" not in first[0].svg, "the page's policy and its theme decide"


def test_pictures_hold_no_outside_text(make_run: Make) -> None:
    """A picture is put into the page as it is, so nothing that anybody wrote may be in it."""
    (board,) = boards(read_runs([make_run("$\\frac{<b>$"), make_run("x", fd=200.0)]))
    assert all("frac" not in chart.svg for chart in charts(board))


def test_extreme_numbers_are_drawn(make_run: Make) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        rows[0]["kl_passt"], rows[1]["kl_passt"], rows[2]["clap_score"] = 1e300, -1e300, float("inf")
        scores["fd_openl3"] |= {"value": 1e-300, "low": 0.0, "high": 1e300}

    (board,) = boards(read_runs([make_run("a", change=change), make_run("b", seed=1, change=change)]))
    assert len(charts(board)) == 3


def test_what_is_drawn_is_what_ranks(make_run: Make) -> None:
    """The picture had medians and quartiles beside a table of means."""
    (board,) = boards(read_runs([make_run("a"), make_run("b", seed=1, clap=0.2)]))
    found = next(chart for chart in charts(board) if chart.title == "CLAP score")
    assert "value that ranks" in found.caption and "95 % interval" in found.caption
    assert found.svg.count('class="at"') == found.svg.count('class="bar"') == found.svg.count('class="dots"') == 2


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_ticks_are_few_round_and_inside(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    found = axis_ticks(low, high) if high > low else [low]
    assert 1 <= len(found) <= 7 and all(low <= tick <= high or math.isclose(tick, low) for tick in found)
    assert all(float(axis_told(tick).replace("\u2212", "-")) == pytest.approx(tick, rel=1e-4) for tick in found)
