"""A pool whose processes are killed: nothing is left running, and what was done is found again, to the byte."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from evalkit_drills import content, write_drill
from evalkit_processes import actors, children, lives, stands_still, wait_for

ROOT = Path(__file__).resolve().parents[2]


class Fork:
    """A command in a fork of this process, which has imported already what costs a command most of its time."""

    def __init__(self, words: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        import evalkit.cli.main
        import evalkit.run.pipeline  # noqa: F401

        self._process = multiprocessing.get_context("fork").Process(target=self._run, args=(words, folder, environment))
        self._process.start()
        self.pid = int(self._process.pid or 0)

    @staticmethod
    def _run(words: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        from evalkit.cli.main import main

        sys.stdout = sys.stderr = (folder / "told").open("a", encoding="utf-8")
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv[1:] = words
        main()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def kill(self) -> None:
        self._process.kill()

    def wait(self, seconds: float | None = None) -> int | None:
        self._process.join(seconds)
        return self.returncode


class Runs:
    """`evalkit run` of the drilled model in processes of its own; `warm` ones are forks of this one."""

    def __init__(self, folder: Path, prompts: int, warm: bool = False) -> None:
        self._warm = warm
        self.folder, self.suite = folder, write_drill(folder, [f"sound {number}" for number in range(prompts)])
        paths = [str(ROOT), str(ROOT / "tests" / "fakes")]
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "EVALKIT_HOME": str(folder / "home"),
            "EVALKIT_DRILLS": str(folder),
        }

    def start(self, out: str, *words: str, delay: float = 0.0) -> subprocess.Popen[bytes] | Fork:
        model = ["--model", "evalkit_drills:Drilled", "--suite", str(self.suite), "--out", out, "--no-report"]
        if self._warm:
            return Fork(["run", *model, *words], self.folder, {**self._environment, "DRILL_DELAY": str(delay)})
        return subprocess.Popen(
            [sys.executable, "-m", "evalkit_drills", "run", *model, *words],
            cwd=self.folder,
            env={**self._environment, "DRILL_DELAY": str(delay)},
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "told").open("ab"),
        )

    def content(self, out: str) -> dict[str, bytes]:
        return content(self.folder / out)


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="processes are found in /proc")


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_however_the_parent_ends_no_worker_is_left(tmp_path: Path, how: signal.Signals) -> None:
    """Neither at work nor hanging in C with the interpreter's lock."""
    runs = Runs(tmp_path, 2)
    write_drill(tmp_path, ["stuck", "hang", "stuck too", "hang too"])
    parent = runs.start("out", "--workers", "2", "--batch-size", "1")
    calls = tmp_path / "calls"
    wait_for(lambda: calls.exists() and len(calls.read_text().splitlines()) >= 2)
    workers = children(parent.pid)
    assert len(workers) == 2
    os.kill(parent.pid, how)
    parent.wait(30)
    began = time.monotonic()
    wait_for(lambda: not any(map(lives, workers)), 30)
    assert time.monotonic() - began < 5


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _at_work(process: subprocess.Popen[bytes] | Fork, elsewhere: Callable[[], list[int]]) -> bool:
    """Has it workers, or ended?"""
    return bool(children(process.pid) or elsewhere()) or process.poll() is not None


def killed_at_random(
    runs: Runs, kills: int, seed: int, words: tuple[str, ...], delay: float, elsewhere: Callable[[], list[int]] = list
) -> None:
    """So many SIGKILLs, each at one of the run's processes, some of which are `elsewhere`, and then the run to its end;
    where a run ends before that, another one begins. Each must have the bytes of one that nobody disturbed."""
    chance, number, parent = random.Random(seed), 0, None
    calls, seen, idle = runs.folder / "calls", 0, 0
    while kills:
        if parent is None:
            parent = runs.start(f"out{number}", *words, delay=delay)
        wait_for(partial(_at_work, parent, elsewhere))
        if idle == 2:  # workers that never come to work end a run, as they should, on a busy machine
            wait_for(lambda parent=parent, seen=seen: _size(calls) > seen or parent.poll() is not None, 200.0)
            idle = 0
        time.sleep(chance.uniform(0.0, 4 * delay))
        if parent.poll() is not None:
            assert parent.returncode == 0, (runs.folder / "told").read_text()
            number, parent = number + 1, None
            continue
        victim = chance.choice([parent.pid, *children(parent.pid), *elsewhere()])
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            kills, idle, seen = kills - 1, 0 if _size(calls) > seen else idle + 1, _size(calls)
        if victim == parent.pid:
            parent.wait()
            parent = None
    if parent is not None:
        parent.wait()
    whole = runs.start("whole")
    assert whole.wait(120) == 0
    for each in range(number + 1):
        again = runs.start(f"out{each}", *words, "--retry-failed")
        assert again.wait(120) == 0, (runs.folder / "told").read_text()
        ledger = (runs.folder / f"out{each}" / "ledger.jsonl").read_text().splitlines()
        assert runs.content(f"out{each}") == runs.content("whole"), [json.loads(line) for line in ledger]


@needs_proc
def test_ten_kills_at_random_change_no_byte(tmp_path: Path) -> None:
    killed_at_random(Runs(tmp_path, 8, warm=True), 10, 17, ("--workers", "2"), 0.05)


@needs_proc
@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_within_close_ends_no_run(tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From outside, and exactly there: the model's process stands still in close() until it is killed."""
    monkeypatch.setenv("DRILL_CLOSE", "frozen once")
    runs = Runs(tmp_path, 8, warm=True)
    parent = runs.start("out", "--workers", str(workers))
    wait_for(lambda: any(map(stands_still, children(parent.pid))))
    os.kill(next(filter(stands_still, children(parent.pid))), signal.SIGKILL)
    parent.wait(60)
    assert parent.returncode == 0, (tmp_path / "told").read_text()
    assert runs.start("whole").wait(120) == 0
    assert runs.content("out") == runs.content("whole")


@needs_proc
@pytest.mark.slow
def test_sixty_kills_at_random_change_no_byte(tmp_path: Path) -> None:
    killed_at_random(Runs(tmp_path, 24), 60, 17, ("--workers", "3"), 0.1)


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("kills", [10, 60])
def test_kills_on_a_cluster_change_no_byte(tmp_path: Path, cluster: str, kills: int) -> None:
    """Of the run, of actors and of their workers."""
    words = ("--ray", cluster, "--workers", "2")
    killed_at_random(Runs(tmp_path, 12), kills, 17, words, 0.3, actors)
    wait_for(lambda: not actors())


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_on_a_cluster_that_is_killed_leaves_nothing_there(tmp_path: Path, cluster: str) -> None:
    """Neither at work nor hanging in C; and the same command ends with the bytes of an undisturbed run."""
    runs = Runs(tmp_path, 2)
    write_drill(tmp_path, ["stuck once", "hang once", "rain", "wind"])
    words = ("--ray", cluster, "--workers", "2", "--batch-size", "1")
    parent = runs.start("out", *words)
    calls = tmp_path / "calls"
    wait_for(lambda: calls.exists() and len(calls.read_text().splitlines()) >= 2)
    left = actors()
    assert len(left) == 4, "two actors and their workers"
    parent.kill()
    parent.wait(30)
    began = time.monotonic()
    wait_for(lambda: not any(map(lives, left)), 30)
    seconds = time.monotonic() - began
    assert runs.start("out", *words).wait(120) == 0, (tmp_path / "told").read_text()
    assert runs.start("whole", "--batch-size", "1").wait(120) == 0
    assert runs.content("out") == runs.content("whole")
    assert seconds < 10, f"{seconds:.1f} s: five, and Ray's notice"
