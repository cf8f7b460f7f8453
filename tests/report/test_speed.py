"""The page says how fast each run was, on what, and how many sounds were made for each one that was kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.report.page import render
from evalkit.report.records import read_runs
from evalkit.report.speed import HEADINGS, summary
from evalkit.report.view import build

Change = Callable[[dict[str, Any]], None]


def page(make_run: Callable[..., Path], name: str = "a", **speed: object) -> tuple[dict[str, str], str]:
    """The cells of the one row, and the page's text; `speed` is laid over the fixture's block."""

    def change(run: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        run["speed"] = {**run["speed"], **speed}

    view = build(read_runs([make_run(name, change=change)]), "none")
    (pace,) = view.sections[0].paces
    return dict(zip(HEADINGS, pace.cells, strict=True)), render(view, "")


def test_every_part_of_the_clock_has_its_cell(make_run: Callable[..., Path]) -> None:
    cells, text = page(make_run)
    assert cells["seconds per clip"] == "0.412" and cells["real-time factor"] == "0.31"
    assert (cells["text (s)"], cells["sample (s)"], cells["decode (s)"]) == ("0.01", "0.3", "0.1")
    assert cells["first batch (s)"] == "2.5" and cells["loading (s)"] == "3.25"
    assert cells["peak memory"] == "1.5 GiB"
    assert cells["made with"] == "cpu (Some Processor, 2 threads), float32, 100 steps, batch 8"
    assert "1.5 GiB" in text and "warm-up included" not in text


@pytest.mark.parametrize(
    ("work", "told"),
    [
        ({"by": "inline", "workers": 1}, ""),
        ({"by": "pool", "workers": 1}, "1 worker, "),
        ({"by": "pool", "workers": 4}, "4 workers, "),
        ({"by": "ray", "workers": 2}, "2 workers by Ray, "),
        ({"workers": 2}, "2 workers, "),  # of runs of before
        ({"by": ["<b>"], "workers": "many"}, ""),
    ],
)
def test_workers_are_told_in_the_row_the_panel_and_the_terminal(
    make_run: Callable[..., Path], work: dict[str, object], told: str
) -> None:
    def change(run: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        run["speed"], run["work"] = {**run["speed"], **work}, {**work, "devices": ["cpu"]}

    view = build(read_runs([make_run("a", change=change)]), "none")
    assert view.sections[0].paces[0].cells[-1] == f"cpu (Some Processor, 2 threads), {told}float32, 100 steps, batch 8"
    assert (f"{told[:-2]} on cpu" in render(view, "")) == bool(told)
    assert f"(cpu, {told}float32)" in summary({"seconds_per_clip": 0.5, "device": "cpu", "dtype": "float32", **work})


def test_best_of_k_is_declared_in_the_leaderboards_row(make_run: Callable[..., Path]) -> None:
    """Choosing the best of three by CLAP raises the CLAP score; the row must say that it was done."""
    cells, text = page(make_run, best_of=3)
    assert cells["made with"].endswith("best of 3")
    assert "best of 3" in text.split('id="s1-speed"')[0]
    assert "best of 1" not in page(make_run, "b")[1]


def test_a_lone_first_batch_is_told(make_run: Callable[..., Path]) -> None:
    assert "one batch only: warm-up included" in page(make_run, warm_up_included=True)[1]


def test_a_moment_is_no_power_of_ten(make_run: Callable[..., Path]) -> None:
    """2.39e-06 s of loading would be measured in a column of seconds by nobody."""
    cells, _ = page(make_run, load_seconds=2.39e-6, parts={"text": 0.0})
    assert (cells["loading (s)"], cells["text (s)"], cells["sample (s)"]) == ("<0.001", "<0.001", "n/a")


@pytest.mark.parametrize("broken", [{"parts": 3}, {"peak_bytes": "much"}, {"device_name": ["<b>"]}, {"steps": None}])
def test_a_strange_block_does_not_break_the_page(make_run: Callable[..., Path], broken: dict[str, object]) -> None:
    _, text = page(make_run, **broken)
    assert "<b>" not in text


def test_a_run_without_the_block_has_no_row(make_run: Callable[..., Path]) -> None:
    """Audio made elsewhere, and runs of before."""

    def change(run: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        run["speed"] = {}

    view = build(read_runs([make_run("a", change=change)]), "none")
    assert view.sections[0].paces == () and "s1-speed" not in render(view, "")


def test_the_terminal_gets_one_line() -> None:
    block = {"seconds_per_clip": 0.461, "real_time_factor": 0.168, "device": "cpu", "dtype": "float32", "steps": 50}
    told = summary({**block, "best_of": 2, "peak_bytes": 2**29})
    expected = "0.461 s per clip, 0.168 s per second of audio (cpu, float32, 50 steps, best of 2), peak memory 512 MiB"
    assert told == expected
    assert summary({}) == summary(None) == ""
