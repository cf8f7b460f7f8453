"""Answers put together: what listeners prefer comes out inside the intervals, failures are left out and told."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import evalkit_listeners as fake
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from evalkit.core.errors import UserError
from evalkit.listening.answers import read_sheets
from evalkit.ratings.collected import (
    Collected,
    as_ratings,
    collect,
    parse_collected,
    read_collected,
    told,
    write_collected,
)
from evalkit.ratings.heard import heard
from evalkit.ratings.parts import parts
from evalkit.ratings.read import read_ratings

QUALITY = {"run-a": 1.0, "run-b": 0.0, "run-c": -0.1}
RUNS = {"run-a": "alpha", "run-b": "beta", "run-c": "gamma"}
PROMPTS = [f"p{place}" for place in range(10)]
SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "ratings.schema.json"


def collected(folder: Path, kind: str, listeners: int = 9, failing: int = 1) -> Collected:
    made, rng = fake.study(kind, RUNS, PROMPTS, listeners), np.random.default_rng(4)
    said = [fake.answers(made, seat, QUALITY, rng) for seat in range(1, listeners + 1)]
    for each in said[:failing]:
        each["checks"][0]["beeps"] = 1
        # Whoever does not listen says the opposite: it would show.
        for rating in each["ratings"]:
            rating["score"] = 6 - rating["score"] if kind == "mos" else 0
    said[-1]["comment"] = "</script><script>alert(1)</script>"
    _, paths = fake.write_study(folder, made, said)
    return collect(made, read_sheets(paths, made))


def test_ratings_are_inside_their_intervals_and_the_failed_one_is_left_out(tmp_path: Path) -> None:
    found = collected(tmp_path, "mos")
    assert found.listeners == 8 and len(found.left_out) == 1 and "attention" in found.left_out[0].why
    assert told(found) == ["8 listeners count", f"{found.left_out[0].listener} is left out: {found.left_out[0].why}"]
    (scale,) = heard(found)
    by = {each.system: each for each in scale.heard}
    for system, quality in QUALITY.items():
        own = by[system]
        assert own.interval is not None and own.interval.low < 3 + quality < own.interval.high
        assert (own.listeners, own.ratings) == (8, 80) and sum(n for _, n in own.counts) == 80
    ahead, near = scale.differences["run-a", "run-b"], scale.differences["run-b", "run-c"]
    assert ahead.is_clear and ahead.value == pytest.approx(by["run-a"].value - by["run-b"].value)
    assert ahead.low is not None and ahead.high is not None and ahead.low < 1.0 < ahead.high
    assert not near.is_clear and near.p is not None and near.p > 0.05


def test_votes_are_scored_with_ties(tmp_path: Path) -> None:
    found = collected(tmp_path, "ab")
    (scale,) = heard(found)
    assert scale.votes and not found.scores
    by = {each.system: each for each in scale.heard}
    assert by["run-a"].value > by["run-b"].value and dict(by["run-a"].counts)["tied"] > 0
    assert sum(n for _, n in by["run-a"].counts) == by["run-a"].ratings == 8 * 10 * 2
    assert scale.differences["run-a", "run-b"].is_clear and not scale.differences["run-b", "run-c"].is_clear
    with pytest.raises(UserError, match="preferences"):
        as_ratings(found, "study")


def test_mushra_tells_reference_and_anchors_and_ranks_runs_alone(tmp_path: Path) -> None:
    found = collected(tmp_path, "mushra")
    (scale,) = heard(found)
    (part,) = parts(found, [scale])
    ranks = {row[0]: row[2] for row in part.sheets[0].rows}
    assert ranks["alpha"] == "1" and ranks["beta"] == ranks["gamma"] == "2–3"
    assert ranks["reference"] == ranks["low_3500"] == "n/a"
    assert {row[0] for row in part.sheets[1].rows} == {"alpha − beta", "alpha − gamma", "beta − gamma"}


def test_a_run_that_always_wins_is_told(tmp_path: Path) -> None:
    made, rng = fake.study("ab", RUNS, PROMPTS, 6), np.random.default_rng(0)
    said = [fake.answers(made, seat, QUALITY | {"run-a": 50.0}, rng) for seat in range(1, 7)]
    _, paths = fake.write_study(tmp_path, made, said)
    (scale,) = heard(collect(made, read_sheets(paths, made)))
    assert "alpha: won or lost all" in scale.notes[0] and all(each.interval is None for each in scale.heard)


def test_few_listeners_have_no_intervals_and_it_is_said(tmp_path: Path) -> None:
    (scale,) = heard(collected(tmp_path, "mos", listeners=3, failing=0))
    assert all(each.interval is None for each in scale.heard) and "3 listeners" in scale.notes[0]


def test_all_failed_is_refused_unless_they_are_wanted(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--keep-failed"):
        collected(tmp_path, "mos", listeners=3, failing=3)
    made = fake.study("mos", RUNS, PROMPTS, 3)
    assert collect(made, read_sheets(sorted(tmp_path.glob("answers-*")), made), keep_failed=True).listeners == 3


@pytest.mark.parametrize("kind", ["mos", "ab", "mushra"])
def test_the_file_is_read_as_it_was_written_and_is_as_its_schema_says(tmp_path: Path, kind: str) -> None:
    found = collected(tmp_path, kind)
    write_collected(found, tmp_path / "ratings.json")
    assert read_collected(tmp_path / "ratings.json") == found
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads((tmp_path / "ratings.json").read_text()))
    if kind != "ab":
        ratings = read_ratings(tmp_path / "ratings.json")
        assert len(ratings.rows) == len(found.scores) and ratings.rows[0].clip.startswith("run-")


def damaged(table: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(table)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("study")
    write_collected(collected(folder, "mos"), folder / "ratings.json")
    return dict(json.loads((folder / "ratings.json").read_text()))


@pytest.mark.parametrize(
    ("path", "value", "told_of"),
    [
        (("scores", 3, "score"), 9, "scores[3]"),
        (("scores", 3, "score"), "4", "scores[3].score"),
        (("scores", 3, "system"), "run-z", "scores[3]"),
        (("scores", 3), None, "scores[3]"),
        (("scales", 0, "low"), 5, "scales[0]"),
        (("systems", 1, "id"), "run-a", "names one twice"),
        (("form",), "duel", "form"),
        (("study",), 7, "study"),
        (("schema",), 2, "schema"),
        (("kind",), "other", "no file of collected ratings"),
        (("scores",), [], "holds no ratings"),
        (("incomplete",), -1, "incomplete"),
        (("more",), 1, "more"),
        (("votes",), [{"first": "run-a"}], "votes[0].second"),
    ],
)
def test_a_damaged_file_is_one_line(table: dict[str, Any], path: tuple[Any, ...], value: Any, told_of: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_collected(json.dumps(damaged(table, *path, value=value)).encode(), Path("ratings.json"))
    assert told_of in str(caught.value) and "\n" not in str(caught.value)


def test_a_rating_given_twice_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="twice"):
        parse_collected(json.dumps(table | {"scores": [*table["scores"], table["scores"][0]]}).encode(), Path("r.json"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_stands_in_a_field_costs_one_line(table: dict[str, Any], data: st.DataObject) -> None:
    """A file of ratings may be anybody's: no traceback, no control character."""
    key = data.draw(st.sampled_from(sorted(table)))
    changed = damaged(table, key, value=data.draw(JSON))
    if data.draw(st.booleans()) and isinstance(table[key], list) and table[key]:
        inner = data.draw(st.sampled_from(sorted(table[key][0])))
        changed = damaged(table, key, 0, inner, value=data.draw(JSON))
    try:
        found = parse_collected(json.dumps(changed).encode("utf-8", "surrogatepass"), Path("ratings.json"))
        for part in parts(found, heard(found)):
            assert part.sheets
    except UserError as error:
        assert "\n" not in str(error) and "\x1b" not in str(error)
