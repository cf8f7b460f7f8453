"""What listeners said beside the metrics: columns of the board, ranked by their own differences, and a part of the
page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import evalkit_listeners as fake
import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.listening.answers import read_sheets
from evalkit.ratings.collected import Collected, collect, read_collected, write_collected
from evalkit.report.board import boards
from evalkit.report.ears import Ears, ears_of
from evalkit.report.listeners import require_heard
from evalkit.report.overlaps import OVERLAPS, known
from evalkit.report.page import publish
from evalkit.report.records import read_runs
from evalkit.report.tables import csv_text, markdown

Make = Callable[..., Path]
HOSTILE = "</script><script>alert(1)</script>"


def collected(folder: Path, kind: str, runs: dict[str, str], prompts: list[str]) -> Collected:
    made, rng = fake.study(kind, runs, prompts, 8), np.random.default_rng(2)
    quality = dict(zip(runs, (0.8, -0.8), strict=True))
    said = [fake.answers(made, seat, quality, rng, comment=f"{HOSTILE}\x1b[31m") for seat in range(1, 9)]
    _, paths = fake.write_study(folder, made, said)
    return collect(made, read_sheets(paths, made))


@pytest.fixture
def runs(make_run: Make) -> list[Path]:
    return [make_run("good"), make_run("bad", seed=1)]


@pytest.fixture(params=["mos", "ab"])
def ears(request: pytest.FixtureRequest, runs: list[Path], tmp_path: Path) -> Ears:
    records = read_runs(runs)
    prompts = [item.id for item in records[0].items][:6]
    return ears_of(collected(tmp_path, request.param, {r.run_id: r.model["name"] for r in records}, prompts))


def test_listeners_are_a_column_with_their_own_ranks(ears: Ears, runs: list[Path]) -> None:
    (board,) = boards(read_runs(runs), (), ears)
    place = next(at for at, column in enumerate(board.columns) if column.metric == "listeners:quality")
    assert board.columns[place].direction == "higher" and "listeners" in board.columns[place].meaning.title
    cells = {row.entrant.name: row.cells[place] for row in board.rows}
    good = cells["good"]
    assert good.best and good.estimate is not None and good.estimate.listeners == 8 and good.standing is not None
    assert cells["bad"].standing is not None and cells["bad"].standing.text == "2"
    # One family: the listeners' comparison is among those that all p values are adjusted for.
    assert board.comparisons == len(boards(read_runs(runs))[0].outcomes) + 1
    assert f"8 listeners, {good.estimate.n} ratings" in markdown(board)
    rows = list(csv.DictReader(io.StringIO(csv_text([board]))))
    assert {row["listeners"] for row in rows if row["metric"] == "listeners:quality"} == {"8"}
    assert {row["listeners"] for row in rows if row["metric"] == "clap_score"} == {""}


def test_the_order_of_the_runs_turns_the_difference(ears: Ears, runs: list[Path]) -> None:
    (board,) = boards(read_runs(list(reversed(runs))), (), ears)
    place = next(at for at, column in enumerate(board.columns) if column.metric == "listeners:quality")
    assert {row.entrant.name: row.cells[place].best for row in board.rows} == {"good": True, "bad": False}


def test_the_page_has_a_part_for_each_scale_and_nothing_in_it_runs(
    ears: Ears, runs: list[Path], tmp_path: Path
) -> None:
    publish(runs, tmp_path / "page.html", "none", (), ears=ears)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    part = page[page.index('id="listeners"') :]
    assert "Audio quality" in part and "What they wrote (8)" in part and "8 listeners count" in part
    assert HOSTILE not in page and "&lt;/script&gt;&lt;script&gt;" in part and "\x1b" not in page
    assert ("Metrics against these listeners" in part) == bool(ears.collected.scores)
    publish(runs, tmp_path / "without.html", "none", ())
    assert 'id="listeners"' not in (tmp_path / "without.html").read_text(encoding="utf-8")


def test_a_study_of_other_runs_is_refused(ears: Ears, make_run: Make) -> None:
    with pytest.raises(UserError, match="heard none of these runs"):
        require_heard(ears.collected, read_runs([make_run("stranger", seed=5)]))


def test_a_run_that_nobody_heard_has_no_figure(ears: Ears, runs: list[Path], make_run: Make) -> None:
    (board,) = boards(read_runs([*runs, make_run("stranger", seed=5)]), (), ears)
    place = next(at for at, column in enumerate(board.columns) if column.metric == "listeners:quality")
    assert {row.entrant.name: row.cells[place].estimate is None for row in board.rows}["stranger"]


@pytest.mark.parametrize(
    ("metric", "model", "suite", "word"),
    [
        ("clap_score", "tangoflux", "audiocaps", "optimised against CLAP"),
        ("clap_score", "TangoFlux-base", "", "optimised against CLAP"),
        ("clap_score", "audioldm-s", "", "embedding of a CLAP"),
        ("clap_score", "audioldm2-large", "", "embedding of a CLAP"),
        ("clap_score", "tango2-full", "", "filtered by CLAP"),
        ("fd_panns", "anything", "audiocaps", "AudioSet"),
        ("kl_passt", "anything", "audiocaps", "AudioSet"),
        ("fd_openl3", "anything", "audiocaps-test", "AudioSet"),
        ("aesthetics_quality", "", "aes-pam", "published these ratings"),
        ("clap_score_ms", "audioldm-s", "", "embedding of a CLAP"),
    ],
)
def test_known_overlaps(metric: str, model: str, suite: str, word: str) -> None:
    told = known(metric, model, suite)
    assert any(word in each and "(" in each for each in told)


@pytest.mark.parametrize(
    ("metric", "model", "suite"),
    [
        ("clap_score", "musicgen-small", "mini"),
        ("clap_score", "tango", ""),
        ("clap_score_ms", "anything", "audiocaps"),
        ("fd_openl3", "tangoflux", "song-describer"),
        ("duration_error", "tangoflux", ""),
    ],
)
def test_what_is_no_overlap_is_not_marked(metric: str, model: str, suite: str) -> None:
    assert not known(metric, model, suite)


def test_every_overlap_has_its_source() -> None:
    assert all(each.told and each.source and (each.model or each.suite) for each in OVERLAPS)


def test_an_overlap_is_a_note_beside_its_number(make_run: Make) -> None:
    def full(facts: dict, scores: dict, rows: list) -> None:  # type: ignore[type-arg]
        facts["suite"] |= {"name": "audiocaps", "size": "full"}
        facts["model"]["size"] = "full"

    (board,) = boards(read_runs([make_run("tangoflux", size="full", change=full)]))
    place = next(at for at, column in enumerate(board.columns) if column.metric == "clap_score")
    notes = [board.notes[number - 1] for number in board.rows[0].cells[place].notes]
    assert any("optimised against CLAP" in note and "2412.21037" in note for note in notes)
    assert "optimised against CLAP" in markdown(board) and "optimised against CLAP" in csv_text([board])
    (small,) = boards(read_runs([make_run("tangoflux", size="mini")]))
    assert not any("overlap" in note for note in small.notes)


COMMENTS = (
    "</script><script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'><svg onload='window.ran = 1'>",
    "-->\u2028<!--<style>*{display:none}</style>",
    '"><a href="javascript:window.ran = 1" id=it>x</a>{{ 7*7 }}${7*7}',
    "\x1b]0;owned\x07\x1b[2J\u202e\u2066\r\n\x00\x9b31m",
    "x" * 2000,
    "=cmd|'/c calc'!A0",
    "\ud800 \U0001f600 \u0430",
)


def test_nothing_that_listeners_wrote_runs_in_the_page(make_run: Make, browser: Any, tmp_path: Path) -> None:
    """Comments, and the names of models and prompts, that would like to be a script: the page shows them as text."""

    def name(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["model"]["name"] = COMMENTS[0]

    runs = [make_run("good", change=name), make_run("bad", seed=1)]
    records = read_runs(runs)
    prompts = [item.id for item in records[0].items][:5]
    made, rng = fake.study("mos", {r.run_id: r.model["name"] for r in records}, prompts, 8), np.random.default_rng(2)
    liking = dict(zip((r.run_id for r in records), (0.8, -0.8), strict=True))
    said = [fake.answers(made, seat, liking, rng, comment=text) for seat, text in enumerate(COMMENTS, start=1)]
    _, paths = fake.write_study(tmp_path, made, said)
    write_collected(collect(made, read_sheets(paths, made)), tmp_path / "ratings.json")
    publish(runs, tmp_path / "page.html", "none", (), ears=ears_of(read_collected(tmp_path / "ratings.json")))
    browser.open(tmp_path / "page.html")
    shown = browser.run("document.getElementById('listeners').textContent")
    for text in (COMMENTS[0], COMMENTS[1], COMMENTS[3], COMMENTS[6]):
        assert text in shown
    assert (
        browser.run("document.getElementById('listeners').querySelectorAll('script, img, svg[onload], #it').length")
        == 0
    )
    assert browser.run("'ran' in window") is False
    assert not [one for one in browser.events if one.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")]
