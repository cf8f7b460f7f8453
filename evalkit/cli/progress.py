"""Progress on stderr: a bar with its estimated end on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from evalkit.cli.output import warn, warning

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Bars:
    """One rich bar per stage; use as a context, so that the terminal is left as it was found."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars: RichProgress = Progress(
            *columns, TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True)
        )
        self._tasks: dict[str, TaskID] = {}

    def start(self, stage: str, total: int, done: int) -> None:
        self._tasks[stage] = self._bars.add_task(stage, total=total, completed=done)

    def advance(self, stage: str) -> None:
        self._bars.advance(self._tasks[stage])

    def finish(self, stage: str) -> None:
        self._bars.stop_task(self._tasks[stage])

    def note(self, text: str) -> None:
        self._bars.console.print(warning(text), markup=False, highlight=False)

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._bars.stop()


class Lines:
    """A line per stage and per tenth of it, with the time that is left at the pace so far."""

    def __init__(self) -> None:
        self._state: dict[str, tuple[int, int, int, float]] = {}

    def start(self, stage: str, total: int, done: int) -> None:
        self._state[stage] = (total, done, done, time.monotonic())
        self._print(f"{stage}: {done} of {total} there already" if done else f"{stage}: {total} to do")

    def advance(self, stage: str) -> None:
        total, first, done, began = self._state[stage]
        done += 1
        self._state[stage] = (total, first, done, began)
        if done * 10 // total > (done - 1) * 10 // total:
            left = (time.monotonic() - began) / (done - first) * (total - done)
            self._print(f"{stage}: {done} of {total}, {left:.0f} s left")

    def finish(self, stage: str) -> None:
        self._print(f"{stage}: done after {time.monotonic() - self._state[stage][3]:.1f} s")

    def note(self, text: str) -> None:
        self._print(text)

    def _print(self, text: str) -> None:
        warn(text)

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Nothing to restore."""


def for_this_terminal() -> Bars | Lines:
    """Bars where stderr is a terminal."""
    return Bars() if sys.stderr.isatty() else Lines()
