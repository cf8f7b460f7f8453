"""Answer files: what a listener said is read back, and whatever the page did not write costs one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.listening.answers import Sheet, read_sheet, read_sheets
from evalkit.listening.study import Study

Make = Callable[..., Study]
Answered = Callable[..., dict[str, Any]]


def written(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["mos", "ab", "mushra"])
def test_what_a_listener_said_is_read_back(kind: str, make_study: Make, answered: Answered, tmp_path: Path) -> None:
    study = make_study(kind)
    content = answered(study)
    sheet = read_sheet(written(tmp_path / "one.json", content), study)
    assert [vars(each) for each in sheet.ratings] == content["ratings"]
    assert [vars(each) for each in sheet.preferences] == content["preferences"]
    assert (sheet.seat, sheet.complete, sheet.failed) == (1, True, ())


def faulty(content: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return content


WRONG = [
    (("ratings", 0, "score"), 6, "outside of 1 to 5"),
    (("ratings", 0, "score"), 0, "outside of 1 to 5"),
    (("ratings", 0, "score"), 3.5, "ratings[0].score is 3.5, expected a whole number"),
    (("ratings", 0, "score"), True, "ratings[0].score is True"),
    (("ratings", 0, "score"), 10**30, "ratings[0].score"),
    (("ratings", 0, "score"), None, "ratings[0].score is None"),
    (("ratings", 0, "item"), "</script>", "not in its trial"),
    (("ratings", 0, "trial"), "0000000000", "not given"),
    (("ratings", 0, "scale"), "stereo", "not asked"),
    (("ratings", 0, "seconds"), -1, "no test has"),
    (("ratings", 0, "model"), "x", "ratings[0].'model' is not known"),
    (("ratings",), {}, "ratings is no list"),
    (("ratings",), [0] * 30_000, "30,000 entries"),
    (("ratings", 0), [], "is no object"),
    (("listener",), "../../etc", "sixteen hex digits"),
    (("seat",), 4, "none of the study's 3"),
    (("seat",), 0, "none of the study's 3"),
    (("comment",), "x" * 2001, "more than 2,000"),
    (("comment",), 7, "comment is 7, expected text"),
    (("checks", 0, "check"), "0000000000", "no code here"),
    (("headphones", "given"), [9], "is not 6 places"),
    (("preferences",), [{"trial": "", "scale": "", "left": "", "chosen": "", "place": 1, "seconds": 1}], "of scores"),
    (("schema",), 2, "another schema"),
    (("kind",), "evalkit-baseline", "no answer file"),
    (("study",), "f" * 16, "of another study"),
]


@pytest.mark.parametrize(("path", "value", "told"), WRONG, ids=[f"{p}={v!r:.12}" for p, v, _ in WRONG])
def test_what_the_page_does_not_write_is_refused_by_its_place(
    path: tuple[Any, ...], value: object, told: str, make_study: Make, answered: Answered, tmp_path: Path
) -> None:
    study = make_study()
    with pytest.raises(UserError) as refused:
        read_sheet(written(tmp_path / "bad.json", faulty(answered(study), *path, value=value)), study)
    assert told in str(refused.value)
    assert "bad.json" in refused.value.message
    assert "\n" not in str(refused.value)


def test_all_faults_of_a_file_are_told_at_once(make_study: Make, answered: Answered, tmp_path: Path) -> None:
    study = make_study()
    content = answered(study)
    content["ratings"][0]["score"] = 9
    content["ratings"][3]["scale"] = "loud"
    content["listener"] = "me"
    with pytest.raises(UserError) as refused:
        read_sheet(written(tmp_path / "bad.json", content), study)
    for told in ("ratings[0]", "ratings[3]", "listener"):
        assert told in refused.value.message


def test_a_question_answered_twice_or_not_at_all_is_told(make_study: Make, answered: Answered, tmp_path: Path) -> None:
    study = make_study()
    twice, short = answered(study), answered(study)
    twice["ratings"][1] = twice["ratings"][0]
    del short["ratings"][0]
    with pytest.raises(UserError, match="more than once"):
        read_sheet(written(tmp_path / "twice.json", twice), study)
    with pytest.raises(UserError, match="complete is true, with 11 of 12 answers"):
        read_sheet(written(tmp_path / "short.json", short), study)
    assert len(read_sheet(written(tmp_path / "part.json", short | {"complete": False}), study).ratings) == 11


def test_a_listener_counts_once(make_study: Make, answered: Answered, tmp_path: Path) -> None:
    """The same file, mailed twice, is one listener; two that differ are a question for the author."""
    study = make_study()
    first = written(tmp_path / "a.json", answered(study))
    again = written(tmp_path / "b.json", answered(study))
    other = written(tmp_path / "c.json", answered(study, 2, "cd" * 8))
    assert [sheet.seat for sheet in read_sheets([first, again, other], study)] == [1, 2]
    changed = answered(study)
    changed["ratings"][0]["score"] = 2
    with pytest.raises(UserError, match="same listener"):
        read_sheets([first, written(tmp_path / "d.json", changed)], study)


def failed(study: Study, content: dict[str, Any], tmp_path: Path) -> Sheet:
    return read_sheet(written(tmp_path / "failed.json", content), study)


def test_failed_checks_are_marked_and_say_which(make_study: Make, answered: Answered, tmp_path: Path) -> None:
    study = make_study("mushra")
    content = answered(study)
    content["checks"][0]["beeps"] = 5
    content["headphones"]["given"] = [0, 2, 0, 0, 0, 0]
    for row in content["ratings"]:
        row["score"] = 50
    assert failed(study, content, tmp_path).failed == (
        "headphones: 3 of 6 right",
        "attention: 1 of 2 checks wrong",
        "hidden reference: under 90 in 3 of 3 trials",
    )
    content["headphones"]["given"] = []
    content["checks"] = []
    assert failed(study, content, tmp_path).failed[:2] == (
        "headphones: left out",
        "attention: 2 of 2 checks not answered",
    )


def test_a_comment_cannot_move_the_cursor(make_study: Make, answered: Answered, tmp_path: Path) -> None:
    study = make_study()
    sheet = failed(study, answered(study) | {"comment": "\x1b[2J</script>\u202e"}, tmp_path)
    assert "\x1b" not in sheet.comment
    assert "\u202e" not in sheet.comment


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(["study", "listener", "seat", "headphones", "checks", "ratings", "comment"]), value=JSON)
def test_whatever_stands_in_a_field_costs_one_line(
    field: str, value: Any, make_study: Make, answered: Answered, tmp_path: Path
) -> None:
    study = make_study()
    path = written(tmp_path / "any.json", answered(study) | {field: value})
    try:
        read_sheet(path, study)
    except UserError as refused:
        assert "\n" not in str(refused)
