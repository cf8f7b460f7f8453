"""`evalkit listen --collect` as it is typed: from the answers that came by mail to columns beside the metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import evalkit_listeners as fake
import numpy as np
import pytest

Typed = Callable[..., Any]
RUNS = {"run-a": "alpha", "run-b": "beta"}
PROMPTS = [f"p{place}" for place in range(8)]


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """A folder with the key and the answers of seven listeners, of whom the third did not listen."""
    folder = tmp_path / "answers"
    folder.mkdir()
    made, rng = fake.study("mos", RUNS, PROMPTS, 7), np.random.default_rng(3)
    said = [fake.answers(made, seat, {"run-a": 0.7, "run-b": -0.7}, rng) for seat in range(1, 8)]
    said[2]["headphones"] = {"given": [1, 1, 0, 0, 1, 1], "tries": 3}
    fake.write_study(folder, made, said)
    return folder


def test_a_folder_of_answers_is_told_and_kept(typed_here: Typed, answers: Path, tmp_path: Path) -> None:
    done = typed_here("listen", "--collect", "answers", "--key", "answers/listen.key.json")
    assert done.returncode == 0, done.stderr
    assert "6 listeners count" in done.stdout and "L3 is left out: headphones" in done.stderr
    first = next(line for line in done.stdout.splitlines() if line.startswith("alpha"))
    assert first.split()[4] == "1", "ahead, and certain"
    assert json.loads((tmp_path / "ratings.json").read_text())["left_out"][0]["listener"] == "L3"
    again = typed_here("agree", "ratings.json")
    assert again.returncode == 0 and "alpha" in again.stdout and "ICC(2,1)" in again.stdout


def test_it_is_the_same_with_its_own_file_among_the_answers(typed_here: Typed, answers: Path) -> None:
    """Typed again, it neither reads its key nor its result as an answer."""
    words = ("listen", "--collect", "answers", "--key", "answers/listen.key.json", "--out", "answers/ratings.json")
    first, second = typed_here(*words), typed_here(*words)
    assert first.returncode == second.returncode == 0 and first.stdout == second.stdout


def test_files_after_the_option_are_answers_and_failed_ones_may_be_kept(typed_here: Typed, answers: Path) -> None:
    """A shell writes out `answers/answers-*.json`."""
    files = [str(answers / f"answers-{n}.json") for n in range(1, 8)]
    done = typed_here(
        "listen", "--collect", *files, "--key", str(answers / "listen.key.json"), "--json", "--keep-failed"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["listeners"], found["left_out"]) == (7, [])
    ahead, behind = found["scales"][0]["systems"]
    assert ahead["name"] == "alpha" and ahead["low"] > behind["high"]
    assert found["scales"][0]["differences"][0]["low"] > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--collect", "answers"], "needs the study's key"),
        (["--collect", "answers", "--key", "answers/answers-1.json"], "not the key"),
        (["--collect", "gone.json", "--key", "answers/listen.key.json"], "gone.json"),
        (["--collect", "empty", "--key", "answers/listen.key.json"], "holds no answers"),
        (["--collect", "answers", "--key", "answers/listen.key.json", "--runs", "nowhere"], "nowhere"),
        (["--collect", "answers", "--key", "answers/listen.key.json", "--out", "answers"], "is a folder"),
        (["--key", "answers/listen.key.json"], "--collect"),
        ([], "no run is named"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(
    typed_here: Typed, answers: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = typed_here("listen", *words)
    assert done.returncode == 2 and told in done.stderr and not (tmp_path / "ratings.json").exists()


def test_two_files_of_one_listener_that_differ_are_refused(typed_here: Typed, answers: Path) -> None:
    changed = json.loads((answers / "answers-1.json").read_text())
    changed["ratings"][0]["score"] = 1 + changed["ratings"][0]["score"] % 5
    (answers / "answers-1 (2).json").write_text(json.dumps(changed))
    done = typed_here("listen", "--collect", "answers", "--key", "answers/listen.key.json")
    assert done.returncode == 2 and "same listener" in done.stderr
