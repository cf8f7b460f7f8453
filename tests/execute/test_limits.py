"""A call that takes too long ends, whatever it makes of that, and leaves signals as they were."""

from __future__ import annotations

import math
import signal
import threading
import time
from contextlib import suppress

import pytest

from evalkit.core.errors import UserError
from evalkit.execute.base import Batch, Fault, Job, Request, Sound
from evalkit.execute.inline import Inline, produce
from evalkit.execute.limits import TimedOut, limited, limits_of
from evalkit.generators.base import UNLIMITED, GenBatch, GeneratorSpec, Timeouts


def test_what_ends_in_time_is_let_be_and_leaves_no_handler_and_no_thread() -> None:
    before, threads = signal.getsignal(signal.SIGURG), threading.active_count()
    for _ in range(50):
        with limited(5.0):
            pass
    with pytest.raises(KeyError), limited(5.0):
        raise KeyError
    assert signal.getsignal(signal.SIGURG) is before and threading.active_count() == threads


@pytest.mark.parametrize("caught", [(), Exception, BaseException])
def test_what_takes_too_long_has_timed_out_whatever_it_catches(caught: type[BaseException]) -> None:
    """A sound that was begun and cut by that is none."""
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"no end after 0\.2 s"), limited(0.2), suppress(caught):
        time.sleep(60)
    assert time.monotonic() - began < 5


def test_what_makes_another_error_of_it_has_timed_out_all_the_same() -> None:
    with pytest.raises(TimedOut), limited(0.2):
        try:
            time.sleep(60)
        except BaseException:
            raise RuntimeError("something went wrong") from None


def test_ctrl_c_in_a_call_that_is_late_is_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt), limited(0.1):
        try:
            time.sleep(60)
        except BaseException:
            raise KeyboardInterrupt from None


def test_no_limit_where_nothing_can_be_interrupted() -> None:
    with limited(math.inf):
        assert signal.getsignal(signal.SIGURG) is not None
    ended: list[bool] = []

    def work() -> None:
        with limited(0.01):
            time.sleep(0.1)
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended


class Slow:
    """Takes a second for each prompt that says so."""

    spec = GeneratorSpec("slow", "slow", 10, 1, 10.0)

    def load(self, device: str, dtype: str) -> None:
        time.sleep(1.0 if device == "slow" else 0.0)

    def generate(self, prompts: list[str], *_: object) -> GenBatch:
        time.sleep(sum(prompt == "slow" for prompt in prompts) * 1.0)
        return GenBatch([__import__("numpy").ones((1, 3), "float32")] * len(prompts), 10, {})

    def close(self) -> None: ...


def requests(*prompts: str) -> list[Request]:
    return [Request(prompt, 0.3, number) for number, prompt in enumerate(prompts)]


def test_a_sound_that_does_not_end_costs_itself_alone() -> None:
    job = Job(Slow(), "cpu", "float32", {})  # type: ignore[arg-type]
    results = produce(job, requests("a", "slow", "b"), 0.2)
    assert [type(each) for each in results] == [Sound, Fault, Sound]
    assert results[1] == Fault("hung", "hung: no end after 0.2 s")
    assert all(isinstance(each, Sound) for each in produce(job, requests("a", "slow", "b"), 0.6)), "per sound"


def test_a_model_that_does_not_load_ends_the_run() -> None:
    job = Job(Slow(), "slow", "float32", {}, Timeouts(load=0.2))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"slow is not loaded: no end after 0\.2 s \(--timeout"):
        list(Inline().run(job, [Batch(0, requests("a"))]))


def test_a_worker_keeps_its_own_time_and_is_told_what_was_asked() -> None:
    class Worker(Slow):
        told: Timeouts | None = None

        def limit(self, timeouts: Timeouts) -> None:
            self.told = timeouts

    worker, asked = Worker(), Timeouts(3, 2, 1)
    assert limits_of(worker, None) is UNLIMITED and worker.told is None  # type: ignore[arg-type]
    assert limits_of(worker, asked) is UNLIMITED and worker.told is asked  # type: ignore[arg-type]
    assert limits_of(Slow(), None) == Timeouts() and limits_of(Slow(), asked) is asked  # type: ignore[arg-type]
