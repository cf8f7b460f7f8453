"""Slices: which prompts are in which, that their means are theirs, and what is said of small and of many."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.report.board import boards
from evalkit.report.records import read_runs
from evalkit.report.slices import BINS, NO_LABEL, quantiles, records, slices, told

Make = Callable[..., Path]
PROMPTS = [
    *((f"a{place}", "One two.", ["dog, barking"]) for place in range(6)),
    *((f"b{place}", "One two three four five.", ["rain", "wind"]) for place in range(5)),
    ("c0", "One.", []),
    ("c1", "One.", []),
]


def plain(facts: dict, scores: dict, rows: list) -> None:
    for name in ("kl_passt", "clap_score"):
        values = [row[name] for row in rows if row[name] is not None]
        scores[name] |= {"value": statistics.fmean(values), "n": len(values)}


def test_labels_keep_their_commas_and_a_prompt_without_one_is_not_lost(make_run: Make) -> None:
    runs = read_runs([make_run(n, seed=s, prompts=PROMPTS, fail=(), change=plain) for n, s in (("x", 0), ("y", 1))])
    (board,) = boards(runs)
    found = {each.name: each for each in slices(board, "labels") if each.metric == "clap_score"}
    assert set(found) == {"dog, barking", "rain", "wind", NO_LABEL}
    assert [mean[3] for mean in found["rain"].means] == [5, 5]
    values = [[i.scores["clap_score"] for i in run.items if "dog, barking" in i.labels] for run in runs]
    for mean, mine in zip(found["dog, barking"].means, values, strict=True):
        assert mean[0] == pytest.approx(statistics.fmean(mine))
        assert mean[1] < mean[0] < mean[2]
    gap = found["dog, barking"].difference
    assert gap.value == pytest.approx(statistics.fmean(values[0]) - statistics.fmean(values[1]))
    assert found["dog, barking"].p >= gap.p, "adjusted for all slices"
    assert found[NO_LABEL].means[0][1] is None, "two prompts make no interval"


def test_the_table_says_what_is_small_what_is_not_sliced_and_what_is_corrected(make_run: Make) -> None:
    runs = [make_run(name, prompts=PROMPTS, fail=(), change=plain) for name in ("x", "y")]
    sheets, notes = told(boards(read_runs(runs))[0], "labels")
    assert any(row[0] == f"{NO_LABEL} *" for sheet in sheets for row in sheet.rows)
    assert "FD-OpenL3" in notes[0]
    assert any("Holm" in note for note in notes)
    _, alone = told(boards(read_runs(runs[:1]))[0], "words")
    assert any("quantiles" in note for note in alone)
    assert any("nothing is corrected" in note for note in alone)


def test_words_are_counted_and_records_are_flat(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run(prompts=PROMPTS, fail=(), change=plain)]))
    found = [each for each in records(board, "words") if each["metric"] == "clap_score"]
    assert [(each["slice"], each["n"]) for each in found] == [("1 to 2", 8), ("5", 5)]


def test_an_unknown_slice_is_refused(make_run: Make) -> None:
    with pytest.raises(UserError):
        slices(boards(read_runs([make_run()]))[0], "lables")


@given(st.dictionaries(st.text(max_size=4), st.floats(-1e6, 1e6)))
def test_quantiles_part_the_prompts_and_no_two_equal_values(values: dict[str, float]) -> None:
    found = list(quantiles(values).values())
    assert len(found) <= BINS
    assert sorted(key for part in found for key in part) == sorted(values)
    where = {key: place for place, part in enumerate(found) for key in part}
    assert all(where[a] == where[b] for a in values for b in values if values[a] == values[b])
