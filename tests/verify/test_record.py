"""Records: the first person with weights leaves an answer, and everybody after is held against it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.fetch.weights import MINI_FOLDER
from evalkit.verify.answer_files import SHIPPED, read_answers
from evalkit.verify.signals import VERSION

Answer = tuple[int, str, str]
Changed = Callable[[Path, str, str, int], Path]

PASST_MINI = SHIPPED / "passt-mini.json"


def lent(home: Path, name: str, folder: Path) -> Path:
    """The weights of a mini under a published name, as if they were these."""
    target = home / "weights" / name
    shutil.copytree(folder, target)
    return target


def test_who_has_weights_leaves_a_record_and_is_held_against_it(
    evalkit: Callable[..., Answer], changed: Changed, tmp_path: Path
) -> None:
    here = lent(tmp_path / "home", "openl3-env", MINI_FOLDER / "openl3-mini")
    _, out, _ = evalkit("verify", "openl3-env", "--json")
    assert "evalkit verify --record openl3-env" in json.loads(out)["verdicts"][0]["reason"]

    code, out, _ = evalkit("verify", "--record", "--json")  # whatever is here and has no answer
    path = tmp_path / "home" / "answers" / "openl3-env.json"
    assert code == 0 and json.loads(out) == {"recorded": {"openl3-env": str(path)}}
    told = json.loads(path.read_text())
    assert told["source"]["torch"] and told["source"]["platform"] and len(told["digest"]) == 64

    code, out, _ = evalkit("verify", "openl3-env", "--json")
    verdicts = json.loads(out)["verdicts"]
    assert code == 0 and [each["result"] for each in verdicts] == ["equal", "equal"]
    assert all(str(path) in each["reason"] for each in verdicts)

    shutil.rmtree(here)
    shutil.copytree(changed(MINI_FOLDER / "openl3-mini", "model.safetensors", "conv2d_4.bias", 3), here)
    code, out, _ = evalkit("verify", "openl3-env", "--json")
    assert code == 1 and [each["result"] for each in json.loads(out)["verdicts"]] == ["wrong", "wrong"]


def test_a_record_of_somebody_else_is_named(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    lent(tmp_path / "home", "passt", MINI_FOLDER / "passt-mini")
    code, _, _ = evalkit("verify", "passt", "--record", "--out", "theirs")
    assert code == 0
    code, out, _ = evalkit("verify", "passt", "--answers", "theirs/passt.json", "--json")
    assert code == 0 and {each["result"] for each in json.loads(out)["verdicts"]} == {"equal"}


def test_a_record_is_never_written_over(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    words = ("verify", "passt-mini", "--record", "--out", "here")
    assert evalkit(*words)[0] == 0
    before = (tmp_path / "here" / "passt-mini.json").read_bytes()
    code, _, err = evalkit(*words)
    assert code == 2 and "is there already" in err
    assert (tmp_path / "here" / "passt-mini.json").read_bytes() == before


@pytest.mark.parametrize(("name", "told"), [("t5-base", "has no outputs"), ("passt", "not here"), ("pasts", "passt")])
def test_what_cannot_be_recorded_is_one_line(evalkit: Callable[..., Answer], name: str, told: str) -> None:
    code, out, err = evalkit("verify", name, "--record")
    assert code == 2 and not out and told in err and err.count("\n") == 1


def test_what_ships_is_what_the_recipe_writes_here(tmp_path: Path) -> None:
    """The committed numbers were written by `python -m evalkit.verify.record`, and read as they were written."""
    from evalkit.verify.known import Request
    from evalkit.verify.record import record

    written = record("passt-mini", Request())
    shipped = json.loads(PASST_MINI.read_text())
    volatile = ("source", "cases")
    assert {key: value for key, value in written.items() if key not in volatile} == {
        key: value for key, value in shipped.items() if key not in volatile
    }
    assert written["cases"][0]["expected"] == pytest.approx(shipped["cases"][0]["expected"], abs=1e-5)
    assert written["cases"][0]["absolute"] == pytest.approx(shipped["cases"][0]["absolute"], rel=0.1)


CHANGES: dict[str, Any] = {
    "another form": {"form": 2},
    "a runner of ours": {"runner": "musicgen"},
    "no runner": {"runner": "os"},
    "unknown weights": {"weights": ["somebody-s"]},
    "several weights": {"weights": ["passt", "clap"]},
    "a path for weights": {"weights": ["../../etc"]},
    "other signals": {"signals": VERSION + 1},
    "an unknown key": {"code": "import os"},
    "a digest that is a number": {"digest": 7},
    "no cases": {"cases": []},
    "cases that are none": {"cases": [1]},
    "too many cases": {"cases": [{"what": "x", "expected": [1.0]}] * 101},
    "a case without numbers": {"cases": [{"what": "x"}]},
    "ragged numbers": {"cases": [{"what": "x", "expected": [[1.0], [1.0, 2.0]]}]},
    "text for numbers": {"cases": [{"what": "x", "expected": ["1", "a"]}]},
    "a tolerance that is text": {"cases": [{"what": "x", "expected": [1.0], "absolute": "1"}]},
    "an input that is a list": {"cases": [{"what": "x", "expected": [1.0], "input": []}]},
    "an unknown key of a case": {"cases": [{"what": "x", "expected": [1.0], "run": "rm"}]},
}


@pytest.mark.parametrize("how", sorted(CHANGES))
def test_a_strangers_record_that_is_none_is_one_line(evalkit: Callable[..., Answer], tmp_path: Path, how: str) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps({**json.loads(PASST_MINI.read_text()), **CHANGES[how]}))
    code, out, err = evalkit("verify", "kl_formula", "--answers", str(path))
    assert code == 2 and not out and "theirs.json" in err and err.count("\n") == 1 and "Traceback" not in err


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=8), st.integers(0, 10**6), st.sampled_from(["put", "cut", "drop"]))
def test_a_damaged_record_is_read_or_refused(tmp_path: Path, piece: bytes, place: int, how: str) -> None:
    """Whatever a stranger's file holds, no other error comes of it."""
    data = PASST_MINI.read_bytes()
    at = place % len(data)
    changes = {"put": data[:at] + piece + data[at + len(piece) :], "cut": data[:at], "drop": data[:at] + data[at + 9 :]}
    path = tmp_path / "record.json"
    path.write_bytes(changes[how])
    try:
        found = read_answers(path)
    except UserError:
        return
    assert found.weights == ("passt-mini",) and found.cases
