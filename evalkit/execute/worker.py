"""A worker's side: it loads what it is ordered to, makes sounds and features, and tells of both.

The process answers one task after the other. While it works, one thread listens, and another says every second that the
process lives. It ends with its parent, however that ends and whatever is being done: where the pipe closes, and on
Linux by a signal of the system's, which also ends code that holds the interpreter's lock.
"""

from __future__ import annotations

import gc
import importlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.audio.decode import read
from evalkit.core.device_names import device_name
from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError
from evalkit.core.plugins import BrokenPlugin, described
from evalkit.embed.base import Embedder
from evalkit.execute import orders, wire
from evalkit.execute.base import Fault, Job, Request, Result, Sound, Stranger, Unclosed
from evalkit.execute.bench import Identity, Made, Source, embedded, given_back, identity, kind_of, remains
from evalkit.execute.inline import close, load, produce, with_load
from evalkit.execute.limits import limits_of
from evalkit.execute.sharing import share
from evalkit.execute.wire import Message

BEAT = 1.0
"""Seconds between two signs of life."""
_ERRORS: Mapping[str, type[Exception]] = {
    each.__name__: each for each in (UserError, MissingWeights, BadCheckpoint, BrokenPlugin, Unclosed)
}
_TRACEBACK = 4000

Tell = Callable[[Message], None]


class Worker:
    """What is loaded, and what is done with it; `tell` takes what is to be known before a task has ended. `common` is
    memory that this machine's workers share for weights, where there is such (`sharing.py`)."""

    def __init__(self, tell: Tell, common: int | None = None) -> None:
        self._tell, self._common = tell, common
        self._job: Job | None = None
        self._ordered: Mapping[str, Any] = {}
        self._seconds, self._warm, self._fits = 0.0, False, True
        self._judges: dict[tuple[str, str], Embedder] = {}

    def do(self, task: Message) -> Message:
        """The answer to a task: `done` with what it came to, or `raised`; that is `unfit` where what it was ordered to
        load is not on this machine, and may be on another."""
        does = {"import": self._import, "load": self._prepare, "generate": self._generate, "close": self._close}
        does |= {"look": self._look, "embed": self._embed, "release": self._release}
        number, self._fits = task.facts.get("task"), True
        try:
            facts, arrays = does[task.kind](task)
        except Exception as error:  # noqa: BLE001 - it is raised again where somebody can tell the person
            unfit = not self._fits or isinstance(error, MissingWeights | BadCheckpoint)
            return Message({"kind": "raised", "task": number, "unfit": unfit, **_as_json(error)})
        return Message({"kind": "done", "task": number, **facts}, arrays)

    def _import(self, task: Message) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        """Import modules of evalkit's that will be needed. Looking through what imports make, all of which stays, for
        garbage would be a quarter of the time that they take, and a fifth of a second each time afterwards."""
        gc.disable()
        try:
            for name in task.facts["modules"]:
                importlib.import_module(name)
        finally:
            gc.freeze()
            gc.enable()
        return {}, []

    def _prepare(self, task: Message) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        """Load the generator that will be asked for."""
        self._load(task.facts, lambda requests, why: self._tell(Message({"kind": "lost", "places": [], "why": why})))
        return {}, []

    def _generate(self, task: Message) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        requests = [Request(*each) for each in task.facts["requests"]]
        places = {id(request): place for place, request in enumerate(requests)}

        def lost(those: Sequence[Request], why: str) -> None:
            self._tell(Message({"kind": "lost", "places": [places[id(each)] for each in those], "why": why}))

        self._load(task.facts, lost)
        assert self._job is not None
        first, self._warm = not self._warm, True
        if first:
            self._tell(_ready(self._job.device))
        job = Job(**{**_fields(self._job), "lost": lost})
        results = produce(job, requests, job.timeouts.first if first else job.timeouts.each)
        return results_told(with_load(results, self._seconds) if first else results)

    def _load(self, facts: Mapping[str, Any], lost: Callable[[Sequence[Request], str], object]) -> None:
        """Load the generator that is ordered, where it is not there yet."""
        ordered = {"order": facts["order"], "device": facts["device"]}
        if self._job is not None and self._ordered == ordered:
            return
        if self._job is not None:
            self._close(Message({}))
        order = orders.generator_order(facts["order"])
        with self._fitting():
            generator = orders.build(order)
        started = time.perf_counter()
        limits = limits_of(generator, order.timeouts)
        job = Job(generator, facts["device"], order.dtype, order.options, limits, lost)
        load(job)
        self._share(f"model {order.model} {order.digest}", generator)
        self._job, self._ordered, self._warm = job, ordered, False
        self._seconds = time.perf_counter() - started

    def _share(self, name: str, owner: object) -> None:
        if self._common is not None:
            share(self._common, name, owner)

    def _close(self, task: Message) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        """Close the generator, if there is one; the one of an `order` is loaded for it."""
        if "order" in task.facts:
            lost = {"kind": "lost", "places": [0]}
            self._load(task.facts, lambda requests, why: self._tell(Message({**lost, "why": why})))
            self._tell(_ready(task.facts["device"]))
        job, self._job = self._job, None
        if job is not None:
            close(job)
        return {"closed": job is not None}, []

    def _embed(self, task: Message) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        facts = task.facts
        order = orders.judge_order(facts["order"])
        place = order.name, str(facts["device"])
        if place not in self._judges:
            with self._fitting():
                self._judges[place] = judge = orders.open_judge(order, place[1])
            self._share(f"judge {order.name} {judge.spec.key}", judge)
            self._tell(_ready(place[1]))
        embedder = self._judges[place]
        with self._fitting():
            orders.require_judge(order, embedder)
        sources = sources_of(task)
        made = embedded(embedder, sources) if sources else Made()
        told = {"identity": asdict(identity(embedder)), "keys": list(made.features), "faults": made.faults}
        return {**told, "broken": made.broken}, list(made.features.values())

    def _look(self, task: Message) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        """Load a judge to say what it is, and let it go, or what loading it raised: others are looked at, too."""
        try:
            judge = orders.open_judge(orders.judge_order(task.facts["order"]), "cpu")
        except Exception as error:  # noqa: BLE001 - it is raised again where somebody can tell the person
            return {"raised": _as_json(error)}, []
        return {"identity": asdict(identity(judge)), "nature": asdict(kind_of(judge))}, []

    def _release(self, task: Message) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        judge = self._judges.pop((task.facts["judge"], str(task.facts["device"])), None)
        if judge is not None:
            parts = remains(judge)
            del judge
            given_back(parts)
        return {}, []

    @contextmanager
    def _fitting(self) -> Iterator[None]:
        """What the block raises is of this machine: the code or the weights that were ordered are not here."""
        self._fits = False
        yield
        self._fits = True


def _ready(device: str) -> Message:
    """What was ordered is loaded, on a device that its maker calls so."""
    return Message({"kind": "ready", "name": device_name(device)})


def _fields(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in ("generator", "device", "dtype", "options", "timeouts")}


def results_told(results: Sequence[Result]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Results as JSON and the sounds that are arrays, in order. What is none is told by the name of its type, which is
    all that its verdict says of it."""
    told: list[dict[str, Any]] = []
    arrays: list[NDArray[Any]] = []
    for each in results:
        if isinstance(each, Fault):
            told.append({"fault": [each.kind, each.message]})
            continue
        is_plain = isinstance(each.samples, np.ndarray) and not each.samples.dtype.hasobject
        if is_plain:
            arrays.append(each.samples)
        strange = {} if is_plain else {"strange": _stranger(each.samples)}
        rate = each.rate.item() if isinstance(each.rate, np.generic) else each.rate
        known = {"rate": rate} if isinstance(rate, int | float | str) else {"strange_rate": _stranger(rate)}
        facts = {"timings": dict(each.timings), "trimmed": each.trimmed, "peak_bytes": each.peak_bytes}
        told.append({**facts, **known, **strange})
    return {"results": told}, arrays


def _stranger(value: object) -> list[str]:
    return [type(value).__name__, repr(value)[:100]]


def results_of(message: Message) -> list[Result]:
    """What `results_told` was made of."""
    arrays = iter(message.arrays)
    results: list[Result] = []
    for told in message.facts["results"]:
        if "fault" in told:
            results.append(Fault(*told["fault"]))
            continue
        samples: object = Stranger(*told["strange"]) if "strange" in told else next(arrays)
        rate = told["rate"] if "rate" in told else Stranger(*told["strange_rate"])
        results.append(Sound(samples, rate, told["timings"], bool(told["trimmed"]), told["peak_bytes"]))
    return results


def sources_told(sources: Sequence[Source], far: bool) -> tuple[list[list[str | None]], list[NDArray[np.uint8]]]:
    """Sources as JSON, and the content of those files that can be read where the worker does not see them (`far`)."""
    told: list[list[str | None]] = []
    contents: list[NDArray[np.uint8]] = []
    for each in sources:
        content = None
        if far and each.path is not None:
            with suppress(UserError):  # which the worker tells of it, as one that sees the file would
                content = read(each.path)
        told.append(
            [each.key, None if each.path is None else str(each.path), each.text, *(["sent"] if content else [])]
        )
        contents += [np.frombuffer(content, dtype=np.uint8)] if content else []
    return told, contents


def sources_of(task: Message) -> list[Source]:
    """What `sources_told` was made of."""
    contents = iter(task.arrays)
    return [
        Source(key, "", None if path is None else Path(path), text, data=next(contents).tobytes() if sent else None)
        for key, path, text, *sent in task.facts["sources"]
    ]


def made_of(message: Message) -> tuple[Identity, Made]:
    """What an embedding worker answered."""
    facts = message.facts
    features = dict(zip(facts["keys"], message.arrays, strict=True))
    return Identity(**facts["identity"]), Made(features, dict(facts["faults"]), facts["broken"])


def _as_json(error: Exception) -> dict[str, Any]:
    """An error to be raised again by `raise_told`; of one that is no person's, with its traceback."""
    name = type(error).__name__
    if name not in _ERRORS:
        text = "".join(traceback.format_exception(error))[-_TRACEBACK:]
        return {"type": "", "message": described(error), "hint": text}
    if isinstance(error, UserError):
        return {"type": name, "message": error.message, "hint": error.hint}
    return {"type": name, "message": str(error), "hint": ""}


def raise_told(facts: Mapping[str, Any]) -> None:
    """Raise here what was raised in a worker."""
    kind = _ERRORS.get(str(facts["type"]))
    if kind is None:
        raise RuntimeError(f"in a worker: {facts['message']}\n{facts['hint']}")
    raise kind(facts["message"], facts["hint"]) if issubclass(kind, UserError) else kind(facts["message"])


def main() -> None:
    """The process: `READ_FD WRITE_FD PARENT COMMON_FD` are its words, the last -1 where weights are not shared."""
    reader, writer, parent, common = map(int, sys.argv[1:5])
    _end_with(parent)
    for handle in (reader, writer) if common < 0 else (reader, writer, common):
        os.set_inheritable(handle, False)
    lock, inbox = threading.Lock(), queue.SimpleQueue[Message]()

    def tell(message: Message) -> None:
        with lock:
            wire.write(writer, message)

    threading.Thread(target=_listen, args=(reader, inbox), daemon=True).start()
    threading.Thread(target=_live, args=(tell,), daemon=True).start()
    worker = Worker(tell, None if common < 0 else common)
    while True:
        task = inbox.get()
        tell(worker.do(task))


def _listen(reader: int, inbox: queue.SimpleQueue[Message]) -> None:
    while (message := wire.read(reader)) is not None:
        inbox.put(message)
    _end()


def _live(tell: Tell) -> None:
    with suppress(OSError):
        while True:
            tell(Message({"kind": "alive"}))
            time.sleep(BEAT)
    _end()


def _end() -> None:
    """At once, with whatever a model started in this process's group."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _end_with(parent: int) -> None:
    """Linux sends SIGKILL when the parent ends (prctl(2), PR_SET_PDEATHSIG); elsewhere the pipe's end is all."""
    with suppress(OSError, AttributeError, ImportError):
        import ctypes

        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
