"""A model in another process: whatever it does, the caller gets a sound or one line, and nothing is left running."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.execute.base import Fault, Job, Request, Sound
from evalkit.execute.inline import produce
from evalkit.generators.worker.generator import Isolated, from_folder
from evalkit.generators.worker.manifest import read_worker
from evalkit.generators.worker.process import WorkerHung

DRILL = Path(__file__).resolve().parents[2] / "fakes" / "drill_worker"
OPTIONS = {"level": 0.3}


@pytest.fixture
def drill() -> Iterator[Isolated]:
    generator = from_folder(DRILL, "drill")
    generator.load("cpu", "float32")
    yield generator
    generator.close()


def made(generator: Isolated, *prompts: str) -> list[Sound | Fault]:
    requests = [Request(prompt, 0.5, number) for number, prompt in enumerate(prompts)]
    return produce(Job(generator, "cpu", "float32", OPTIONS), requests)


def group(pid: int) -> list[int]:
    """Processes of a group that live (a zombie does not)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


def gone(pid: int) -> bool:
    """Is the group empty, or within two seconds? The kernel takes a moment to end what was killed."""
    deadline = time.monotonic() + 2
    while group(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not group(pid)


def test_sounds_come_back_bit_for_bit(drill: Isolated) -> None:
    batch = drill.generate(["a dog", "rain"], [0.5, 1.25], [3, 4], OPTIONS)
    assert [sound.shape for sound in batch.audio] == [(2, 4000), (2, 10000)]
    own = np.random.default_rng(3).uniform(-0.3, 0.3, (2, 4000)).astype(np.float32)
    assert batch.audio[0].dtype == np.float32 and np.array_equal(batch.audio[0], own)
    assert batch.sample_rate == 8000 and batch.timings == {"sample": 0.0}, "a NaN is no time"
    assert batch.memory is not None and batch.memory.peak > 1e6
    assert drill.facts["protocol"] == 1 and "numpy" in drill.facts["versions"]


def test_the_same_file_runs_inside_this_process(drill: Isolated, tmp_path: Path) -> None:
    """For tests of a worker, and for a debugger's breakpoints."""
    here = Isolated(read_worker(DRILL), "drill", {}, here=True)
    assert here.spec == drill.spec
    here.load("cpu", "float32")
    try:
        told = [each.generate(["a dog"], [0.5], [3], OPTIONS) for each in (here, drill)]
    finally:
        here.close()
    assert here.pid is None and np.array_equal(told[0].audio[0], told[1].audio[0])


@pytest.mark.parametrize(
    ("mood", "kind", "told"),
    [
        ("killed", "error", "killed by SIGKILL; it last printed: "),
        ("ended", "error", "exit code 3"),
        ("raise", "error", "too hard"),
        ("oom always", "oom", "out of memory"),
        ("huge", "error", "8589934592 bytes"),
        ("link", "error", "cannot be read"),
        ("changed", "error", "digest"),
        ("babble", "error", "announced a message of 2147483647 bytes"),
    ],
)
def test_what_goes_wrong_costs_one_item(drill: Isolated, mood: str, kind: str, told: str) -> None:
    before, fault, after = made(drill, "a dog", mood, "rain")
    assert isinstance(before, Sound) and isinstance(after, Sound)
    assert isinstance(fault, Fault) and fault.kind == kind and told in fault.message, fault
    assert "\n" not in fault.message and "\x1b" not in fault.message and len(fault.message) <= 300


def test_a_hung_worker_is_ended_in_time(drill: Isolated) -> None:
    started = time.monotonic()
    with pytest.raises(WorkerHung, match=r"no answer in 2 s"):
        drill.generate(["hung"], [0.5], [0], OPTIONS)
    assert time.monotonic() - started < 6
    assert len(drill.generate(["a dog"], [0.5], [0], OPTIONS).audio) == 1, "a new one is at work"


@pytest.mark.slow
def test_one_that_ignores_being_told_to_end_is_killed(drill: Isolated) -> None:
    pid = drill.pid
    assert pid is not None
    with pytest.raises(WorkerHung):
        drill.generate(["deaf"], [0.5], [0], OPTIONS)
    assert gone(pid)


def test_a_death_by_chance_costs_nothing(drill: Isolated, tmp_path: Path) -> None:
    """A kernel that was short of memory for a moment; the batch stays the same batch, so its bits do too."""
    first = drill.pid
    batch = drill.generate([f"once {tmp_path / 'mark'}", "rain"], [0.5, 0.5], [0, 1], OPTIONS)
    assert len(batch.audio) == 2 and drill.pid != first


def test_a_batch_that_is_too_large_is_halved(drill: Isolated) -> None:
    assert all(isinstance(each, Sound) for each in made(drill, "oom a", "oom b", "rain", "a dog"))


@pytest.mark.parametrize("mood", ["flat", "mono", "double", "short", "nan", "printing"])
def test_what_is_a_sound_of_a_kind_is_handed_on(drill: Isolated, mood: str) -> None:
    """The harness judges it as it judges every generator's, with its verdict in the row."""
    (sound,) = made(drill, mood)
    assert isinstance(sound, Sound) and isinstance(sound.samples, np.ndarray)


def test_fewer_sounds_than_prompts_are_refused(drill: Isolated) -> None:
    (fault,) = made(drill, "fewer")
    assert isinstance(fault, Fault) and "0 sounds for 1 prompt" in fault.message


def test_a_wrong_option_ends_the_run(drill: Isolated) -> None:
    with pytest.raises(UserError, match="no option is called so"):
        made(drill, "wrong")


@pytest.mark.slow
def test_a_worker_that_dies_of_everything_is_given_up(drill: Isolated) -> None:
    """Each restart of a real one costs minutes of loading."""
    with pytest.raises(UserError, match="8 times in a row"):
        made(drill, *["ended"] * 8)


def test_nothing_is_left_when_it_is_closed(drill: Isolated) -> None:
    pid, folder = drill.pid, drill._folder
    assert pid is not None and folder is not None and len(group(pid)) == 2, "the worker, and what it started"
    drill.close()
    assert gone(pid) and not folder.exists() and drill.pid is None
    drill.close()


@pytest.mark.parametrize(("model", "told"), [("broken-load", "no checkpoint at all"), ("dead-load", "exit code 7")])
def test_a_worker_that_does_not_load_is_one_line(model: str, told: str) -> None:
    generator = from_folder(DRILL, model)
    with pytest.raises(UserError, match=told):
        generator.load("cpu", "float32")
    assert generator.pid is None and generator._folder is None


def test_the_worker_sees_what_it_may_see(drill: Isolated, monkeypatch: pytest.MonkeyPatch) -> None:
    """No path of evalkit's own packages, no token, no network."""
    from evalkit.generators.worker.process import _environment

    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    seen = _environment(Path("/tmp/x"))
    assert "HF_TOKEN" not in seen and "PYTHONPATH" not in seen
    assert seen["HF_HUB_OFFLINE"] == "1" and seen["TMPDIR"] == "/tmp/x"
    assert drill.pid is not None
    real = Path(f"/proc/{drill.pid}/environ").read_bytes()
    assert b"HF_HUB_OFFLINE=1" in real and b"PYTHONPATH" not in real


def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    """kill -9 of evalkit leaves neither a process with gigabytes on the device nor a folder of sounds."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - the child's coverage is lost with it
        generator = from_folder(DRILL, "drill")
        generator.load("cpu", "float32")
        os.write(writing, f"{generator.pid} {generator._folder}".encode())
        generator.generate(["hung"], [0.5], [0], OPTIONS)
        os._exit(0)
    os.close(writing)
    pid, folder = os.read(reading, 1000).decode().split()
    os.close(reading)
    time.sleep(0.3)
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert gone(int(pid)) and not Path(folder).exists()
