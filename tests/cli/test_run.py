"""The verbs run, generate and score as a person or a CI job types them."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import evalkit_fakes
import numpy as np
import pytest

from evalkit.audio.encode import wav_bytes

MOODY = "evalkit_fakes:Moody"


@pytest.fixture
def suite(tmp_path: Path) -> str:
    rows = [("p0", "a dog", 0.5), ("p1", "silent", 0.5), ("p2", "rain", 0.5)]
    return str(evalkit_fakes.write_suite(tmp_path / "suite", rows))


def test_a_run_ends_with_a_table_and_the_path_of_its_report(typed: Any, suite: str, tmp_path: Path) -> None:
    done = typed("run", "--model", MOODY, "--suite", suite, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert (
        "[mini]" in done.stdout and "2 of 3 prompts have audio" in done.stdout and "failed 'p1': silent" in done.stdout
    )
    row = next(line for line in done.stdout.splitlines() if line.startswith("evalkit_fakes:LEVEL"))
    assert "↑" in row and "95%" in row and "tiny-1" in row and row.rstrip().endswith("mini")
    assert "report: out/report.html" in done.stdout and (tmp_path / "out" / "report.html").stat().st_size > 1000
    assert "generate: done" in done.stderr and "embed cheap-b: done" in done.stderr


def test_json_is_one_object_even_where_the_model_prints(typed: Any, suite: str) -> None:
    done = typed("run", "--model", MOODY, "--suite", suite, "--json", "--no-report")
    answer = json.loads(done.stdout)
    assert answer["n_failed"] == 1 and answer["failures"] == {"p1": "silent"} and answer["report"] is None
    assert answer["scores"]["evalkit_fakes:LEVEL"]["n"] == 2 and "a model that prints" in done.stderr


def test_a_finished_run_again_is_quick_and_imports_no_torch(typed: Any, suite: str) -> None:
    typed("run", "--model", "mock", "--suite", suite)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    again = typed("run", "--model", "mock", "--suite", suite, PYTHONPROFILEIMPORTTIME="1")
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - spent
    assert spent < 5 and again.returncode == 0 and "nothing to do" in again.stdout
    imported = {line.split("|")[-1].strip() for line in again.stderr.splitlines() if "import time" in line}
    assert "evalkit.run.pipeline" in imported and not imported & {"torch", "transformers", "pandas", "matplotlib"}


def test_generate_is_the_first_stage_of_the_same_run(typed: Any, suite: str, tmp_path: Path) -> None:
    first = json.loads(typed("generate", "--model", MOODY, "--suite", suite, "--json").stdout)
    assert first["scores"] == {} and first["n_ok"] == 2
    folder = tmp_path / first["run"]
    made = {path.name: path.stat().st_mtime_ns for path in (folder / "audio").iterdir()}
    second = json.loads(typed("run", "--model", MOODY, "--suite", suite, "--json", "--no-report").stdout)
    assert second["run"] == first["run"] and second["scores"]
    assert made == {path.name: path.stat().st_mtime_ns for path in (folder / "audio").iterdir()}


def test_failures_beyond_the_limit_are_exit_1_with_everything_written(typed: Any, suite: str, tmp_path: Path) -> None:
    words = ("run", "--model", MOODY, "--suite", suite, "--out", "out", "--no-report", "--max-failures")
    assert typed(*words, "1").returncode == 0
    assert typed(*words, "0").returncode == 1 and (tmp_path / "out" / "scores.json").exists()


def test_a_run_without_one_sound_is_exit_1(typed: Any, tmp_path: Path) -> None:
    suite = str(evalkit_fakes.write_suite(tmp_path / "s", [("a", "silent", 0.5)]))
    assert typed("run", "--model", MOODY, "--suite", suite, "--no-report").returncode == 1


def test_score_takes_a_folder_as_it_is(typed: Any, suite: str, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 8000)).astype(np.float32)
    for name in ("p0", "p1", "other"):
        (tmp_path / "made" / f"{name}.wav").write_bytes(wav_bytes(noise, 16000))
    done = typed("score", "made", "--suite", suite, "--json", "--no-report")
    answer = json.loads(done.stdout)
    assert done.returncode == 0 and answer["model"] == "made" and answer["n_ok"] == 2
    assert set(answer["failures"]) == {"p2"} and "other.wav" in done.stderr


def test_several_models_give_one_object_with_their_runs(typed: Any, suite: str, tmp_path: Path) -> None:
    words = ("run", "--model", f"mock,{MOODY}", "--suite", suite, "--out", "both")
    answer = json.loads(typed(*words, "--json").stdout)
    assert [run["model"] for run in answer["runs"]] == ["mock", "moody"]
    assert (tmp_path / answer["report"]).exists()
    told = typed(*words).stdout
    board = told.split("run:    both/")[2]
    assert "\nA  mock " in board and "\nB  moody " in board, "one leaderboard, after both runs"
    assert "over the prompts that both have, as sounds failed: 0 of 3 of A, 1 of 3 of B" in board
    assert "rank 1" not in board, "two prompts that both have give no interval"
    assert "all of them: both/report.html" in board


def test_what_ends_one_model_s_run_is_told_before_another_s_begins(
    typed: Any, suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After hours of the first model it would be too late; and a reason that two share is told once."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    models = "mock,musicgen-small,musicgen-stereo-small"
    done = typed("run", "--model", models, "--suite", suite, "--no-report")
    err = done.stderr
    assert done.returncode == 2 and "musicgen-small: no run" in done.stdout and "mock" in done.stdout
    told = err.index("weights musicgen-stereo-small are not here")
    assert err.index("weights musicgen-small are not here") < told < err.index("generate:")
    done = typed("run", "--model", "mock,bad", "--suite", suite, "--set", "kind=x", "--preset", "y")
    assert done.returncode == 2
    assert all(each in done.stderr for each in ("no model is called 'bad'", "kind is one of", "called 'y'"))


def test_several_seeds_are_a_run_each_on_one_board(typed: Any, suite: str, tmp_path: Path) -> None:
    words = ("run", "--model", "mock", "--suite", suite, "--out", "seeds", "--samples", "2", "--seed", "0, 2,0")
    answer = json.loads(typed(*words, "--json").stdout)
    assert [(run["run"], run["seed"], run["samples_per_prompt"]) for run in answer["runs"]] == [
        ("seeds/seed-0", 0, 2),
        ("seeds/seed-2", 2, 2),
    ]
    told = typed(*words).stdout
    assert "mock, seed 0, on suite tiny 1" in told and "6 of 6 sounds are there, 2 for each prompt" in told
    assert "\ndefault · 2 sounds a prompt · seed 2" in told and "all of them: seeds/report.html" in told
    alone = json.loads(typed(*words[:-1], "0", "--out", "alone", "--json").stdout)
    assert alone["run_id"] == answer["runs"][0]["run_id"], "a seed in a list is the same run as by itself"


def test_several_models_with_several_seeds_have_a_folder_each(typed: Any, suite: str, tmp_path: Path) -> None:
    words = ("generate", "--model", MOODY, "--suite", suite, "--out", "g", "--seed", "0,1", "--json")
    assert [run["run"] for run in json.loads(typed(*words).stdout)["runs"]] == ["g/seed-0", "g/seed-1"]
    words = ("run", "--model", f"mock,{MOODY},folder:g/seed-0/audio", "--suite", suite, "--out", "o", "--seed", "0,1")
    done = typed(*words, "--json", "--no-report")
    folders = [run["run"] for run in json.loads(done.stdout)["runs"]]
    assert folders[:2] == ["o/mock/seed-0", "o/mock/seed-1"] and len(set(folders)) == 5
    assert "its sounds are made already, so it is one run, whatever the seed" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "--seed", "0,x"), "'x' is no whole number"),
        (("run", "--seed", "0,,1"), "'' is no whole number"),
        (("generate", "--seed", "1.5"), "'1.5' is no whole number"),
        (("run", "--samples", "0"), "--samples 0"),
        (("run", "--samples", "2000"), "--samples 2000"),
        (("run", "--model", "mok"), "did you mean mock"),
        (("run", "--model", "mock", "--suite", "minni"), "did you mean mini"),
        (("run", "--model", "mock", "--suite", "SUITE", "--set", "burst=2"), "did you mean bursts"),
        (("run", "--model", "mock", "--suite", "SUITE", "--set", "kind=song"), "kind is one of"),
        (("run", "--model", "mock", "--suite", "SUITE", "--dtype", "int4"), "no dtype is called"),
        (("run", "--limit", "0"), "--limit 0"),
        (("score", "nowhere", "--suite", "SUITE"), "no such folder"),
        (("run", "--model", "mock", "--suite", "SUITE", "--out", "suite"), "holds files of something else"),
    ],
)
def test_what_a_person_can_put_right_is_one_line_and_exit_2(
    words: tuple[str, ...], told: str, typed: Any, suite: str
) -> None:
    done = typed(*(suite if word == "SUITE" else word for word in words))
    lines = [line for line in done.stderr.splitlines() if "to do" not in line and "names code" not in line]
    assert done.returncode == 2 and done.stdout == "" and len(lines) == 1 and told in lines[0]


def test_a_bug_keeps_its_traceback(typed: Any, suite: str) -> None:
    """One of evalkit's own, that is: somebody's own code that fails is one line (tests/cli/test_own_code.py)."""
    done = typed("run", "--model", "mock", "--suite", suite, "--no-report", CHEAP_BUG="yes")
    assert done.returncode == 1 and "Traceback" in done.stderr and "a bug in the embedder" in done.stderr


SOUND = ("duration_error", "silence_share", "clipping_share", "loudness_lufs", "side_mid", "bandwidth")


def test_further_measures_stand_in_a_table_of_their_own(typed: Any, suite: str, tmp_path: Path) -> None:
    """Without any weights file: what is measured of the sound alone must work on a bare machine."""
    manifest = Path(suite)
    plain = manifest.read_text(encoding="utf-8").partition("[metrics")[0]
    manifest.write_text(plain + "".join(f'[metrics.{name}]\nweights = "sound"\n' for name in SOUND), encoding="utf-8")
    words = ("run", "--model", "mock", "--suite", suite, "--out", "out")
    done = typed(*words, module="evalkit")
    assert done.returncode == 0, done.stderr
    _, _, table = done.stdout.partition("further measures, which rank nothing")
    lines = {line.split()[0]: line for line in table.splitlines() if line.startswith(SOUND)}
    assert set(lines) == set(SOUND)
    assert "↓" in lines["clipping_share"]
    assert "↓" not in lines["bandwidth"] and "↑" not in lines["bandwidth"]
    assert table.count("no interval: it takes clips of at least 5 sources") == 1, "said once for all of them"
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["duration_error"]["value"] == 0 and scores["duration_error"]["weights"] == "none"
    assert scores["bandwidth"]["direction"] == "none" and scores["bandwidth"]["headline"] is False
    facts = json.loads((tmp_path / "out" / "run.json").read_text())["metrics"]["bandwidth"]
    assert (facts["embedder"], facts["weights"], facts["stamp"]) == ("sound", "none", "none")
    again = typed(*words, module="evalkit")
    assert "nothing to do" in again.stdout and "further measures" in again.stdout
    refused = typed(*words, "--weights", f"sound={manifest}", module="evalkit")
    assert refused.returncode == 2 and "nothing to replace" in refused.stderr
