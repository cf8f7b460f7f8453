"""Killed or stopped at any moment, the same command again: everything is as in an undisturbed run, byte for byte.

Real processes and real signals, over all stages: generating, embedding, scoring and the page. The generator is one
whose sounds depend on their whole batch in the last bit, as those of real devices do, so a resume that made other
batches would show in the bytes.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import evalkit_fakes
import evalkit_process
import pytest
from evalkit_warm import Begun
from pyarrow.parquet import read_table

from evalkit.core.jsonio import read_json
from evalkit.report.page import write_report

WORDS = ["a dog", "rain", "raise", "a cat", "silent", "two dogs", "oom", "wind", "a hen", "fire", "not a number", "sea"]
Process = subprocess.Popen[str] | Begun
STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Made:
    """What a run came to: scores.json, the table without its clock, and the page's sounds and pictures; and how long
    the process took, to its first file and in all."""

    scores: bytes
    table: dict[str, list[object]]
    media: list[str]
    begun: float
    seconds: float


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [(f"p{number}", text, 0.4) for number, text in enumerate(WORDS)]
    return evalkit_fakes.write_suite(tmp_path_factory.mktemp("suite"), rows)


def start(suite: Path, folder: Path, delay: float = 0.05) -> Process:
    """`evalkit run` with its run folder and its cache in `folder`; each batch takes `delay` seconds."""
    words = ("run", "--model", "evalkit_fakes:Moody", "--suite", str(suite), "--out", "out", "--batch-size", "3")
    return evalkit_process.start(folder, *words, MOODY_DELAY=str(delay), CHEAP_DELAY="0.02")


def finish(suite: Path, folder: Path) -> Made:
    began = time.monotonic()
    process = start(suite, folder)
    begun = wait_for_lock(process, folder) - began
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    seconds = time.monotonic() - began
    out = folder / "out"
    assert read_json(out / "run.json")["status"] == "success"
    assert not [path for path in folder.rglob("*") if path.name.startswith((".landing-", ".part-"))]
    table = read_table(out / "samples.parquet").drop_columns(["generate_seconds"]).to_pydict()
    page = (out / "report.html").read_text()
    assert write_report([out], folder / "again.html").read_text() == page, "the page shows another run than this"
    media = re.findall(r"data:(?:audio|image)/[a-z]+;base64,[A-Za-z0-9+/=]+", page)
    return Made((out / "scores.json").read_bytes(), table, media, begun, seconds)


def wait_for_lock(process: Process, folder: Path) -> float:
    while not (folder / "out" / ".lock").exists() and process.poll() is None:
        time.sleep(0.005)
    return time.monotonic()


@pytest.fixture(scope="module")
def undisturbed(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What a run comes to that nobody stopped."""
    finish(suite, tmp_path_factory.mktemp("first"))  # once more than needed: the clock of a cold start would mislead
    made = finish(suite, tmp_path_factory.mktemp("undisturbed"))
    assert len(made.media) == 2 * sum(status == "ok" for status in made.table["status"])
    return made


def check_same(made: Made, undisturbed: Made) -> None:
    assert made.scores == undisturbed.scores and made.table == undisturbed.table and made.media == undisturbed.media


def struck(suite: Path, folder: Path, number: int, share: float, whole: Made) -> bool:
    """Send the signal after `share` of a run's time: was it alive then, and ended as that signal has to end it?

    A kill may come at once; a stop once evalkit has begun.
    """
    (folder / "out" / ".lock").unlink(missing_ok=True)
    process = start(suite, folder)
    if number == signal.SIGKILL:
        time.sleep(share * whole.seconds)
    else:
        wait_for_lock(process, folder)
        time.sleep(share * (whole.seconds - whole.begun))
    alive = process.poll() is None
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    if process.returncode == 0:
        assert read_json(folder / "out" / "run.json")["status"] == "success"
        return False
    assert alive and process.returncode == (-number if number == signal.SIGKILL else 130), told
    if number != signal.SIGKILL:
        assert told.endswith("interrupted; type the same command again and it goes on from here\n"), told
        assert "Traceback" not in told and read_json(folder / "out" / "run.json")["status"] in ("cancelled", "success")
    return True


def check_strikes(suite: Path, whole: Made, folder: Path, numbers: list[int], seed: int, each: int) -> None:
    """Strike a run `each` times before it may end; every one ends as the undisturbed one."""
    moments, landed, clock = random.Random(seed), 0, whole
    for first in range(0, len(numbers), each):
        place = folder / str(first)
        place.mkdir(parents=True)
        for number in numbers[first : first + each]:
            hit = struck(suite, place, number, moments.uniform(0.0, 1.0), clock)
            landed += hit
            if not hit:  # the machine has less to do than when the clock was set
                clock = replace(clock, seconds=clock.begun + 0.9 * (clock.seconds - clock.begun))
        check_same(finish(suite, place), whole)
    assert landed >= len(numbers) // 2, "most signals must hit a living process, or this test shows nothing"


def test_ten_strikes_end_with_the_same_bytes(suite: Path, undisturbed: Made, tmp_path: Path) -> None:
    numbers = [signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL] * 2
    check_strikes(suite, undisturbed, tmp_path, numbers, seed=0, each=2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("number", "runs"), [(signal.SIGKILL, 40), (signal.SIGINT, 20), (signal.SIGTERM, 20)])
def test_a_run_struck_at_any_moment_ends_with_the_same_bytes(
    number: int, runs: int, suite: Path, undisturbed: Made, tmp_path: Path
) -> None:
    check_strikes(suite, undisturbed, tmp_path, [number] * runs, seed=number, each=1)


@pytest.mark.slow
def test_a_run_killed_again_and_again_still_gets_there(suite: Path, undisturbed: Made, tmp_path: Path) -> None:
    """Each attempt keeps what it finished, so a few short lives are enough for a run of many more batches."""
    check_strikes(suite, undisturbed, tmp_path, [signal.SIGKILL] * 6, seed=2, each=6)


@pytest.mark.parametrize("number", STOPS)
def test_ctrl_c_and_terminate_say_how_to_go_on_and_the_run_is_cancelled(
    number: int, suite: Path, tmp_path: Path
) -> None:
    process = start(suite, tmp_path)
    while not (tmp_path / "out" / "ledger.jsonl").exists():
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "same command again" in told and "Traceback" not in told
    assert read_json(tmp_path / "out" / "run.json")["status"] == "cancelled"


def test_two_commands_on_one_run_do_not_meet(suite: Path, undisturbed: Made, tmp_path: Path) -> None:
    first = start(suite, tmp_path, delay=1.0)
    while not (tmp_path / "out" / "ledger.jsonl").exists():
        time.sleep(0.01)
    second = start(suite, tmp_path)
    _, told = second.communicate(timeout=60)
    assert second.returncode == 2 and f"process {first.pid}" in told
    first.communicate(timeout=60)
    assert (tmp_path / "out" / "scores.json").read_bytes() == undisturbed.scores
