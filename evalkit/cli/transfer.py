"""Progress of downloads on stderr: a bar with its speed and end on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from evalkit.cli.output import warn, warning
from evalkit.cli.telling import is_quiet, keep
from evalkit.core.text import one_line
from evalkit.run.progress import duration

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_EVERY = 5.0
"""Seconds between two plain lines on one file."""


class TransferBar:
    """One rich bar per file; use as a context."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bars: Progress = Progress(
            *columns, TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True)
        )
        self._task: TaskID | None = None

    def start(self, name: str, total: int | None, done: int) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(one_line(name, 48), total=total, completed=done)

    def advance(self, count: int) -> None:
        if self._task is not None:
            self._bars.advance(self._task, count)

    def finish(self) -> None:
        if self._task is not None:
            self._bars.stop_task(self._task)
            self._task = None

    def note(self, text: str) -> None:
        self._bars.console.print(warning(text), markup=False, highlight=False)

    def __enter__(self) -> TransferBar:
        self._bars.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._bars.stop()


class TransferLines:
    """A line when a file begins, every few seconds with the time that is left at the pace so far, and at its end."""

    def __init__(self, tell: Callable[[str], object] = warn) -> None:
        self._tell = tell
        self._name, self._total, self._first, self._done = "", 0, 0, 0
        self._began = self._told = 0.0

    def start(self, name: str, total: int | None, done: int) -> None:
        self._name, self._total, self._first, self._done = name, total or 0, done, done
        self._began = self._told = time.monotonic()
        size = f"{megabytes(total)}" if total is not None else "of unknown size"
        self._tell(f"{name}: {size}" + (f", {megabytes(done)} of it here already" if done else ""))

    def advance(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._told < _EVERY:
            return
        self._told = now
        pace = (self._done - self._first) / (now - self._began)
        left = f", {duration((self._total - self._done) / pace)} left" if self._total and pace > 0 else ""
        self._tell(f"{self._name}: {megabytes(self._done)} at {megabytes(pace)}/s{left}")

    def finish(self) -> None:
        self._tell(f"{self._name}: {megabytes(self._done)}, done after {duration(time.monotonic() - self._began)}")

    def note(self, text: str) -> None:
        warn(text)

    def __enter__(self) -> TransferLines:
        return self

    def __exit__(self, *raised: object) -> None:
        """Nothing to restore."""


def megabytes(count: float) -> str:
    """A number of bytes in words: `402 kB`, `1.86 GB`."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f} B"


def transfer_for_this_terminal() -> TransferBar | TransferLines:
    """A bar where stderr is a terminal."""
    if is_quiet():
        return TransferLines(keep)
    return TransferBar() if sys.stderr.isatty() else TransferLines()
