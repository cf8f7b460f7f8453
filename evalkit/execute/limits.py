"""How long a model in this process may take: a hang costs its item, as it does in a worker, not the night.

A call that takes too long is interrupted by a signal whose handler raises; one that catches that is interrupted again.
Code that never comes back from C cannot be interrupted at all: then the process ends, after `lost` has kept what is
known, so that the same command goes on with the rest. Where such code holds the interpreter's lock, too, nothing can be
kept; the process still ends, and shows where it was.
"""

from __future__ import annotations

import faulthandler
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from evalkit.generators.base import UNLIMITED, Generator, LimitsItself, Timeouts

_SIGNAL = getattr(signal, "SIGURG", None)
"""Its default is to be ignored, so one that comes late does no harm."""
_LONGEST_GRACE = 10.0
_EVERY = 0.5
_LAST = 3 * _LONGEST_GRACE
"""After so many seconds more the process ends from C, with the place where it hangs."""


class TimedOut(Exception):
    """A call that took too long; the message says so in one line."""


class _Late(BaseException):
    """What is raised inside a call; no Exception, as a model may catch those."""


def _tell(message: str) -> None:
    print(f"evalkit: {message}", file=sys.stderr, flush=True)


def limits_of(generator: Generator, asked: Timeouts | None) -> Timeouts:
    """What a model is held to by its caller: `asked` or the defaults. One that limits itself is told what was asked."""
    itself: object = generator
    if not isinstance(itself, LimitsItself):
        return asked or Timeouts()
    if asked is not None:
        itself.limit(asked)
    return UNLIMITED


@contextmanager
def limited(seconds: float, lost: Callable[[str], object] = _tell) -> Iterator[None]:
    """Raise TimedOut where the block takes more than `seconds`, whatever it made or raised by then.

    Where it does not come back even so, `lost` is called with the message, from a thread of its own, and the process
    ends with exit code 1. Outside of the main thread there is no limit, as nothing can be interrupted there.
    """
    if seconds == math.inf or _SIGNAL is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    message = f"no end after {seconds:g} s"
    done, late = threading.Event(), threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not done.is_set():
            raise _Late

    faulthandler.dump_traceback_later(seconds + _LAST, exit=True, file=sys.__stderr__ or 2)
    before = signal.signal(_SIGNAL, interrupt)
    watch = threading.Thread(target=_watch, args=(seconds, done, late, lambda: lost(message)), daemon=True)
    watch.start()
    try:
        yield
    except _Late:
        late.set()
    except KeyboardInterrupt:
        late.clear()
        raise
    except BaseException:
        if not late.is_set():
            raise
    finally:
        while not done.is_set():
            with suppress(_Late):
                done.set()
        watch.join()
        faulthandler.cancel_dump_traceback_later()
        signal.signal(_SIGNAL, signal.SIG_DFL if before is None else before)
    if late.is_set():
        raise TimedOut(message)


def _watch(seconds: float, done: threading.Event, late: threading.Event, lost: Callable[[], object]) -> None:
    if done.wait(seconds):
        return
    late.set()
    main = threading.main_thread().ident
    assert main is not None and _SIGNAL is not None
    for _ in range(max(2, int(min(_LONGEST_GRACE, seconds) / _EVERY))):
        signal.pthread_kill(main, _SIGNAL)
        if done.wait(_EVERY):
            return
    with suppress(Exception):  # whatever it cannot keep, the process has to end
        lost()
    os._exit(1)
