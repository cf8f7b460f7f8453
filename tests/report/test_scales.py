"""The marks on the scales beside runs: rows that line up with theirs, in every output, and none that says nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.report.board import Board, boards
from evalkit.report.charts import charts
from evalkit.report.page import write_report
from evalkit.report.records import read_runs
from evalkit.report.scales import mark_rows, marks_told
from evalkit.report.tables import csv_text, markdown, records, rows
from evalkit.suites.anchors import ANCHORS, Anchor, keep_anchors, kept_at

Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))


def board(runs: list[Path]) -> Board:
    return boards(read_runs(runs))[0]


def mark(runs: list[Path], metric: str, anchor: str, value: float | None, told: str = "") -> Anchor:
    """One anchor on the very scale of these runs, kept for their suite."""
    found = board(runs)
    column = next(each for each in found.columns if each.metric == metric)
    ends = (None, None) if value is None else (value - 1, value + 1)
    made = Anchor(anchor, metric, column.protocol, column.weights, column.code, value, *ends, 0.95, 8, 16, told)
    keep_anchors(kept_at(found.digest), {"name": "own", "version": "1", "digest": found.digest}, [made], "by source")
    return made


def test_marks_stand_under_the_runs_in_their_columns(make_run: Make) -> None:
    runs = [make_run("one"), make_run("two", fd=130.0)]
    assert mark_rows(board(runs)) == () and marks_told(board(runs)) == ()
    mark(runs, "fd_openl3", "halves", 20.0)
    mark(runs, "clap_score", "silence", None, "no recordings")
    under = mark_rows(board(runs))
    assert under == (("a  references, half against half", "20.0 [19.0, 21.0]", "–", "–"),)
    assert rows(board(runs))[-1] == under[0] and len(rows(board(runs))) == 3
    assert "references, half against half" in markdown(board(runs))
    assert marks_told(board(runs))[0].startswith("a: known sounds")
    kinds = [row["kind"] for row in csv.DictReader(io.StringIO(csv_text([board(runs)])))]
    assert kinds.count("anchor") == 2  # the one without a value too, with its reason
    assert [each["warnings"] for each in records([board(runs)]) if each["kind"] == "anchor"] == ["", "no recordings"]


def test_another_judges_marks_stand_nowhere(make_run: Make) -> None:
    runs = [make_run("one")]
    made = mark(runs, "fd_openl3", "noise", 300.0)
    kept = kept_at(board(runs).digest)
    kept.unlink()
    keep_anchors(kept, {"name": "own", "version": "1", "digest": board(runs).digest}, [replace(made, weights="x")], "")
    assert mark_rows(board(runs)) == ()


def test_the_page_has_them_and_is_made_again_when_they_come(make_run: Make, tmp_path: Path) -> None:
    runs = [make_run("one"), make_run("two", fd=130.0)]
    page = tmp_path / "page.html"
    write_report(runs, page, audio="none")
    before = page.read_text()
    assert 'class="cited marks"' not in before
    mark(runs, "fd_openl3", "halves", 110.0, "<b>hostile")
    write_report(runs, page, audio="none")
    after = page.read_text()
    assert 'class="cited marks"' in after and "<b>hostile" not in after
    assert after[:1000] != before[:1000]  # what it was made of


def test_a_mark_far_off_presses_no_run_into_a_corner(make_run: Make) -> None:
    runs = [make_run("one"), make_run("two", fd=130.0)]
    mark(runs, "fd_openl3", "low_pass", 121.0)
    mark(runs, "fd_openl3", "silence", 5000.0)
    drawn = charts(board(runs))[0]
    assert drawn.svg.count('class="anchor"') == 1
    assert drawn.marks == (f"c {ANCHORS['low_pass']}",) and drawn.far == ("f",)
