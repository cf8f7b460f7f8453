"""Progress on stderr: a bar with its estimated end on a terminal, plain lines elsewhere; with --quiet, none."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING

from evalkit.cli.output import warn, warning
from evalkit.cli.telling import is_quiet, keep
from evalkit.core.text import one_line
from evalkit.run.progress import Lines, Pace, Progress, duration

if TYPE_CHECKING:
    from rich.progress import TaskID

_WIDEST = 40


class Bars:
    """One rich bar per stage; use as a context, so that the terminal is left as it was found. `about` is whose they
    are."""

    def __init__(self, about: str = "") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        name, count = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[count]}", markup=False)
        left = TextColumn("{task.fields[left]}", markup=False)
        console = Console(stderr=True)
        self._bars = RichProgress(name, BarColumn(20), count, TimeElapsedColumn(), left, console=console)
        self._tasks: dict[str, tuple[TaskID, int, Pace]] = {}
        self._about = f"{one_line(about, _WIDEST)}: " if about else ""

    def start(self, stage: str, total: int, done: int) -> None:
        task = self._bars.add_task(self._about + stage, total=total, completed=done, count=f"{done}/{total}", left="")
        self._tasks[stage] = task, total, Pace(total, done, time.monotonic())

    def advance(self, stage: str) -> None:
        task, total, pace = self._tasks[stage]
        pace.done += 1
        left = pace.left(time.monotonic())
        told = "" if not left else f"{duration(left)} left"
        self._bars.update(task, completed=pace.done, count=f"{pace.done}/{total}", left=told)

    def finish(self, stage: str) -> None:
        task, _, pace = self._tasks[stage]
        self._bars.update(task, left="")
        self._bars.stop_task(task)
        keep(f"{self._about}{stage}: done after {duration(pace.spent(time.monotonic()))}")

    @contextmanager
    def step(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        task = self._bars.add_task(self._about + stage, total=None, count="", left="")
        yield
        spent = time.monotonic() - began
        for _, _, pace in self._tasks.values():
            pace.paused += spent
        self._bars.update(task, total=1, completed=1)
        self._bars.stop_task(task)
        keep(f"{self._about}{stage}: done after {duration(spent)}")

    def note(self, text: str) -> None:
        self._bars.console.print(warning(text), markup=False, highlight=False)
        keep(text)

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._bars.stop()


class Notes(Lines):
    """Only what is to be known of the result; the progress is for the log alone."""

    def __init__(self, about: str = "") -> None:
        super().__init__(keep, about)

    def note(self, text: str) -> None:
        warn(text)


def for_this_terminal(about: str = "") -> AbstractContextManager[Progress]:
    """Bars where stderr is a terminal; `about` is whose progress it is."""
    if is_quiet():
        return nullcontext(Notes(about))
    return Bars(about) if sys.stderr.isatty() else nullcontext(Lines(warn, about))
