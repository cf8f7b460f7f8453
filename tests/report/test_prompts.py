"""The prompts of a page where each has several sounds: all counted, some played, none of them lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.report.page import write_report
from evalkit.report.prompts import prompts_of
from evalkit.report.records import read_runs
from evalkit.report.sampling import CLIPS, SOUNDS, sounds_shown
from evalkit.report.view import Section, build

Make = Callable[..., Path]
Change = Callable[[dict[str, Any], dict[str, Any], list[dict[str, Any]]], None]


def several(samples: int) -> Change:
    """Each prompt's row again for every further sound, its KL one higher than the sound's before."""

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["samples_per_prompt"] = samples
        first = list(rows)
        rows.clear()
        for row in first:
            for sample in range(samples):
                value = None if row["kl_passt"] is None else row["kl_passt"] + sample
                rows.append({**row, "sample": sample, "seed": row["seed"] + 100 * sample, "kl_passt": value})

    return change


def section(*folders: Path) -> Section:
    return build(read_runs(folders), "none").sections[0]


def test_every_sound_has_its_place_and_a_prompt_the_mean_of_its_sounds(make_run: Make) -> None:
    one = section(make_run("a")).entries[0].takes[0].scores
    found = section(make_run("b", change=several(3))).entries[0]
    assert [take.sound for take in found.takes] == ["sound 1 of 3", "sound 2 of 3", "sound 3 of 3"]
    kl = [score.title for score in one].index("KL-PaSST")
    before = one[kl].value
    assert before is not None and [take.scores[kl].value for take in found.takes] == [before, before + 1, before + 2]
    assert found.lines[0].scores[kl].value == pytest.approx(before + 1) == found.order[kl]


def test_runs_of_one_sound_and_of_several_share_a_table_and_say_which_is_which(make_run: Make) -> None:
    """They stand side by side, and are not ranked: neither does the gate compare them."""

    def thrice(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        several(3)(facts, scores, rows)
        for score in scores.values():
            score["n"] *= 3

    found = section(make_run("m"), make_run("m", seed=1, change=thrice))
    details = [entrant.detail for entrant in found.board.entrants]
    assert "1 sound a prompt" in details[0] and "3 sounds a prompt" in details[1]
    places = {column.metric: place for place, column in enumerate(found.board.columns)}
    cells = [row.cells for row in found.board.rows]
    assert all(each[places["fd_openl3"]].apart for each in cells)
    assert all(each[places["kl_passt"]].standing is None for each in cells)
    told = "KL-PaSST: A and B are not compared: another number of sounds per prompt: 1, B has 3"
    assert told in found.board.notes
    assert [len(entry.takes) for entry in found.entries] == [4] * len(found.entries)


def test_runs_that_differ_in_their_seed_alone_say_it(make_run: Make) -> None:
    found = section(make_run("m", seed=3, change=several(2)), make_run("m", seed=4, change=several(2)))
    assert [entrant.detail for entrant in found.board.entrants] == [
        "dpmpp-3m-sde-50 · 2 sounds a prompt · seed 3",
        "dpmpp-3m-sde-50 · 2 sounds a prompt · seed 4",
    ]


def test_one_failed_sound_of_several_is_named_and_does_not_fail_the_prompt(make_run: Make, tmp_path: Path) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        several(2)(facts, scores, rows)
        rows[1] |= {"status": "failed", "error": "silent", "kl_passt": None, "clap_score": None, "audio": None}

    folder = make_run("a", fail=(), change=change)
    found = section(folder)
    assert [(each.sound, each.reason, each.number) for each in found.failures] == [("sound 2 of 2", "silent", 1)]
    assert not found.entries[0].lines[0].failed and found.entries[0].flagged
    page = write_report([folder], tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 2 * len(found.entries) - 1 and "sound 2 of 2</span>" in page


def test_a_page_of_many_sounds_shows_the_first_ones_and_counts_the_rest(make_run: Make) -> None:
    """1,000 sounds of a prompt would make a page that opens nowhere."""
    folder = make_run("a", fail=(), change=several(40))
    (board,) = (each.board for each in build(read_runs([folder]), "none").sections)
    found = prompts_of(board, "p", "sample")
    shown = [sum(take.shown for take in entry.takes) for entry in found.entries]
    assert set(shown) == {SOUNDS} and {entry.hidden for entry in found.entries} == {40 - SOUNDS}
    assert sum(bool(take.media.sound) for entry in found.entries for take in entry.takes) <= CLIPS
    assert sum(entry.full for entry in found.entries) == found.full == len(found.entries)


@pytest.mark.parametrize(("samples", "runs", "expected"), [(3, 1, 3), (40, 1, 16), (40, 4, 4), (2, 50, 1), (1, 1, 1)])
def test_how_many_sounds_of_a_prompt_a_run_shows(samples: int, runs: int, expected: int) -> None:
    assert sounds_shown(samples, runs, "sample") == expected
    assert sounds_shown(samples, runs, "all") == samples


@pytest.mark.parametrize("strange", ["three", -1, 2.5, None, [3], 10**30])
def test_a_number_of_sounds_from_outside_is_taken_as_one_where_it_is_none(make_run: Make, strange: object) -> None:
    folder = make_run("a", change=lambda facts, scores, rows: facts.update(samples_per_prompt=strange))
    assert read_runs([folder])[0].samples == 1
    assert "sounds a prompt" not in section(folder).board.rows[0].entrant.detail


def sung(*lyrics: object) -> Change:
    """A column of lyrics for the first prompts."""

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        for place, row in enumerate(rows):
            row["lyrics"] = lyrics[place] if place < len(lyrics) else None

    return change


def test_a_song_stands_with_its_lyrics_folded_away(make_run: Make, tmp_path: Path) -> None:
    """Whose they are is said where runs differ: one made before the words were changed is another song."""
    one, same, other = (
        make_run(name, change=sung(*lyrics))
        for name, lyrics in (("a", ("[verse]\nla", "", "x")), ("b", ("[verse]\nla", "", "x")), ("c", ("lo", "", "x")))
    )
    (agreed,) = section(one, same).entries[0].sung
    assert (agreed.text, agreed.entrants) == ("[verse]\nla", ()) and section(one).entries[1].sung == ()
    differing = section(one, same, other).entries[0].sung
    assert [(each.text, [run.key for run in each.entrants]) for each in differing] == [
        ("[verse]\nla", ["A", "B"]),
        ("lo", ["C"]),
    ]
    page = write_report([one, same, other], tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count('<p class="sung" dir="auto">') == 3 and '<p class="sung" dir="auto">[verse]\nla</p>' in page


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("שיר \u202e</p><b>", "שיר [U+202E]&lt;/p&gt;&lt;b&gt;</p>"),
        ("la\x1b[2J\n" * 20_000, "… (140,000 characters)</p>"),
    ],
)
def test_hostile_lyrics_are_words_on_the_page(make_run: Make, tmp_path: Path, hostile: str, shown: str) -> None:
    page = write_report([make_run("a", change=sung(hostile))], tmp_path / "r.html").read_text(encoding="utf-8")
    (text,) = page.split('<p class="sung" dir="auto">')[1:]
    assert shown in text[:6000] and hostile not in page


@pytest.mark.parametrize("strange", [7, 1.5, True])
def test_lyrics_that_are_no_text_are_none(make_run: Make, strange: object) -> None:
    assert not any(entry.sung for entry in section(make_run("a", change=sung(*[strange] * 99))).entries)
