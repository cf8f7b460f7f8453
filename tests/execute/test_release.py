"""Workers let a judge go when its last sound is embedded, and load it again where it is asked once more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from evalkit.execute.bench import Source, given_back, remains, sound_source
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


class Held:
    """An embedder of evalkit's with a network, which holds itself in a `ring` or not."""

    def __init__(self, ring: bool) -> None:
        self.net = torch.nn.Linear(2, 2)
        if ring:
            self.net.self = [self.net]


Held.__module__ = "evalkit.embed.held"


@pytest.mark.parametrize("ring", [False, True])
def test_memory_is_looked_through_only_where_a_network_is_still_there(
    ring: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a fifth of a second in each worker for each judge of a run; and a gigabyte must not stay for it."""
    looked: list[int] = []
    collect = gc.collect
    monkeypatch.setattr("gc.collect", lambda: looked.append(collect()))
    held = Held(ring)
    parts = remains(held)  # type: ignore[arg-type]
    del held
    given_back(parts)
    assert bool(looked) == ring and [each() for each in parts] == [None]


def test_a_worker_that_ends_while_it_lets_go_costs_nothing(tmp_path: Path) -> None:
    crew, chunks = Crew(), sounds(tmp_path)
    bench = JudgeBench(Schedule(crew), JudgeOrder("sound", "sound", {}), far=False)
    assert len(list(bench.embed(chunks))) == 4
    crew.hired[1].dies_of = "release"
    bench.release()
    assert len(list(bench.embed(chunks))) == 4
