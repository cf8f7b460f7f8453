"""Where generation runs: the contract that every executor keeps.

The unit of work is a fixed batch of the plan. Its composition never changes with a resume or a worker
count, because the last bit of a float result may depend on how many items share a matrix product; so a
batch that is done again is done as the same batch. Only running out of memory splits one.

An executor yields one answer per batch, in any order, with one result per item: a sound or a fault. It
decides nothing about the sound itself; checking and keeping it is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from evalkit.core.errors import EvalkitError
from evalkit.execute.bench import Bench, Identity, Made, Source
from evalkit.execute.orders import GeneratorOrder, JudgeOrder
from evalkit.generators.base import UNLIMITED, Generator, Options, Timeouts


@dataclass(frozen=True)
class Request:
    """One item as a generator sees it; `lyrics` are "" for one that reads none, and for what is instrumental."""

    prompt: str
    seconds: float
    seed: int
    lyrics: str = ""


@dataclass(frozen=True)
class Batch:
    """A batch of the plan; `number` is its place in it."""

    number: int
    requests: Sequence[Request]


@dataclass(frozen=True)
class Sound:
    """What a generator returned for one item, unchecked: `samples` may be anything, `rate` too.

    `timings` is the item's even share of the batch's wall seconds, by part, and of loading the generator ("load")
    where this is the first batch after it, which warms up whatever compiles or allocates; a `trimmed` sound may be
    shorter than was asked for, as silence was to be cut off. `peak_bytes` is the most memory in use so far.
    """

    samples: Any
    rate: Any
    timings: Mapping[str, float]
    trimmed: bool = False
    peak_bytes: int | None = None


@dataclass(frozen=True, repr=False)
class Stranger:
    """What a model in a worker returned where an array or a rate should be: nothing of it crosses but the name of its
    type and how it shows itself, which is what is told of it."""

    type_name: str
    shown: str

    def __repr__(self) -> str:
        return self.shown


@dataclass(frozen=True)
class Fault:
    """Why an item has no sound: its generator raised ("error"), had too little memory ("oom"), never ended ("hung")."""

    kind: Literal["error", "oom", "hung"]
    message: str


@dataclass(frozen=True)
class Workforce:
    """Who does the work of a command: `by` which executor, `workers` how many at once at the most so far (0: there was
    nothing to do), on which `devices`, and what the makers of these call them (`names`; empty where nobody says)."""

    by: Literal["inline", "pool", "ray"]
    workers: int
    devices: Sequence[str] = ()
    names: Sequence[str] = ()

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"by": self.by, "workers": self.workers, "devices": list(self.devices), "names": list(self.names)}


@dataclass(frozen=True)
class Chunk:
    """Sounds that the judge of an order embeds together."""

    order: JudgeOrder
    sources: Sequence[Source]


class Meanwhile(Protocol):
    """Finished sounds, to be embedded while others are made by whoever is free for it."""

    def next(self) -> Chunk | None:
        """What can be embedded now; None where nothing can."""
        ...

    def took(self, chunk: Chunk, answer: tuple[Identity, Made] | None) -> None:
        """What a chunk came to; None where its worker failed or died, which is no loss: it is embedded later."""
        ...


class Unclosed(EvalkitError):
    """A generator's `close` raised, after all that was asked of it was made: a message of one line."""


Result = Sound | Fault


@dataclass(frozen=True)
class Job:
    """What a worker needs besides the batches.

    `timeouts` are for each sound of a batch. `lost` hears which requests were in hand when
    a call did not come back and could not be interrupted, and why; the process ends after it. `loading` is a context
    for as long as the generator loads. `order` says in words of JSON which generator it is, for a worker in another
    process or on another machine; without it the work cannot leave this one. `meanwhile` has something to do
    for workers that have nothing to make.
    """

    generator: Generator
    device: str
    dtype: str
    options: Options
    timeouts: Timeouts = UNLIMITED
    lost: Callable[[Sequence[Request], str], object] = lambda requests, why: None
    loading: Callable[[], AbstractContextManager[None]] = nullcontext
    order: GeneratorOrder | None = None
    meanwhile: Meanwhile | None = None


class Executor(Protocol):
    """Where the work of a run is done. It starts nothing before there is something to do."""

    def run(self, job: Job, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Result]]]:
        """One answer per batch, results in the batch's order. The generator is loaded at the first batch,
        so no batches cost no load. Raises what the generator's `load` raises, as a BrokenPlugin where it is somebody's
        own; and Unclosed, after the last answer, where it cannot be closed."""
        ...

    def bench(self, order: JudgeOrder) -> Bench | None:
        """Where sounds are embedded by a judge; None where that is this process, whose caller loads it."""
        ...

    def workforce(self) -> Workforce:
        """Who has done the work so far."""
        ...

    def close(self) -> None:
        """End whatever was started."""
        ...
