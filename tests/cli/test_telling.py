"""How much a verb tells and where it is kept: a cron job wants silence, a night's work a log to be read after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import evalkit_fakes
import pytest

from evalkit.cli import main
from evalkit.cli.main import VERBS


@pytest.fixture
def suite(tmp_path: Path) -> str:
    rows = [("p0", "a dog", 0.5), ("p1", "thunder", 0.5), ("p2", "rain", 0.5)]
    return str(evalkit_fakes.write_suite(tmp_path / "suite", rows))


def test_quiet_tells_the_result_and_no_progress(typed: Any, suite: str) -> None:
    done = typed("run", "--model", "mock", "--suite", suite, "--no-report", "--quiet")
    assert done.returncode == 0 and "prompts have audio" in done.stdout
    assert "to do" not in done.stderr and "done after" not in done.stderr


def test_quiet_keeps_errors_and_warnings(typed: Any, suite: str) -> None:
    wrong = typed("run", "--model", "mok", "--suite", suite, "--quiet")
    assert wrong.returncode == 2 and "did you mean mock" in wrong.stderr
    assert (
        typed("run", "--model", "folder:.", "--seed", "0,1", "--suite", suite, "--quiet").stderr.count("is one run")
        == 1
    )


def test_the_models_name_is_on_its_lines_and_scoring_is_not_called_generate(
    typed: Any, suite: str, tmp_path: Path
) -> None:
    done = typed("run", "--model", "mock", "--suite", suite, "--out", "made")
    assert "evalkit: mock: generate: " in done.stderr and "evalkit: mock: embed " in done.stderr
    assert "evalkit: mock: score" in done.stderr and "evalkit: report made/report.html" in done.stderr
    scored = typed("score", "made/audio", "--suite", suite, "--no-report")
    assert scored.returncode == 0 and ": inspect: " in scored.stderr and "generate" not in scored.stderr


def test_the_log_has_all_that_was_said_with_times_and_grows(typed: Any, suite: str, tmp_path: Path) -> None:
    words = ("run", "--model", "mock", "--suite", suite, "--no-report", "--log", "night.log")
    first = typed(*words, "--quiet")
    log = tmp_path / "night.log"
    lines = log.read_text(encoding="utf-8").splitlines()
    assert first.returncode == 0 and any("mock: generate: " in line for line in lines), "the progress too, though quiet"
    for said in first.stdout.splitlines():
        assert any(line.endswith(said.rstrip()) for line in lines), said
    assert all(line[:4].isdigit() and line[19] == "Z" for line in lines)
    assert typed("check", "nowhere", "--baseline", "x", "--log", "night.log").returncode == 2
    grown = log.read_text(encoding="utf-8").splitlines()
    assert grown[: len(lines)] == lines and all(
        any(each in line for line in grown[len(lines) :]) for each in ("nowhere: ", "x: no such baseline file")
    )


def test_a_log_of_json_leaves_stdout_to_the_json(typed: Any, suite: str, tmp_path: Path) -> None:
    done = typed("run", "--model", "mock", "--suite", suite, "--no-report", "--json", "--log", "l")
    assert json.loads(done.stdout)["n_ok"] and (tmp_path / "l").stat().st_size


def test_a_log_is_a_regular_file_or_refused_before_the_work(typed: Any, suite: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in ("no/such/folder/log", ".", "pipe", "/dev/null"):
        done = typed("run", "--model", "mock", "--suite", suite, "--log", place)
        assert done.returncode == 2 and f"--log {place}" in done.stderr and "Traceback" not in done.stderr, place
    assert not (tmp_path / "runs").exists()


def test_every_verb_has_both() -> None:
    from typer.main import get_command

    group: Any = get_command(main.build())
    for verb in VERBS:
        assert {"--quiet", "--log"} <= {word for param in group.commands[verb].params for word in param.opts}, verb


def test_a_shell_completes_verbs_and_options() -> None:
    def completed(words: str, position: str) -> list[str]:
        variables = {**os.environ, "_EVALKIT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": position}
        start = "import sys; sys.argv = ['evalkit']; from evalkit.__main__ import main; main()"
        done = subprocess.run([sys.executable, "-c", start], env=variables, capture_output=True, text=True, timeout=60)
        return done.stdout.split()

    assert completed("evalkit che", "1") == ["check"]
    assert {"--seed", "--seconds"} <= set(completed("evalkit run --se", "2"))
