"""What stands in one table, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalkit.report.board import Board, boards
from evalkit.report.page import write_report
from evalkit.report.records import read_runs

Make = Callable[..., Path]


def made(*folders: Path) -> tuple[Board, ...]:
    return boards(read_runs(folders))


def test_mini_and_full_never_share_a_table(make_run: Make) -> None:
    found = made(make_run("a"), make_run("b", size="full"), make_run("c", seed=2))
    assert [[row.entrant.name for row in board.rows] for board in found] == [["a", "c"], ["b"]]


def test_random_weights_stand_beside_no_model(make_run: Make, tmp_path: Path) -> None:
    """A speed test must not be read as a score of the model whose architecture it has."""

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["model"]["size"] = "random"

    real, random = make_run("a"), make_run("b", change=change)
    found = made(real, random)
    assert [[row.entrant.name for row in board.rows] for board in found] == [["a"], ["b"]]
    assert [board.size for board in found] == ["mini", "random"]
    page = write_report([real, random], tmp_path / "page.html").read_text()
    assert "These networks have random weights" in page
    assert "These networks have random weights" not in write_report([real], tmp_path / "page.html").read_text()


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


def test_a_metric_of_ones_own_under_two_codes_gets_two_columns(make_run: Make) -> None:
    """Before and after its correction it is not the same measure."""

    def coded(code: str) -> Any:
        def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
            scores["kl_passt"]["code"] = code * 64

        return change

    (board,) = made(*(make_run(f"r{number}", change=coded(code)) for number, code in enumerate("aab")))
    assert sorted(column.code[:1] for column in board.columns if column.metric == "kl_passt") == ["a", "b"]


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
    assert details == {"dpmpp-3m-sde-50 · seed 1", "dpmpp-3m-sde-50 · seed 2"}


def test_runs_of_one_preset_say_what_was_changed(make_run: Make) -> None:
    """Three rows of one name with nothing but digests under them: which was the one with 100 steps?"""

    def stepped(steps: int) -> Any:
        return lambda facts, scores, rows: facts["options"].update(steps=steps)

    (board,) = made(make_run("m"), make_run("m", seed=1, change=stepped(100)), make_run("other"))
    details = [row.entrant.detail for row in board.rows]
    assert details == ["dpmpp-3m-sde-50 · steps=50 · seed 0", "dpmpp-3m-sde-50 · steps=100 · seed 1", "dpmpp-3m-sde-50"]


def test_runs_that_chose_the_same_are_told_apart_by_their_ids(make_run: Make) -> None:
    """Of other weights, say: the options would name both alike."""

    def renamed(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts |= {"seed": 0, "run_id": "again"}

    (board,) = made(make_run("m"), make_run("m", seed=1, change=renamed))
    assert [row.entrant.detail for row in board.rows] == ["dpmpp-3m-sde-50 · m-7d1f0", "dpmpp-3m-sde-50 · again"]


def test_further_measures_stand_apart_and_rank_nothing(make_run: Make, with_further: Any) -> None:
    """With a dozen columns more, somebody is best at something by chance."""
    (board,) = made(make_run("a", change=with_further), make_run("b", fd=300.0, change=with_further))
    assert [column.metric for column in board.columns] == ["fd_openl3", "kl_passt", "clap_score"]
    assert [column.metric for column in board.further] == [
        "clipping_share",
        "kad_openl3",
        "loudness_lufs",
        "silence_share",
    ]
    assert [column.direction for column in board.further] == ["lower", "lower", "none", "none"]
    assert all(cell.standing is None and not cell.best and not cell.apart for row in board.rows for cell in row.further)
    assert board.rows[0].further[2].interval == "−22.5 to −20.3"


def test_scores_that_do_not_say_follow_the_metrics_card(make_run: Make) -> None:
    """Runs from before there were further measures."""

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        scores["kad_openl3"] = dict(scores["fd_openl3"])

    (board,) = made(make_run("a", change=change))
    assert [column.metric for column in board.further] == ["kad_openl3"]


def test_a_run_of_further_measures_alone_has_its_table(make_run: Make, with_further: Any, tmp_path: Path) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        with_further(facts, scores, rows)
        for name in ("fd_openl3", "kl_passt", "clap_score"):
            del scores[name]

    run = make_run("a", change=change)
    page = write_report([run], tmp_path / "r.html", "none").read_text(encoding="utf-8")
    assert "Further measures" in page
    assert "No scores yet" not in page


def test_runs_of_another_n_are_not_ranked_where_the_metric_moves_with_n(make_run: Make) -> None:
    """FD falls with n: the run that failed most often must not win by it, nor lose to a smaller one."""

    def meant(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        for place, row in enumerate(rows):
            row["clap_score"] = 0.3 + 0.02 * place + 0.001 * len(row["id"]) * scores["fd_openl3"]["value"]
        made = [row["clap_score"] for row in rows if row["status"] == "ok"]
        scores["clap_score"]["value"] = sum(made) / len(made)
        for row in rows:
            row["clap_score"] = row["clap_score"] if row["status"] == "ok" else None

    lost = ("sneeze-right", "clock", "dog-once")
    (board,) = made(
        make_run("a", fd=100.0, change=meant), make_run("b", fd=300.0, change=meant),
        make_run("c", fd=20.0, change=meant, fail=lost),
    )  # fmt: skip
    assert [row.entrant.name for row in board.rows] == ["a", "b", "c"]
    fd = [row.cells[0] for row in board.rows]
    assert [cell.standing.text if cell.standing else None for cell in fd] == ["1", "2", None]
    assert [cell.apart for cell in fd] == [False, False, True]
    assert not any(cell.best for cell in fd)
    assert all(row.cells[2].standing is not None for row in board.rows), "a mean of prompts does not move with n"
    (told,) = [note for note in board.notes if note.startswith("CLAP")]
    assert "over the prompts that both have, as sounds failed: 1 of 8 of A, 1 of 8 of B, 3 of 8 of C" in told


def test_two_runs_of_different_n_are_not_ranked_at_all(make_run: Make, tmp_path: Path) -> None:
    runs = [make_run("a", fd=100.0), make_run("b", fd=300.0, fail=())]
    (board,) = made(*runs)
    assert [row.cells[0].apart for row in board.rows] == [True, True]
    page = write_report(runs, tmp_path / "r.html", "none").read_text(encoding="utf-8")
    assert page.count("not ranked: other n") == 2
    assert "where n differs, it is not ranked" in page
