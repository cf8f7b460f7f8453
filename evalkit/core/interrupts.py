"""One way to stop: Ctrl-C, SIGTERM and a closed terminal end the work in order, and nothing swallows them.

A signal's exception may be lost on its way: what is raised inside a callback from C is printed and dropped (soundfile
reads and writes memory through such callbacks), and a model may catch everything. So a stop is also remembered:
:func:`heed` raises it again, after each piece of work, and :func:`held` lets signals wait while C is calling back.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

EXIT_CODE = 130
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_PATIENCE = 1.0
"""Seconds in which further signals are the same stop: a wrapper passes Ctrl-C on to a group that had it already."""

_Handler = Callable[[int, FrameType | None], object]
_since: float | None = None
_heeding = False


@contextmanager
def heeded() -> Iterator[None]:
    """For the block, each of the signals raises KeyboardInterrupt; another one, a second later, ends the process.

    A signal that was ignored before, as under nohup, stays ignored.
    """
    global _since, _heeding
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _since, _heeding = None, True
    _install()
    try:
        yield
    finally:
        _heeding = False
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def asked() -> bool:
    """Was a stop asked for since the block of :func:`heeded` began?"""
    return _heeding and _since is not None


def heed() -> None:
    """Raises KeyboardInterrupt where a stop was asked for and its exception went lost. Where a library put handlers of
    its own in the place of ours, they are put back."""
    if not _heeding or threading.current_thread() is not threading.main_thread():
        return
    _install()
    if asked():
        raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """Signals wait until the end of the block, which is a short one: C is calling back in it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before: dict[int, _Handler] = {}
    for number in SIGNALS:
        handler = signal.getsignal(number)
        if callable(handler):
            before[number] = handler
            signal.signal(number, lambda each, frame: came.append(each))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came[:1]:
            before[number](number, None)


def entering() -> None:
    """The process is evalkit's own, and nothing else has been imported that has hooks for its end.

    After all hooks Python takes its handlers away, and then its libraries, which may take a second: a signal that came
    meanwhile would end the process as its default does, with another exit code than that of the finished work.
    """
    atexit.register(_ignore)  # the first one registered is the last one called


def _ignore() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def leaving(code: int) -> None:
    """The process has ended its work and is on its way out with this exit code: a signal only makes it quicker.

    That holds for threads that still run and for the hooks of libraries; see :func:`entering` for what comes then.

    Under `python -m` Python itself would end by SIGINT, whatever the code, where the stop's exception had passed
    through a text that it was evaluating, as dataclasses and named tuples are made of: it remembers that until it
    evaluates another (CPython's pythonrun.c, `unhandled_keyboard_interrupt`).
    """
    eval("None")

    def leave(number: int, frame: FrameType | None) -> None:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)


def _install() -> None:
    for number in SIGNALS:
        if signal.getsignal(number) not in (_stop, signal.SIG_IGN):
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    global _since
    now = time.monotonic()
    if _since is None:
        _since = now
        raise KeyboardInterrupt
    if now - _since > _PATIENCE:
        with suppress(OSError):  # the terminal may be gone
            shown = b"\x1b[?25h" if sys.stderr is not None and os.isatty(2) else b""  # a progress bar hides the cursor
            os.write(2, shown + b"\nevalkit: stopped at once\n")
        os._exit(EXIT_CODE)
