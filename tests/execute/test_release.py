"""Workers let a judge go when its last sound is embedded, and load it again where it is asked once more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from evalkit.execute.bench import Source, sound_source
from evalkit.execute.orders import JudgeOrder
from evalkit.execute.schedule import Hand
from evalkit.execute.wire import Message
from evalkit.execute.worker import Worker
from evalkit.execute.workers import JudgeBench, Schedule


class Hired:
    """A worker in this process."""

    device = "cpu"

    def __init__(self, crew: Crew) -> None:
        self.crew, self.worker, self.dies_of = crew, Worker(lambda message: None), ""

    def send(self, task: Message) -> None:
        self.crew.said.append((self, None if task.kind == self.dies_of else self.worker.do(task)))

    def end(self) -> str:
        return "killed by a test"


class Crew:
    far = False
    devices = ("cpu", "cpu")

    def __init__(self) -> None:
        self.hired: list[Hired] = []
        self.said: list[tuple[Hand, Message | None]] = []

    def hire(self, place: int) -> Hired:
        self.hired.append(Hired(self))
        return self.hired[-1]

    def heard(self, seconds: float) -> Iterator[tuple[Hand, Message | None]]:
        said, self.said = self.said, []
        yield from said

    def close(self) -> None: ...


def sounds(folder: Path) -> list[list[Source]]:
    found = []
    for number in range(4):
        path = folder / f"{number}.wav"
        soundfile.write(path, np.sin(np.arange(4800 + number)).astype(np.float32) / 4, 48000)
        found.append([sound_source(path.name, path.name, path)])
    return found


def judges_of(crew: Crew) -> list[weakref.ref[Any]]:
    return [weakref.ref(judge) for each in crew.hired for judge in each.worker._judges.values()]


def test_every_worker_lets_a_judge_go_and_loads_it_when_it_is_asked_again(tmp_path: Path) -> None:
    """Otherwise four workers on a paper's table hold four times all of its judges at the end."""
    crew, chunks = Crew(), sounds(tmp_path)
    bench = JudgeBench(Schedule(crew), JudgeOrder("sound", "sound", {}), far=False)
    bench.release()
    assert not crew.hired, "nobody is started to let go of nothing"
    first = {key: each for _, made in bench.embed(chunks) for key, each in made.features.items()}
    held = judges_of(crew)
    assert len(held) == 2
    bench.release()
    gc.collect()
    assert [each() for each in held] == [None, None]
    again = {key: each for _, made in bench.embed(chunks) for key, each in made.features.items()}
    assert {key: each.tobytes() for key, each in again.items()} == {key: each.tobytes() for key, each in first.items()}
    assert len(crew.hired) == 2


def test_a_worker_that_ends_while_it_lets_go_costs_nothing(tmp_path: Path) -> None:
    crew, chunks = Crew(), sounds(tmp_path)
    bench = JudgeBench(Schedule(crew), JudgeOrder("sound", "sound", {}), far=False)
    assert len(list(bench.embed(chunks))) == 4
    crew.hired[1].dies_of = "release"
    bench.release()
    assert len(list(bench.embed(chunks))) == 4
