"""Generation in this process, one batch after the other."""

from __future__ import annotations

import gc
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from evalkit.core.device_names import device_name
from evalkit.core.errors import UserError
from evalkit.core.interrupts import heed
from evalkit.core.own_code import is_evalkits
from evalkit.core.plugins import running
from evalkit.execute.base import Batch, Fault, Job, Request, Result, Sound, Unclosed, Workforce
from evalkit.execute.limits import TimedOut, limited
from evalkit.execute.orders import JudgeOrder
from evalkit.generators.base import GenBatch, ReadsLyrics
from evalkit.generators.contract import answer_fault, clock_fault, require_methods
from evalkit.generators.worker.harness import memory


class Inline:
    """The executor for one device, and for debuggers."""

    def __init__(self, device: str = "cpu") -> None:
        self._device = device

    def run(self, job: Job, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Result]]]:
        loaded = False
        try:
            for batch in batches:
                if loaded:
                    yield batch, produce(job, batch.requests, job.timeouts.each)
                    continue
                started = time.perf_counter()
                load(job)
                loaded = True
                seconds = time.perf_counter() - started
                yield batch, with_load(produce(job, batch.requests, job.timeouts.first), seconds)
        except BaseException:
            if loaded:
                with suppress(Unclosed):  # what ended the work is the one to tell
                    close(job)
            raise
        if loaded:
            close(job)

    def bench(self, order: JudgeOrder) -> None:
        """Sounds are embedded in this process, too."""

    def workforce(self) -> Workforce:
        """This process."""
        return Workforce("inline", 1, (self._device,), tuple(filter(None, (device_name(self._device),))))

    def close(self) -> None:
        """Nothing is left running."""


def load(job: Job) -> None:
    """Load the job's generator. Raises UserError where it takes too long, BrokenPlugin where somebody's own fails."""
    guarded = nullcontext() if is_evalkits(job.generator) else running(f"{job.generator.spec.name}: load() failed")
    try:
        with job.loading(), _staying(), limited(job.timeouts.load, partial(job.lost, ())), guarded:
            job.generator.load(job.device, job.dtype)
    except TimedOut as error:
        told = f"{job.generator.spec.name} is not loaded: {error}"
        raise UserError(told, "--timeout SECONDS gives it longer") from None
    heed()
    require_methods(job.generator)


def close(job: Job) -> None:
    """Close the job's generator. Raises Unclosed."""
    try:
        with (
            _staying(),
            limited(job.timeouts.each, partial(job.lost, ())),
            running("close() failed, after the sounds were made"),
        ):
            job.generator.close()
    except TimedOut as error:
        raise Unclosed(f"close() had {error}, after the sounds were made") from error
    except UserError as error:
        raise Unclosed(str(error)) from error


def with_load(results: Sequence[Result], seconds: float) -> list[Result]:
    """The results of the first batch: the loading is told apart, and marks them as the warm-up."""
    share = seconds / max(1, len(results))
    return [
        replace(each, timings={**each.timings, "load": share}) if isinstance(each, Sound) else each for each in results
    ]


def produce(job: Job, requests: Sequence[Request], seconds: float = math.inf) -> list[Result]:
    """One result per request; each sound may take `seconds`, a batch as many times that as it has sounds.

    Out of memory halves the batch, down to single items. Any other exception is met by trying the items
    one by one, so that only the one that cannot be generated is lost. A UserError (an option that does
    not exist) concerns every item and ends the run.
    """
    outcome = _attempt(job, requests, seconds)
    if isinstance(outcome, list):
        return outcome
    if len(requests) == 1:
        return [outcome]
    if outcome.kind == "oom":
        middle = len(requests) // 2
        return produce(job, requests[:middle], seconds) + produce(job, requests[middle:], seconds)
    return [result for request in requests for result in produce(job, [request], seconds)]


def _attempt(job: Job, requests: Sequence[Request], seconds: float) -> list[Result] | Fault:
    """The sounds of one call, or the fault of the whole call. The exception and the frames it holds are
    gone when this returns, as they would keep the memory that a smaller batch needs.

    A model may end by other exceptions than an Exception (`sys.exit` in a library); only Ctrl-C ends the run, also
    where the model caught it: what it made then may be half a sound, or an error that is none.
    """
    try:
        with _staying(), limited(seconds * len(requests), partial(job.lost, requests)):
            outcome = _call(job, requests)
    except TimedOut as error:
        outcome = Fault("hung", f"hung: {error}")
    heed()
    return outcome


@contextmanager
def _staying() -> Iterator[None]:
    """A model that changes the working folder does not move the run's."""
    place = Path.cwd()
    try:
        yield
    finally:
        os.chdir(place)


def _call(job: Job, requests: Sequence[Request]) -> list[Result] | Fault:
    started = time.perf_counter()
    try:
        made = _generated(job, requests)
        wrong = answer_fault(made, len(requests)) or clock_fault(made.timings)
        if wrong:
            return Fault("error", wrong)
        audio, rate = list(made.audio), made.sample_rate
        parts = {**{name: float(part) for name, part in made.timings.items()}, "total": time.perf_counter() - started}
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - a generator may raise anything; one prompt must not end the run
        fault = Fault("oom" if _out_of_memory(error) else "error", _describe(error))
    else:
        shares = {name: part / len(requests) for name, part in parts.items()}
        peak = memory()["peak"] if made.memory is None else int(made.memory.peak)
        return [Sound(samples, rate, shares, made.trimmed, peak) for samples in audio]
    _release_memory()
    return fault


def _generated(job: Job, requests: Sequence[Request]) -> GenBatch:
    told = (
        [request.prompt for request in requests],
        [request.seconds for request in requests],
        [request.seed for request in requests],
        job.options,
    )
    if not job.generator.spec.lyrics:
        return job.generator.generate(*told)
    return cast(ReadsLyrics, job.generator).generate(*told, [request.lyrics for request in requests])


def _out_of_memory(error: BaseException) -> bool:
    """torch's own error, numpy's, or a RuntimeError of a library that says so. By name: torch may not be loaded."""
    named = type(error).__name__ in ("OutOfMemoryError", "MemoryError", "_ArrayMemoryError")
    return named or (isinstance(error, RuntimeError) and "out of memory" in str(error).lower())


def _describe(error: BaseException) -> str:
    """Type and first line of an exception, at most 300 characters."""
    if isinstance(error, SystemExit):
        return f"SystemExit: the model called sys.exit({error.code!r:.80})"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else '(no message)'}"[:300]


def _release_memory() -> None:
    """Give cached device memory back, where torch is in use at all."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
