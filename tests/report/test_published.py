"""Figures of papers: read strictly, shown only beside runs of the same thing, never ranked, never beside a mini."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.core.errors import UserError
from evalkit.report.board import Board, boards
from evalkit.report.page import write_report
from evalkit.report.published import Figure, Settings, cited, read_file, read_folder, shipped
from evalkit.report.records import read_runs

Make = Callable[..., Path]
Change = Callable[..., None]

ROW = {
    "system": "m",
    "suite": "audiocaps",
    "prompts": 4875,
    "metric": "fd_openl3",
    "value": 78.24,
    "protocol": "stable-audio-metrics",
    "settings": {"channels": 2, "rate": 44100, "seconds": 10},
    "table": "Table 1",
    "checked": True,
}
FILE = {"schema": 1, "paper": "p", "arxiv": "2407.14358", "note": "", "rows": [ROW]}


def written(folder: Path, content: Any, name: str = "a.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def only(folders: list[Path], *figures: Figure) -> Board:
    (board,) = boards(read_runs(folders), figures)
    return board


def test_what_ships_can_be_read_and_names_its_papers() -> None:
    found = shipped()
    assert len(found) > 250
    value = {(f.system, f.suite, f.metric, f.settings.seconds): (f.value, f.checked) for f in found}
    assert value["Stable Audio Open", "audiocaps", "fd_openl3", 10] == (78.24, True)
    assert value["Stable Audio Open", "audiocaps-886", "fd_openl3", 10] == (89.2, True)
    assert value["Stable Audio 2 fully trained", "song-describer-nosinging", "fd_openl3", 285] == (81.96, True)
    assert not any(f.checked for f in found if f.suite == "musiccaps")
    assert all(f.citation.startswith(f.paper) for f in found)


def test_a_shipped_suite_finds_its_figures_by_name_count_and_length() -> None:
    """A suite that is renamed, or whose count changes, would lose them without a word."""
    for name, prompts, systems in (("audiocaps", 4875, 7), ("song-describer-nosinging", 586, 6)):
        text = (Path(__file__).parents[2] / "prompts" / f"{name}.toml").read_text(encoding="utf-8")
        assert f"count = {prompts}" in text
        assert 'protocol = "stable-audio-metrics"' in text
        seconds = 10.0 if name == "audiocaps" else 47.0
        assert f"seconds = {seconds:g}" in text
        lines = cited(shipped(), name, "full", prompts, frozenset({seconds}))
        assert len(lines) == systems


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": 2}, "schema 2"),
        ({"paper": " "}, "paper must be text"),
        ({"arxiv": "24"}, "arxiv is '24'"),
        ({"note": None}, "note must be text"),
        ({"rows": []}, "at least one row"),
        ({"more": 1}, "unknown key 'more'"),
        ({"rows": [ROW | {"value": "78"}]}, "row 1: value"),
        ({"rows": [ROW | {"value": None}]}, "row 1: there is no value"),
        ({"rows": [ROW | {"value": 10**400}]}, "row 1: value"),
        ({"rows": [ROW | {"value": True}]}, "row 1: value"),
        ({"rows": [ROW | {"checked": "yes"}]}, "checked must be true or false"),
        ({"rows": [ROW, ROW | {"prompts": 0}]}, "row 2: prompts"),
        ({"rows": [ROW | {"prompts": 1.5}]}, "row 1: prompts"),
        ({"rows": [ROW | {"settings": {"channels": 2}}]}, "settings: keys absent: rate, seconds"),
        ({"rows": [ROW | {"settings": {"channels": 2, "rate": 1, "seconds": -1}}]}, "seconds is -1"),
        ({"rows": [[]]}, "row 1: is not a JSON object"),
        ({"rows": [{key: value for key, value in ROW.items() if key != "table"}]}, "absent: table"),
    ],
)
def test_a_file_that_is_not_as_described_is_refused_by_name(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    """A wrong figure with a citation is worse than none."""
    path = written(tmp_path, FILE | change)
    with pytest.raises(UserError, match=r"a\.json") as caught:
        read_file(path)
    assert told in caught.value.message


def test_nan_is_no_figure(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(FILE).replace("78.24", "NaN"))
    with pytest.raises(UserError, match="value is nan"):
        read_file(path)


def test_the_same_figure_twice_is_refused(tmp_path: Path) -> None:
    written(tmp_path, FILE)
    written(tmp_path, FILE | {"rows": [ROW | {"value": 80.0}]}, "b.json")
    with pytest.raises(UserError, match="stands there twice"):
        read_folder(tmp_path)


def test_stands_beside_a_run_of_the_same_thing(make_run: Make, full_run: Change, figure: Figure) -> None:
    board = only([make_run("a", size="full", change=full_run)], figure)
    assert [row.texts for row in board.cited] == [("78.24", "", "")]


@pytest.mark.parametrize(
    "other",
    [
        {"suite": "audiocaps-886"},
        {"prompts": 886},
        {"prompts": None},
        {"protocol": "audiocraft"},
        {"metric": "fad_vggish"},
        {"settings": Settings(2, 44100, 47.0)},
        {"settings": Settings(2, 44100, None)},
    ],
    ids=str,
)
def test_stands_beside_nothing_else(make_run: Make, full_run: Change, figure: Figure, other: dict[str, Any]) -> None:
    """170.31 and 108.3 are the same model: another number of prompts, length or protocol is another figure."""
    assert only([make_run("a", size="full", change=full_run)], replace(figure, **other)).cited == ()


def test_never_beside_a_mini(make_run: Make, full_run: Change, figure: Figure, tmp_path: Path) -> None:
    run = make_run("a", size="mini", change=full_run)
    assert only([run], figure).cited == ()
    page = write_report([run], tmp_path / "r.html", published=[figure]).read_text(encoding="utf-8")
    assert "as published" not in page
    assert "Evans et al." not in page.partition("What the numbers mean")[0]


def test_never_beside_a_part_of_the_suite_nor_another_convention(
    make_run: Make, full_run: Change, figure: Figure
) -> None:
    """`--limit 2` keeps the suite's name and digest, and its FD is of another n."""

    def option(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        full_run(facts, scores, rows)
        scores["fd_openl3"]["protocol"] = "stable-audio-metrics; channels=1"

    few = make_run("a", size="full", change=full_run, prompts=[("x", "x", []), ("y", "y", [])], fail=())
    assert only([few], figure).cited == ()
    assert only([make_run("b", size="full", change=option)], figure).cited == ()


def test_a_figure_takes_no_rank(make_run: Make, full_run: Change, figure: Figure) -> None:
    runs = [make_run("a", size="full", change=full_run), make_run("b", size="full", fd=300.0, change=full_run)]
    without, beside = only(runs), only(runs, replace(figure, value=1.0))
    assert beside.rows == without.rows
    assert [row.cells[0].best for row in beside.rows] == [True, False]


def test_the_page_sets_it_apart_and_marks_what_is_second_hand(
    make_run: Make, full_run: Change, figure: Figure, tmp_path: Path
) -> None:
    run = make_run("a", size="full", change=full_run)
    page = write_report([run], tmp_path / "r.html", published=[figure]).read_text(encoding="utf-8")
    assert "78.24" in page.partition('<tbody class="cited">')[2].partition("</tbody>")[0]
    assert "arXiv 2407.14358, Table 1" in page
    assert "second-hand</span>" not in page
    page = write_report([run], tmp_path / "r.html", published=[replace(figure, checked=False)]).read_text("utf-8")
    assert "second-hand</span>" in page
    page = write_report([run], tmp_path / "r.html", published=[]).read_text(encoding="utf-8")
    assert "as published" not in page


def test_hostile_text_in_a_figure_stays_text(make_run: Make, full_run: Change, figure: Figure, tmp_path: Path) -> None:
    payload = "<script>window.pwned=1</script>"
    bad = replace(figure, system=payload, paper=f"{payload}p", table=f'"{payload}')
    run = make_run("a", size="full", change=full_run)
    page = write_report([run], tmp_path / "r.html", published=[bad]).read_text(encoding="utf-8")
    assert payload not in page
    assert page.count("&lt;script&gt;window.pwned=1&lt;/script&gt;") == 3


def test_a_papers_distance_stands_beside_no_run_of_several_sounds_a_prompt(
    make_run: Make, full_run: Change, figure: Figure
) -> None:
    """It falls with the number of sounds, and theirs is of one each; beside a run of one each it stands as ever."""
    from evalkit.report.tables import records as flat

    def several(facts: Any, scores: Any, rows: Any) -> None:
        full_run(facts, scores, rows)
        facts["samples_per_prompt"] = 3

    three, one = make_run("m", size="full", change=several), make_run("n", size="full", change=full_run)
    kl = replace(figure, metric="kl_passt", value=2.1)
    board = only([three], figure, kl)
    (row,) = board.cited
    assert {c.metric: text for c, text in zip(board.columns, row.texts, strict=True)} == {
        "fd_openl3": "", "kl_passt": "2.1", "clap_score": "",
    }  # fmt: skip
    assert [each["metric"] for each in flat([board]) if each["kind"] == "published"] == ["kl_passt"]
    assert "78.24" in only([three, one], figure).cited[0].texts
