"""The board of a paper's table: its columns in its order, its own rows where they belong, and nobody else's runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.core.errors import UserError
from evalkit.protocols.base import load_protocol
from evalkit.report.board import Board, boards
from evalkit.report.formats import document
from evalkit.report.latex import latex
from evalkit.report.page import write_report
from evalkit.report.paper import require_table
from evalkit.report.published import Figure
from evalkit.report.records import read_runs
from evalkit.report.tables import markdown, sheets

Make = Callable[..., Path]
TABLE = load_protocol("tangoflux")


def of_table(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    facts["suite"] |= {"name": "own", "protocol": TABLE.id, "size": "full", "left_out": {"is_panns": "no network"}}
    for score in scores.values():
        score |= {"protocol": TABLE.id, "headline": False}
    for row in rows:
        row["seconds"] = 10.0


def board(folder: Path, *figures: Figure) -> Board:
    (found,) = boards(read_runs([folder]), figures)
    return found


def its_own(figure: Figure, **changes: Any) -> Figure:
    return replace(figure, suite=TABLE.published_suite, protocol=TABLE.published, **changes)


def test_columns_are_the_papers_in_its_order_under_its_headings(make_run: Make) -> None:
    """Also one that evalkit's own board would put among the further measures."""
    found = board(make_run(change=of_table))
    assert [column.meaning.title for column in found.columns] == ["FD (OpenL3)", "KL (PaSST)", "CLAP"]
    assert not found.further
    assert any("PROVISIONAL" in told and "886 captions" in told for told in found.told)
    assert "left out: IS: no network" in found.told


def test_what_a_table_says_of_itself_stands_before_its_numbers(make_run: Make, tmp_path: Path) -> None:
    """Among thirty notes at the end nobody reads that it is provisional."""
    folder = make_run(change=of_table)
    found = board(folder)
    assert not set(found.told) & set(found.notes)
    page = write_report([folder], tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.index("is PROVISIONAL") < page.index('<table class="board"')
    text = markdown(found)
    assert text.index("is PROVISIONAL") < text.index("| run")
    assert [sheet.told for sheet in sheets(found)] == [found.told]
    assert "is PROVISIONAL" in latex([found]) and document([found])["tables"][0]["told"] == list(found.told)  # type: ignore[index]


def test_the_papers_rows_stand_beside_sounds_of_its_number_and_length(make_run: Make, figure: Figure) -> None:
    folder = make_run(change=of_table)
    found = board(folder, its_own(figure), its_own(figure, metric="inception_score", value=9.9))
    assert [row.texts for row in found.cited] == [("78.24", "", "")]
    for other in ({"prompts": 886}, {"settings": replace(figure.settings, seconds=47.0)}, {"prompts": None}):
        found = board(folder, its_own(figure, **other))
        assert not found.cited
        (told,) = [note for note in found.told if "own rows are left out" in note]
        assert "these runs over 8 of 10 s" in told
    assert not board(folder, figure).cited, "a row of another suite is nobody's here"


def test_a_run_of_another_protocol_is_refused_by_name(make_run: Make) -> None:
    other = read_runs([make_run("a"), make_run("b")])
    with pytest.raises(UserError, match=r"--table tangoflux: run a-7d1f0 was scored by protocol mini-1 and 1 more"):
        require_table("tangoflux", other)
    own = read_runs([make_run("c", change=of_table)])
    require_table("tangoflux", own)
    with pytest.raises(UserError, match="scored by table tangoflux"):
        require_table("etta", own)
    with pytest.raises(UserError, match="no table is called"):
        require_table("tangoflex", own)
