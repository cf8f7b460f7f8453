"""Ctrl-C, SIGTERM, a closed terminal and models that exit: the run says what happened, and goes on when asked again."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import evalkit_fakes
import numpy as np
import pytest
from evalkit_process import finish, start
from evalkit_warm import Begun

from evalkit.audio.encode import wav_bytes
from evalkit.core.ids import safe_name


def suite(folder: Path, *texts: str, seconds: float = 0.4) -> str:
    rows = [(f"p{number}", text, seconds) for number, text in enumerate(texts)]
    return str(evalkit_fakes.write_suite(folder / "suite", rows))


def run_words(model: str, suite: str, *more: str) -> tuple[str, ...]:
    return ("run", "--model", f"evalkit_stops:{model}", "--suite", suite, "--out", "out", *more)


def status(folder: Path) -> str:
    return str(json.loads((folder / "out" / "run.json").read_text())["status"])


def wait_for(path: Path, process: subprocess.Popen[str] | Begun) -> None:
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)


def check_stopped(process: subprocess.Popen[str] | Begun, number: int, says: str = "goes on from here") -> None:
    """Send the signal: exit 130 with one line, soon."""
    process.send_signal(number)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130, told
    assert told.count("interrupted") == 1 and says in told and "Traceback" not in told and "ignored" not in told


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    """A folder with a finished run `out` that has no page yet, and the words that made it."""
    folder = tmp_path_factory.mktemp("scored")
    words = run_words("Obedient", suite(folder, *["rain"] * 8, seconds=30.0))
    code, _, told = finish(folder, *words, "--no-report")
    assert code == 0, told
    return folder, words


@pytest.mark.parametrize(
    ("verb", "number"), [("run", signal.SIGINT), ("run", signal.SIGTERM), ("report", signal.SIGINT)]
)
def test_a_stop_while_the_report_encodes_leaves_no_page_and_a_finished_run(
    verb: str, number: int, scored: tuple[Path, tuple[str, ...]]
) -> None:
    """The previews are written by callbacks from C, where the exception of Ctrl-C is printed and dropped."""
    folder, words = scored
    (folder / "reached").unlink(missing_ok=True)
    process = start(folder, *(words if verb == "run" else ("report", "out")), ENCODING="reached")
    wait_for(folder / "reached", process)
    check_stopped(process, number, says="goes on from here" if verb == "run" else "begin anew")
    assert status(folder) == "success" and not (folder / "out" / "report.html").exists()
    assert not list((folder / "out").glob(".*-*"))


def test_the_same_command_makes_the_page_that_a_stop_prevented(scored: tuple[Path, tuple[str, ...]]) -> None:
    folder, words = scored
    code, out, told = finish(folder, *words)
    assert code == 0 and "nothing to do" in out, told
    assert (folder / "out" / "report.html").read_text().count("data:audio/webm") == 8


@pytest.mark.parametrize("model", ["Swallows", "SwallowsSilently"])
def test_ctrl_c_that_a_model_catches_is_still_a_stop(model: str, tmp_path: Path) -> None:
    """And what it made of it is no outcome of the item."""
    process = start(tmp_path, *run_words(model, suite(tmp_path, "a dog", "here", "wind"), "--no-report"))
    wait_for(tmp_path / "reached", process)
    check_stopped(process, signal.SIGINT)
    assert status(tmp_path) == "cancelled"
    assert [json.loads(line)["id"] for line in (tmp_path / "out" / "ledger.jsonl").read_text().splitlines()] == ["p0"]


def test_ctrl_c_that_a_model_catches_is_not_its_failure_alone(tmp_path: Path) -> None:
    """The models after it are not run."""
    line = list(run_words("SwallowsAtLoad", suite(tmp_path, "a dog"), "--no-report"))
    line[2] += ",mock"
    process = start(tmp_path, *line)
    wait_for(tmp_path / "reached", process)
    check_stopped(process, signal.SIGINT)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [safe_name("evalkit_stops:SwallowsAtLoad")]


@pytest.mark.parametrize("model", ["Exits", "ExitsQuietly", "Generates"])
def test_a_model_that_exits_costs_its_item(model: str, tmp_path: Path) -> None:
    words = run_words(model, suite(tmp_path, "a dog", "here", "wind"), "--json", "--no-report")
    code, out, told = finish(tmp_path, *words)
    answer = json.loads(out)
    assert code == 0 and answer["n_ok"] == 2 and status(tmp_path) == "success", told
    assert answer["failures"]["p1"].startswith("GeneratorExit" if model == "Generates" else "SystemExit: the model")


def test_a_model_that_exits_while_it_loads_leaves_no_run_that_seems_to_work(tmp_path: Path) -> None:
    code, _, told = finish(tmp_path, *run_words("ExitsAtLoad", suite(tmp_path, "a dog"), "--no-report"))
    assert code != 0 and status(tmp_path) == "error", told


def test_a_model_that_changes_the_working_folder_does_not_move_the_run(tmp_path: Path) -> None:
    code, out, told = finish(tmp_path, *run_words("Wanders", suite(tmp_path, "here", "wind"), "--json"))
    assert code == 0 and json.loads(out)["n_ok"] == 2, told
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize("words", ["codec . --model evalkit_stops:Waits", "models check evalkit_stops:Waits"])
def test_other_long_verbs_stop_in_order_too(words: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav_bytes(np.ones((1, 8000), np.float32) / 2, 8000))
    process = start(tmp_path, *words.split())
    wait_for(tmp_path / "reached", process)
    check_stopped(process, signal.SIGTERM, says="begin anew")


def records(folder: Path) -> dict[str, tuple[str, str, int]]:
    """(status, kind, attempt) of every item, as the ledger has it last."""
    lines = [json.loads(line) for line in (folder / "out" / "ledger.jsonl").read_text().splitlines()]
    return {line["id"]: (line["status"], line["kind"], line["attempt"]) for line in lines}


@pytest.mark.parametrize("model", ["Sleeps", "Spins"])
def test_a_model_that_hangs_costs_its_item(model: str, tmp_path: Path) -> None:
    line = run_words(model, suite(tmp_path, "a dog", "here", "wind"), "--no-report", "--timeout", "0.5", "--json")
    code, out, told = finish(tmp_path, *line)
    assert code == 0 and json.loads(out)["failures"] == {"p1": "hung: no end after 1 s"}, told
    code, out, told = finish(tmp_path, *line)
    assert code == 0 and json.loads(out)["n_ok"] == 2 and records(tmp_path)["p1"] == ("failed", "hung", 2), told


@pytest.mark.parametrize("model", ["Stubborn", "InC"])
def test_a_hang_that_nothing_interrupts_ends_the_process_and_the_same_command_goes_on_with_the_rest(
    model: str, tmp_path: Path
) -> None:
    """At first its whole batch is in hand, then its item alone, and then it is given up."""
    line = run_words(model, suite(tmp_path, "a dog", "here", "wind"), "--no-report", "--timeout", "0.5", "--json")
    for tried in (1, 2):
        code, out, told = finish(tmp_path, *line)
        assert code == 1 and out == "" and "Traceback" not in told, told
        assert "does not come back" in told and "type the same command again" in told
        assert status(tmp_path) == "error" and records(tmp_path)["p1"] == ("failed", "hung", tried)
    code, out, told = finish(tmp_path, *line)
    assert code == 0 and list(json.loads(out)["failures"]) == ["p1"] and json.loads(out)["n_ok"] == 2, told


def test_a_model_that_hangs_while_it_loads_is_one_line(tmp_path: Path) -> None:
    line = run_words("SleepsAtLoad", suite(tmp_path, "a dog"), "--no-report", "--timeout", "0.3")
    code, _, told = finish(tmp_path, *line)
    assert code == 2 and "stops is not loaded: no end after 0.9 s" in told and "Traceback" not in told
    assert status(tmp_path) == "error"


def test_models_check_finds_a_model_that_hangs(tmp_path: Path) -> None:
    code, out, told = finish(tmp_path, "models", "check", "evalkit_stops:Waits", "--timeout", "0.3")
    assert code == 1 and "TimedOut: no end after" in out, told


@pytest.mark.slow
def test_a_hang_that_lets_nothing_else_run_still_ends_the_process(tmp_path: Path) -> None:
    code, _, told = finish(tmp_path, *run_words("InCAlone", suite(tmp_path, "here"), "--no-report", "--timeout", "0.5"))
    assert code == 1 and "Timeout" in told and "evalkit_stops.py" in told
