"""Progress on stderr: a bar with its estimated end on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING

from evalkit.cli.output import warn, warning
from evalkit.run.progress import Lines, Progress

if TYPE_CHECKING:
    from rich.progress import TaskID


class Bars:
    """One rich bar per stage; use as a context, so that the terminal is left as it was found."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = RichProgress(*columns, TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True))
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


def for_this_terminal() -> AbstractContextManager[Progress]:
    """Bars where stderr is a terminal."""
    return Bars() if sys.stderr.isatty() else nullcontext(Lines(warn))
