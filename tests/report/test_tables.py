"""The table as text: nothing in a name is acted on by a spreadsheet, a Markdown reader or a terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.report.board import boards
from evalkit.report.published import Figure
from evalkit.report.records import read_runs
from evalkit.report.tables import (
    csv_text,
    further_header,
    further_rows,
    header,
    markdown,
    records,
    rows,
    sheets,
)

Make = Callable[..., Path]


def test_short_form_says_value_interval_rank_and_n(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run("a"), make_run("b", fd=300.0)]))
    assert header(board)[1:] == ("FD-OpenL3 ↓", "KL-PaSST ↓", "CLAP score ↑")
    first, second = rows(board)
    assert first[:2] == ("A  a (mini), dpmpp-3m-sde-50", "118.4 [111.1, 125.7], rank 1, n 7, 1 failed, note 1")
    assert second[3] == "0.312 [0.291, 0.333], rank 1–2, n 7, 1 failed"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1+1"])
def test_a_formula_in_a_csv_cell_is_neutralised(make_run: Make, name: str) -> None:
    text = csv_text(boards(read_runs([make_run(name)])))
    models = {record["model"] for record in csv.DictReader(io.StringIO(text, newline=""))}
    assert all(model.startswith("'") for model in models)


def test_csv_keeps_full_precision_and_negative_numbers(make_run: Make) -> None:
    text = csv_text(boards(read_runs([make_run(clap=-0.1234567890123)])))
    values = {record["metric"]: record["value"] for record in csv.DictReader(io.StringIO(text, newline=""))}
    assert values["clap_score"] == "-0.1234567890123"


def test_markdown_cells_cannot_break_the_table(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run("a|b\n<script>`x` [l](http://e) \\")]))
    lines = [line for line in markdown(board).splitlines() if line.startswith("|")]
    assert len(lines) == 3
    assert all(line.replace("\\\\", "").replace("\\|", "").count("|") == 5 for line in lines)
    assert "<script>" not in markdown(board)
    assert "\\[l\\]" in markdown(board)


def test_records_are_strict_json(make_run: Make) -> None:
    found = records(boards(read_runs([make_run(fd=None)])))
    assert json.loads(json.dumps(found, allow_nan=False))[0]["value"] is None


def test_further_measures_are_a_table_of_their_own_everywhere(make_run: Make, with_further: Any) -> None:
    """Beside the headline metrics they would widen every table beyond reading, and look like ranks."""
    (board,) = boards(read_runs([make_run("a", change=with_further), make_run("b", change=with_further)]))
    assert header(board)[1:] == ("FD-OpenL3 ↓", "KL-PaSST ↓", "CLAP score ↑")
    assert further_header(board) == ("further measures", "A", "B")
    lines = dict(zip(*list(zip(*further_rows(board), strict=True))[:2], strict=True))
    assert lines["Loudness (LUFS)"] == "−21.4 [−22.5, −20.3]"
    assert lines["Clipping ↓ (share of the samples)"] == "0.000120 [0.000080, 0.000160]"
    assert [len(sheet.header) for sheet in sheets(board)] == [4, 3]
    assert markdown(board).count("| --- |") == 2
    kinds = {record["metric"]: record["kind"] for record in records([board])}
    assert kinds["fd_openl3"] == "headline"
    assert {kinds[name] for name in ("kad_openl3", "silence_share")} == {"further"}


def test_published_figures_are_rows_with_their_source(make_run: Make, full_run: Any, figure: Figure) -> None:
    hearsay = replace(figure, system="Hearsay", metric="clap_score", value=0.4, checked=False)
    (board,) = boards(read_runs([make_run("a", size="full", change=full_run)]), [figure, hearsay])
    first, second = rows(board)[1:]
    assert first[0].startswith("published: Stable Audio Open, stereo · 44.1 kHz · 10 s, Evans et al. 2024")
    assert first[1:] == ("78.24", "–", "–")
    assert second[0].startswith("published: Hearsay (second-hand)")
    told = {record["model"]: record for record in records([board]) if record["kind"] == "published"}
    assert (told["Stable Audio Open"]["value"], told["Stable Audio Open"]["low"]) == (78.24, None)
    assert told["Hearsay"]["source"] == "Evans et al. 2024, arXiv 2407.14358, Table 1 (second-hand)"
    assert "second-hand" in csv_text([board])


def test_an_unfinished_run_is_marked_in_every_form_and_takes_no_rank(make_run: Callable[..., Path]) -> None:
    """Its folder has figures of before: they are not its own, in no table, and the other runs are ranked without it."""

    def redone(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["status"] = "cancelled"

    runs = [make_run("a"), make_run("b", fd=300.0), make_run("c", fd=100.0, change=redone)]
    both, alone = boards(read_runs(runs))
    assert [row.entrant.record.model["name"] for row in both.rows] == ["a", "b"] and not alone.columns
    words = ("not finished: it was interrupted", "not finished")
    assert all(word in markdown(alone) for word in words) and "100" not in markdown(alone)
    (row,) = csv.DictReader(io.StringIO(csv_text([alone])))
    assert (row["kind"], row["model"], row["value"]) == ("unfinished", "c", "") and words[0] in row["warnings"]
    assert [record["kind"] for record in records([alone])] == ["unfinished"]
