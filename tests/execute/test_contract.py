"""What every executor keeps, whatever happens to the processes that do the work: each prompt ends in its row, and the
scores are those of one process to the byte.

An executor is a name in EXECUTORS, and what a run is asked for to have it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from evalkit_drills import content, write_drill

from evalkit.core.errors import UserError
from evalkit.core.jsonio import read_json
from evalkit.core.plugins import BrokenPlugin
from evalkit.execute.base import Batch, Executor, Job, Result, Workforce
from evalkit.execute.bench import Bench
from evalkit.execute.orders import JudgeOrder
from evalkit.generators.base import Timeouts
from evalkit.run.config import RunConfig
from evalkit.run.executors import executor_of
from evalkit.run.pipeline import Outcome, run
from evalkit.run.plan import make_plan
from evalkit.run.progress import Silent

EXECUTORS: dict[str, dict[str, Any]] = {
    "inline": {},
    "pool": {"workers": 2},
    "ray": {"workers": 2, "ray": "auto"},
}
OTHERS = [name for name in EXECUTORS if name != "inline"]
"""Those that do the work elsewhere, and outlive what would end this process."""
QUICK = [pytest.param(name, marks=pytest.mark.slow if name == "ray" else ()) for name in OTHERS]
"""Ray takes seconds to start an actor: of the fast tests one is for it, too."""
MANY = int(os.environ.get("EVALKIT_MANY", "5000"))

Go = Callable[..., Outcome]


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[str], None]) -> Go:
    """`go(prompts, **config)` runs the drilled model on them, two of them a batch; `out` is a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVALKIT_DRILLS", str(tmp_path))

    def go(prompts: list[str], out: str = "run", stop_after: int | None = None, **config: Any) -> Outcome:
        prepare("ray" if config.get("ray") else "")
        suite = write_drill(tmp_path, prompts)
        told = {"model": "evalkit_drills:Drilled", "suite": str(suite), "out": tmp_path / out}
        plan = make_plan(RunConfig(**{**told, **config}))
        stop = None if stop_after is None else Stopping(executor_of(plan.config), stop_after)
        return run(plan, Silent(), stop)

    return go


def made(outcome: Outcome) -> dict[str, bytes]:
    """The bytes of its scores and of each sound."""
    return content(outcome.plan.folder.root)


def rows(outcome: Outcome) -> dict[str, str | None]:
    """prompt -> its error, None where there is a sound."""
    table = pd.read_parquet(outcome.plan.folder.samples)
    return {row.prompt: None if pd.isna(row.error) else row.error for row in table.itertuples()}


def calls(folder: Path) -> list[str]:
    return sorted((folder / "calls").read_text(encoding="utf-8").splitlines())


GOOD = ["rain", "wind", "bells", "steps", "a dog"]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(
    "accident",
    ["kill once", *(pytest.param(each, marks=pytest.mark.slow) for each in ("last once", "exit once", "stuck once"))],
)
def test_what_happens_once_changes_no_byte(go: Go, name: str, accident: str, tmp_path: Path) -> None:
    """Its batch is done again as the same batch by the next worker."""
    limits = Timeouts(60, 1.0, 1.0) if accident == "stuck once" else Timeouts()
    outcome = go([*GOOD, accident], name, timeouts=limits, **EXECUTORS[name])
    assert set(rows(outcome).values()) == {None}
    assert f"a dog + {accident}" in calls(tmp_path)
    if "last" not in accident:
        assert calls(tmp_path).count(f"a dog + {accident}") == 2
    assert made(outcome) == made(go([*GOOD, accident], "inline")), "which this time meets with nothing"


@pytest.mark.slow
@pytest.mark.parametrize("name", EXECUTORS)
@pytest.mark.parametrize("accident", ["raise", "oom", "oom alone", "hang"])
def test_what_a_model_does_to_itself_is_the_same_everywhere(go: Go, name: str, accident: str, tmp_path: Path) -> None:
    limits = Timeouts(60, 0.3, 0.3) if accident == "hang" else Timeouts()
    outcome = go([*GOOD, accident], name, timeouts=limits, **EXECUTORS[name])
    told = {
        "raise": "ValueError: this prompt is too hard",
        "oom": None,
        "oom alone": "MemoryError: CUDA out of memory",
        "hang": "hung: no end after 0.3 s",
    }
    assert rows(outcome) == {**dict.fromkeys(GOOD), accident: told[accident]}
    assert calls(tmp_path).count("a dog + " + accident) == 1 and "rain + wind" in calls(tmp_path)
    if name != "inline":
        assert made(outcome) == made(go([*GOOD, accident], "inline", timeouts=limits))


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("accident", ["kill", pytest.param("exit", marks=pytest.mark.slow)])
def test_what_kills_every_worker_is_one_row_and_its_neighbour_is_made(go: Go, name: str, accident: str) -> None:
    outcome = go([*GOOD, accident], name, **EXECUTORS[name])
    how = {"kill": "killed by SIGKILL", "exit": "ended by itself with exit code 3"}[accident]
    assert rows(outcome) == {**dict.fromkeys(GOOD), accident: f"its worker ended 2 times: {how}"}
    assert made(outcome) == made(go([*GOOD, "raise"], "inline")), "which fails there, alone, as well"


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_workers_that_cannot_load_end_the_run_with_a_reason(
    go: Go, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRILL_LOAD", "kill")
    with pytest.raises(UserError, match=r"4 workers in a row .* while it loads: killed by SIGKILL"):
        go(GOOD, name, **EXECUTORS[name])
    monkeypatch.setenv("DRILL_LOAD", "raise")
    with pytest.raises(BrokenPlugin, match=r"drilled: load\(\) failed: ValueError: this prompt is too hard"):
        go(GOOD, name, **EXECUTORS[name])
    monkeypatch.setenv("DRILL_LOAD", "kill once")
    outcome = go(GOOD, name, **EXECUTORS[name])
    assert set(rows(outcome).values()) == {None}
    monkeypatch.setenv("DRILL_LOAD", "")
    assert made(outcome) == made(go(GOOD, "inline"))


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_a_model_that_cannot_be_closed_is_told_after_the_scores(
    go: Go, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRILL_CLOSE", "raise")
    outcome = go(GOOD, name, **EXECUTORS[name])
    assert "close() failed, after the sounds were made" in outcome.unclosed and outcome.n_ok == len(GOOD)


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_killed_while_it_closes_the_model_is_no_fault_of_the_model(
    go: Go, name: str, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All sounds are there, and what the dead process held is free: another one shows that the model can be closed."""
    monkeypatch.setenv("DRILL_CLOSE", "kill once")
    outcome = go(GOOD, name, **{**EXECUTORS[name], "workers": workers})
    assert (tmp_path / "killonce").exists(), "it was killed"
    assert outcome.unclosed == "" and outcome.n_ok == len(GOOD)
    assert made(outcome) == made(go(GOOD, "inline"))


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize(
    ("accident", "told"),
    [
        ("kill", "its worker ended 2 times: killed by SIGKILL"),
        pytest.param("exit", "its worker ended 2 times: ended by itself with exit code 3", marks=pytest.mark.slow),
        pytest.param("deaf", "close() had no end after 0.3 s", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_model_that_ends_whoever_closes_it_is_told_after_the_scores(
    go: Go, name: str, accident: str, told: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRILL_CLOSE", accident)
    limits = Timeouts(60, 5, 0.3) if accident == "deaf" else Timeouts()
    outcome = go(GOOD, name, timeouts=limits, **{**EXECUTORS[name], "workers": workers})
    assert outcome.unclosed.startswith("drilled: close() ") and told in outcome.unclosed
    assert "after the sounds were made" in outcome.unclosed and outcome.n_ok == len(GOOD)
    assert set(outcome.scores) == {"silence_share", "bandwidth", "side_mid"}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_no_more_workers_are_started_than_there_is_work(go: Go, name: str, tmp_path: Path) -> None:
    outcome = go(GOOD[:3], name, **{**EXECUTORS[name], "workers": 6})
    loads = (tmp_path / "loads").read_text(encoding="utf-8").split()
    assert len(loads) == 2 and len(set(loads)) == 2, "two batches"
    assert made(outcome) == made(go(GOOD[:3], "inline"))


@pytest.mark.parametrize(
    ("config", "by", "workers"),
    [
        ({}, "inline", 1),
        ({"workers": 2}, "pool", 2),
        pytest.param({"workers": 6}, "pool", 3, marks=pytest.mark.slow),
        pytest.param({"devices": ("cpu",)}, "pool", 1, marks=pytest.mark.slow),
        pytest.param({"ray": "auto"}, "ray", 3, marks=pytest.mark.slow),
        pytest.param({"ray": "auto", "workers": 2}, "ray", 2, marks=pytest.mark.slow),
    ],
)
def test_run_json_says_who_did_the_work(go: Go, config: dict[str, Any], by: str, workers: int, tmp_path: Path) -> None:
    """As it was, and not as it was asked for: three batches are work for three, and the cluster says how many it has.
    What is scored anew without a sound to make keeps the clock of those that made them."""
    go(GOOD, **config)
    facts = read_json(tmp_path / "run" / "run.json")
    assert (facts["speed"]["by"], facts["speed"]["workers"], facts["work"]["workers"]) == (by, workers, workers)
    assert facts["work"]["devices"] == ["cpu"] and facts["work"]["names"] == [facts["speed"]["device_name"]] != [""]
    (tmp_path / "run" / "scores.json").unlink()
    go(GOOD)
    again = read_json(tmp_path / "run" / "run.json")
    assert again["speed"] == facts["speed"] and again["work"]["by"] == "inline"


class Stopping:
    """An executor that is interrupted after some batches."""

    def __init__(self, executor: Executor, after: int) -> None:
        self._executor, self._after = executor, after

    def run(self, job: Job, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Result]]]:
        yield from islice(self._executor.run(job, batches), self._after)
        raise KeyboardInterrupt

    def bench(self, order: JudgeOrder) -> Bench | None:
        return self._executor.bench(order)

    def workforce(self) -> Workforce:
        return self._executor.workforce()

    def close(self) -> None:
        self._executor.close()


@pytest.mark.parametrize("name", QUICK)
def test_each_resume_may_have_another_number_of_workers(go: Go, name: str, tmp_path: Path) -> None:
    prompts = [f"{text} {number}" for text in GOOD for number in range(3)]
    for workers in (1, 4):
        config = {**EXECUTORS[name], "workers": workers}
        with pytest.raises(KeyboardInterrupt):
            go(prompts, name, stop_after=2, **config)
    assert len(list((tmp_path / name / "audio").iterdir())) == 8
    outcome = go(prompts, name, **{**EXECUTORS[name], "workers": 2})
    assert made(outcome) == made(go(prompts, "inline"))


class Killing(Silent):
    """Kills a worker of this machine, if there is one, after the first sound and after the first features."""

    def __init__(self) -> None:
        self.killed: dict[str, int] = {}

    def advance(self, stage: str) -> None:
        if (kind := stage.split()[0]) in self.killed:
            return
        for task in Path("/proc/self/task").glob("*/children"):
            for pid in map(int, task.read_text().split()):
                if b"evalkit.execute.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    self.killed[kind] = pid
                    os.kill(pid, signal.SIGKILL)
                    return


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="workers are found in /proc")
@pytest.mark.parametrize("name", OTHERS)
def test_a_network_is_the_same_by_any_hands(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[str], None]
) -> None:
    """The shipped model and judges, workers that share their weights, one of whom is killed at each kind of work."""
    prepare(name)
    found = []
    for by in (name, "inline"):
        monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / f"home-{by}"))
        config = RunConfig(**{**EXECUTORS[by], "limit": 4, "batch_size": 2, "out": tmp_path / by})
        killing = Killing()
        outcome = run(make_plan(config), killing)
        assert outcome.n_ok == 4 and not outcome.failures
        found.append(made(outcome))
        if by == "pool":
            assert set(killing.killed) == {"generate", "embed"}
    assert found[0] == found[1]


class Watched(Silent):
    """MiB of this process's own memory, and its open files, after each of so many sounds that are made."""

    def __init__(self, every: int) -> None:
        self._every, self._made = every, 0
        self.memory: list[float] = []
        self.files: list[int] = []

    def advance(self, stage: str) -> None:
        self._made += stage == "generate"
        if stage == "generate" and self._made % self._every == 0:
            lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            self.memory += [int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")]
            self.files.append(sum(1 for _ in Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="files and memory are counted in /proc")
@pytest.mark.parametrize("name", EXECUTORS)
def test_thousands_of_prompts(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[str], None]
) -> None:
    """The parent holds no more at the end than early on, opens no file twice, and finds all again within seconds."""
    prepare(name)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    suite = write_drill(tmp_path, [f"sound {number}" for number in range(MANY)])
    config = RunConfig(**{**EXECUTORS[name], "model": "mock", "suite": str(suite), "out": tmp_path / name})
    watched, began = Watched(MANY // 20), time.process_time()
    assert run(make_plan(config), watched).n_ok == MANY
    fifth, last = watched.memory[3], watched.memory[-1]
    told = (
        f"{(time.process_time() - began) / MANY * 1000:.1f} ms of the parent's CPU a prompt, {fifth:.0f} MiB after a "
    )
    print(f"{told}fifth, {last:.0f} after all; files {watched.files[0]} to {max(watched.files)}")
    assert last - fifth < MANY * 0.8 * 8 / 1024, "some 8 kB a prompt, where a sound would be 32"
    assert max(watched.files) <= watched.files[0] + 4, watched.files
    began = time.process_time()
    again = run(make_plan(config), Silent())
    assert again.reused and again.n_ok == MANY
    print(f"again: {time.process_time() - began:.1f} s of CPU")
    assert time.process_time() - began < MANY / 1000
