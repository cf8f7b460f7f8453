"""kill -9 at any moment, the same command again: scores.json is that of an undisturbed run, byte for byte.

Real processes and real signals. The generator is one whose sounds depend on their whole batch in the last
bit, as those of real devices do, so a resume that made other batches would show in the bytes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import evalkit_fakes
import pytest

import evalkit

FAKES = Path(__file__).resolve().parent.parent / "fakes"
WORDS = ["a dog", "rain", "raise", "a cat", "silent", "two dogs", "oom", "wind", "a hen", "fire", "nan", "sea"]
START_SECONDS = 0.3
"""Before this, Python itself is still starting."""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [(f"p{number}", text, 0.4) for number, text in enumerate(WORDS)]
    return evalkit_fakes.write_suite(tmp_path_factory.mktemp("suite"), rows)


def start(suite: Path, folder: Path) -> subprocess.Popen[bytes]:
    """`evalkit run` with its run folder and its cache in `folder`."""
    path = os.pathsep.join((str(FAKES), str(Path(evalkit.__file__).parent.parent)))
    slow = {"MOODY_DELAY": "0.05", "CHEAP_DELAY": "0.02"}
    environment = {**os.environ, "PYTHONPATH": path, "EVALKIT_HOME": str(folder / "home"), **slow}
    words = ["run", "--model", "evalkit_fakes:Moody", "--suite", str(suite), "--out", str(folder / "out")]
    command = [sys.executable, "-m", "evalkit_fakes", *words, "--batch-size", "3", "--no-report"]
    # A test run in the background of a script ignores Ctrl-C and hands that on; a terminal does not.
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=_heed_interrupts
    )


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(suite: Path, folder: Path) -> bytes:
    process = start(suite, folder)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told.decode()
    return (folder / "out" / "scores.json").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, float]:
    """The scores of a run that nobody stopped, and how long it took."""
    began = time.monotonic()
    scores = finish(suite, tmp_path_factory.mktemp("undisturbed"))
    return scores, time.monotonic() - began


def killed_at(suite: Path, folder: Path, moment: float, number: int = signal.SIGKILL) -> bool:
    """Was the run alive when the signal came, `moment` seconds after its start?"""
    process = start(suite, folder)
    time.sleep(moment)
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode == -number


def check_kills(suite: Path, undisturbed: tuple[bytes, float], tmp_path: Path, seed: int, runs: int) -> None:
    scores, seconds = undisturbed
    moments, landed = random.Random(seed), 0
    for number in range(runs):
        folder = tmp_path / str(number)
        landed += killed_at(suite, folder, moments.uniform(START_SECONDS, seconds))
        assert finish(suite, folder) == scores, f"run {number} of seed {seed}"
    assert landed >= runs // 2, "most kills must hit a living process, or this test shows nothing"


def test_a_killed_run_ends_with_the_same_bytes(suite: Path, undisturbed: tuple[bytes, float], tmp_path: Path) -> None:
    check_kills(suite, undisturbed, tmp_path, seed=0, runs=3)


def test_twenty_killed_runs_end_with_the_same_bytes(
    suite: Path, undisturbed: tuple[bytes, float], tmp_path: Path
) -> None:
    check_kills(suite, undisturbed, tmp_path, seed=1, runs=20)


def test_a_run_killed_again_and_again_still_gets_there(
    suite: Path, undisturbed: tuple[bytes, float], tmp_path: Path
) -> None:
    """Each attempt keeps what it finished, so a few short lives are enough for a run of many more batches."""
    moments = random.Random(2)
    for _ in range(6):
        killed_at(suite, tmp_path, moments.uniform(START_SECONDS, undisturbed[1] * 0.8))
    assert finish(suite, tmp_path) == undisturbed[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_terminate_say_how_to_go_on_and_the_run_goes_on(
    number: int, suite: Path, undisturbed: tuple[bytes, float], tmp_path: Path
) -> None:
    process = start(suite, tmp_path)
    ledger = tmp_path / "out" / "ledger.jsonl"
    while not ledger.exists():
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and b"same command again" in told and b"Traceback" not in told
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "cancelled"
    assert finish(suite, tmp_path) == undisturbed[0]


def test_two_commands_on_one_run_do_not_meet(suite: Path, undisturbed: tuple[bytes, float], tmp_path: Path) -> None:
    first = start(suite, tmp_path)
    while not (tmp_path / "out" / "ledger.jsonl").exists():
        time.sleep(0.01)
    second = start(suite, tmp_path)
    _, told = second.communicate(timeout=60)
    assert second.returncode == 2 and f"process {first.pid}".encode() in told
    first.communicate(timeout=60)
    assert (tmp_path / "out" / "scores.json").read_bytes() == undisturbed[0]
