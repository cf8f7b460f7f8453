"""The first screen: a reader must not take a lead for certain that is not, nor miss a fault that every sound has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalkit.core.registry import Registry
from evalkit.report.answers import ahead, findings
from evalkit.report.board import boards
from evalkit.report.page import write_report
from evalkit.report.records import read_runs

Make = Callable[..., Path]


def test_who_is_ahead_says_what_the_ranks_say(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run("a", fd=100.0), make_run("b", fd=300.0, seed=3)]))
    told_of = (sentence.split(": ", 1) for sentence in ahead(board))
    sentences = {title: told for titles, told in told_of for title in titles.split(", ")}
    assert len(set(sentences.values())) == len(ahead(board)), "metrics of which the same is to be said stand together"
    for place, column in enumerate(board.columns):
        cells = {row.entrant.key: row.cells[place] for row in board.rows}
        told = sentences.get(column.meaning.title, "")
        leader = next((key for key, cell in cells.items() if cell.best), None)
        if all(cell.standing is None for cell in cells.values()):
            assert not told
        elif leader:
            assert told.startswith(f"{leader} is ahead")
        else:
            assert "nobody is ahead for certain" in told


def test_one_run_is_ahead_of_nobody(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run("a")]))
    assert ahead(board) == ()


def test_verdicts_are_counted_for_each_run_and_stand_on_the_page(make_run: Make, tmp_path: Path) -> None:
    def quiet(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["verdicts"] = ["dual_mono", "dual_mono", "<b>own"]

    runs = [make_run("a"), make_run("b", change=quiet)]
    (board,) = boards(read_runs(runs))
    found = {each.verdict: each.counts for each in findings(board.entrants)}
    assert found["dual_mono"] == ("none", "8 of 8")
    assert found["clipped"] == ("1 of 8", "none")
    text = write_report(runs, tmp_path / "r.html", "none").read_text(encoding="utf-8")
    assert "What is wrong with the audio?" in text
    assert "&lt;b&gt;own" in text and "<b>own" not in text


def test_a_built_in_name_is_found_without_reading_what_every_package_registers(monkeypatch: Any) -> None:
    """A page looks up dozens of metrics; going through all installed packages for each took half of its time."""

    def looked(group: str) -> list[Any]:
        raise AssertionError(f"looked for {group}")

    monkeypatch.setattr("evalkit.core.registry.entry_points", looked)
    registry = Registry("thing", "evalkit.things", {"pi": "math:pi"})
    assert "pi" in registry and registry.load("pi") > 3
