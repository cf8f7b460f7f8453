"""Slices: which prompts are in which, that their means are theirs, and what is said of small and of many."""

from __future__ import annotations

import csv
import io
import json
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.report.board import Board, boards
from evalkit.report.division import BINS, MOST_SLICES, NO_LABEL, NO_VALUE, division, quantiles, require_known, ways
from evalkit.report.records import read_runs
from evalkit.report.slice_forms import FIELDS, SLICE_FORMATS, records, told
from evalkit.report.slices import Slice, sliced
from evalkit.store.prompt_columns import column_name

Make = Callable[..., Path]
HOSTILE = "</script><b>&|=cmd%_\\{$#\u202e"
PROMPTS = [
    *((f"a{place}", "One two.", ["dog, barking"]) for place in range(6)),
    *((f"b{place}", "One two three four five.", ["rain", "wind"]) for place in range(5)),
    ("c0", "One.", []),
    ("c1", "One.", []),
]


def plain(facts: dict, scores: dict, rows: list) -> None:
    for name in ("kl_passt", "clap_score"):
        values = [row[name] for row in rows if row[name] is not None]
        scores[name] |= {"value": statistics.fmean(values), "n": len(values), "n_failed": len(rows) - len(values)}


def with_columns(facts: dict, scores: dict, rows: list) -> None:
    """A text, numbers and tags as a run keeps them."""
    plain(facts, scores, rows)
    facts["columns"] = {"carried": {"genre": "text", "bpm": "number", "moods": "tags"}, "left_out": {"url": "too many"}}
    for place, row in enumerate(rows):
        row[column_name("genre")] = [HOSTILE, "jazz", None][place % 3]
        row[column_name("bpm")] = float(60 + place)
        row[column_name("moods")] = ["calm", "dark"] if place % 2 else ["calm"]


def of(board: Board, by: str, metric: str = "clap_score") -> dict[str, Slice]:
    return {each.name: each for each in sliced(board, by).slices if each.column.metric == metric}


def test_labels_keep_their_commas_and_a_prompt_without_one_is_not_lost(make_run: Make) -> None:
    runs = read_runs([make_run(n, seed=s, prompts=PROMPTS, fail=(), change=plain) for n, s in (("x", 0), ("y", 1))])
    (board,) = boards(runs)
    found = of(board, "labels")
    assert set(found) == {"dog, barking", "rain", "wind", NO_LABEL}
    assert [score.mean.n for score in found["rain"].scores] == [5, 5]
    values = [[i.scores["clap_score"] for i in run.items if "dog, barking" in i.labels] for run in runs]
    for score, mine in zip(found["dog, barking"].scores, values, strict=True):
        assert score.mean.value == pytest.approx(statistics.fmean(mine))
        assert score.mean.low < score.mean.value < score.mean.high
    gap = found["dog, barking"].difference
    assert gap.value == pytest.approx(statistics.fmean(values[0]) - statistics.fmean(values[1]))
    assert found["dog, barking"].p >= gap.p, "adjusted for all slices"
    assert found[NO_LABEL].scores[0].small, "two prompts make no interval"


def test_the_table_says_what_is_small_what_is_not_sliced_and_what_is_corrected(make_run: Make) -> None:
    runs = [make_run(name, prompts=PROMPTS, fail=(), change=plain) for name in ("x", "y")]
    sheets, notes = told(boards(read_runs(runs))[0], "labels")
    assert any(row[0] == f"{NO_LABEL} *" for sheet in sheets for row in sheet.rows)
    assert "FD-OpenL3" in notes[0] and "grows as n falls" in notes[0]
    assert any("Holm" in note for note in notes) and any("too few" in note for note in notes)
    _, alone = told(boards(read_runs(runs[:1]))[0], "bpm")
    assert alone == ("nothing is sliced by bpm: the prompts of these runs have no such column",)
    _, alone = told(boards(read_runs(runs[:1]))[0], "words")
    assert any("nothing is corrected" in note for note in alone)


def test_words_are_counted_and_records_are_flat(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run(prompts=PROMPTS, fail=(), change=plain)]))
    found = [each for each in records(board, "words") if each["metric"] == "clap_score"]
    assert [(each["slice"], each["n"]) for each in found] == [("1", 2), ("2", 6), ("5", 5)]
    assert [each["too_few"] for each in found] == [True, False, False]


def test_a_column_of_text_numbers_or_tags_makes_slices(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run(prompts=PROMPTS, fail=(), change=with_columns)]))
    shown = {name.split("[U+")[0] for name in of(board, "genre")}
    assert shown == {HOSTILE[:-1], "jazz", NO_VALUE}, "and a change of direction is made visible"
    assert list(of(board, "bpm")) == ["60 to 63", "64 to 66", "67 to 69", "70 to 72"], "edges are said"
    assert {name: each.prompts for name, each in of(board, "moods").items()} == {"calm": 13, "dark": 6}
    assert sliced(board, "prompt[genre]").slices, "by the name that it has in samples.parquet, too"


def test_one_slice_of_all_prompts_is_the_boards_number_and_interval(make_run: Make) -> None:
    """The foreign oracle of a slice: the metric's own mean and interval over the same values."""
    from evalkit.metrics.results import mean_result

    def whole(facts: dict, scores: dict, rows: list) -> None:
        for row in rows:
            row[column_name("all")] = "one"
        values = {row["id"]: row["kl_passt"] for row in rows if row["kl_passt"] is not None}
        scores["kl_passt"] |= {"value": statistics.fmean(values.values()), "n": len(values)}
        expected.append(mean_result(values, list(values), bounds=(0.0, np.inf)))

    expected: list[Any] = []
    (board,) = boards(read_runs([make_run(prompts=PROMPTS, change=whole)]))
    (score,) = of(board, "all", "kl_passt")["one"].scores
    assert (score.mean.value, score.mean.low, score.mean.high) == pytest.approx(
        (expected[0].value, expected[0].low, expected[0].high)
    )


def test_failed_sounds_are_counted_in_their_slice_and_a_slice_of_them_alone_is_shown(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run(prompts=PROMPTS, fail=("a0", "c0", "c1"), change=plain)]))
    found = of(board, "labels")
    assert [(found[name].scores[0].failed, found[name].scores[0].mean.n) for name in ("dog, barking", NO_LABEL)] == [
        (1, 5),
        (2, 0),
    ]
    sheets, notes = told(board, "labels")
    assert any(row[0].startswith(NO_LABEL) and row[1] == "n/a (0, 2 failed)" for row in sheets[0].rows)
    assert any("counted beside it" in note for note in notes)
    assert {row["n_failed"] for row in records(board, "labels")} == {0, 1, 2}


def test_two_runs_are_compared_over_the_prompts_that_both_have(make_run: Make) -> None:
    runs = read_runs([
        make_run("x", prompts=PROMPTS, fail=("a0",), change=plain),
        make_run("y", seed=1, prompts=PROMPTS, fail=("a1",), change=plain),
    ])  # fmt: skip
    found = of(boards(runs)[0], "labels")["dog, barking"]
    values = [{i.id: i.scores["clap_score"] for i in run.items} for run in runs]
    steps = [values[0][key] - values[1][key] for key in ("a2", "a3", "a4", "a5")]
    assert found.pairs == 4
    assert found.difference.value == pytest.approx(statistics.fmean(steps))


def test_hostile_ids_are_in_their_slices(make_run: Make) -> None:
    """Ids of 300 characters and with line ends are matched as the files have them, not as they are shown."""
    prompts = [(f"{'x' * 300}\n{place}", "One two.", ["dog"]) for place in range(6)]
    (board,) = boards(read_runs([make_run(prompts=prompts, fail=(), change=plain)]))
    assert of(board, "labels")["dog"].scores[0].mean.n == 6


def test_very_many_values_are_the_largest_and_the_rest(make_run: Make) -> None:
    def many(facts: dict, scores: dict, rows: list) -> None:
        plain(facts, scores, rows)
        for place, row in enumerate(rows):
            row[column_name("city")] = "big" if place < 5 else f"c{place}"

    prompts = [(f"p{place}", "One.", []) for place in range(60)]
    found = division(read_runs([make_run(prompts=prompts, fail=(), change=many)]), "city")
    assert len(found.parts) == MOST_SLICES + 1 and len(found.parts["big"]) == 5
    assert sum(map(len, found.parts.values())) == 60 and any("others one together" in note for note in found.notes)


def test_an_unknown_column_says_which_there_are_and_an_old_run_the_way_out(make_run: Make) -> None:
    old, new = make_run("old", change=plain), make_run("new", change=with_columns)
    assert ways(read_runs([new])) == ["labels", "words", "seconds", "genre", "bpm", "moods"]
    with pytest.raises(UserError) as caught:
        require_known("gnre", read_runs([new]))
    assert "did you mean genre? there are labels, words, seconds, genre, bpm" in caught.value.hint
    assert "type the same evalkit run again" not in caught.value.hint
    with pytest.raises(UserError) as caught:
        require_known("genre", read_runs([old]))
    assert "type the same evalkit run again" in caught.value.hint and "old-7d1f0" in caught.value.hint
    with pytest.raises(UserError, match="left out of the run: too many"):
        require_known("url", read_runs([new]))


def test_a_run_without_the_column_is_sliced_by_what_the_other_says(make_run: Make) -> None:
    runs = [make_run("old", prompts=PROMPTS, change=plain), make_run("new", prompts=PROMPTS, change=with_columns)]
    (board,) = boards(read_runs(runs))
    assert all(score.mean.n for each in of(board, "bpm").values() for score in each.scores)


@pytest.mark.parametrize("form", SLICE_FORMATS)
def test_every_format_carries_hostile_names_and_the_same_numbers(make_run: Make, form: str) -> None:
    def hostile(facts: dict, scores: dict, rows: list) -> None:
        with_columns(facts, scores, rows)
        for row in rows:
            row[column_name(HOSTILE[:-1])] = row.pop(column_name("genre"))

    runs = [make_run(name, prompts=PROMPTS, change=hostile) for name in ("x", "y")]
    text = SLICE_FORMATS[form](boards(read_runs(runs)), HOSTILE[:-1])
    assert "\u202e" not in text and "jazz" in text and NO_VALUE.strip("()") in text
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert list(rows[0]) == list(FIELDS) and len(rows) == 2 * 2 * 3
        assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())
    elif form == "json":
        rows = json.loads(text)["slices"]
        assert len(rows) == 12 and sum(row["p_adjusted"] is not None for row in rows) <= 6
    elif form == "md":
        assert "<b>" not in text and "</script>" not in text
    else:
        assert text.isascii() and not re.search(r"(?<!\\)[%&#_]cmd|(?<!\\)%_", text)


@given(st.dictionaries(st.text(max_size=4), st.floats(-1e6, 1e6)))
def test_quantiles_part_the_prompts_and_no_two_equal_values(values: dict[str, float]) -> None:
    found = list(quantiles(values).values())
    assert len(found) <= BINS
    assert len(found) == min(BINS, len(set(values.values()))) or len(set(values.values())) > BINS
    assert sorted(key for part in found for key in part) == sorted(values)
    where = {key: place for place, part in enumerate(found) for key in part}
    assert all(where[a] == where[b] for a in values for b in values if values[a] == values[b])
