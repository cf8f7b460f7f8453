"""What stands in one table, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalkit.report.board import Board, boards
from evalkit.report.records import read_runs

Make = Callable[..., Path]


def made(*folders: Path) -> tuple[Board, ...]:
    return boards(read_runs(folders))


def test_mini_and_full_never_share_a_table(make_run: Make) -> None:
    found = made(make_run("a"), make_run("b", size="full"), make_run("c", seed=2))
    assert [[row.entrant.name for row in board.rows] for board in found] == [["a", "c"], ["b"]]


def test_runs_over_other_prompts_never_share_a_table(make_run: Make) -> None:
    """A distance over 2 clips beside one over 8 would be read as a better model."""
    found = made(make_run("a"), make_run("b", prompts=[("x", "x", []), ("y", "y", [])]))
    assert [board.prompts for board in found] == [8, 2]


def test_one_metric_under_two_weights_gets_two_columns(make_run: Make) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        scores["clap_score"]["weights"] = "clap-other"

    (board,) = made(make_run("a"), make_run("b", change=change))
    assert [column.metric for column in board.columns] == ["fd_openl3", "kl_passt", "clap_score", "clap_score"]
    row = next(row for row in board.rows if row.entrant.name == "a")
    assert [cell.estimate is None for cell in row.cells] == [False, False, False, True]


def test_best_first_and_a_leader_only_where_intervals_part(make_run: Make) -> None:
    (board,) = made(make_run("far", fd=300.0), make_run("near", fd=118.0, clap=0.31), make_run("nan", fd=None))
    assert [row.entrant.name for row in board.rows] == ["near", "far", "nan"]
    assert [row.cells[0].best for row in board.rows] == [True, False, False]
    assert [row.cells[0].standing.text for row in board.rows[:2] if row.cells[0].standing] == ["1", "2"]
    assert board.rows[2].cells[0].standing is None
    assert not any(row.cells[2].best for row in board.rows)
    assert board.rows[2].cells[0].text == "n/a"


def test_nobody_is_best_beside_a_run_without_an_interval(make_run: Make) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        scores["fd_openl3"] |= {"low": None, "high": None}

    (board,) = made(make_run("a", fd=10), make_run("b", fd=500), make_run("c", fd=11, change=change))
    assert not any(row.cells[0].best for row in board.rows)


def test_a_run_alone_leads_nobody(make_run: Make) -> None:
    (board,) = made(make_run())
    assert [cell.standing for cell in board.rows[0].cells] == [None, None, None]


def test_runs_that_disagree_on_what_is_better_are_not_ranked(make_run: Make) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        scores["fd_openl3"]["direction"] = "higher"

    (board,) = made(make_run("a", fd=10), make_run("b", fd=500, change=change))
    assert [row.cells[0].standing for row in board.rows] == [None, None]


def test_the_same_warning_is_said_once_for_all_its_runs(make_run: Make) -> None:
    (board,) = made(make_run("a"), make_run("b"), make_run("c", fd=None))
    assert len(board.notes) == 2
    assert board.notes[0].startswith("A, B · ")
    assert board.rows[0].cells[0].notes == board.rows[1].cells[0].notes == (1,)


def test_runs_of_one_model_are_told_apart(make_run: Make) -> None:
    (board,) = made(make_run("m", seed=1), make_run("m", seed=2))
    details = {row.entrant.detail for row in board.rows}
    assert details == {"dpmpp-3m-sde-50 · m-7d1f1", "dpmpp-3m-sde-50 · m-7d1f2"}
