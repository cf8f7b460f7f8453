"""What the stages tell about their progress, and to whom: a terminal draws it, a notebook logs it, tests ignore it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol


class Progress(Protocol):
    def start(self, stage: str, total: int, done: int) -> None:
        """A stage begins; `done` of its `total` items were there already."""
        ...

    def advance(self, stage: str) -> None:
        """One more item of the stage is done."""
        ...

    def finish(self, stage: str) -> None: ...

    def step(self, stage: str) -> AbstractContextManager[None]:
        """A stage that cannot say how far it is, such as loading a network, for as long as the context lasts. Within
        another stage its time says nothing of that one's pace."""
        ...

    def note(self, text: str) -> None:
        """A sentence for the reader: a warning, or what is being reused."""
        ...


class Silent:
    """Tells nobody."""

    def start(self, stage: str, total: int, done: int) -> None: ...

    def advance(self, stage: str) -> None: ...

    def finish(self, stage: str) -> None: ...

    def step(self, stage: str) -> AbstractContextManager[None]:
        return nullcontext()

    def note(self, text: str) -> None: ...


class Pace:
    """When a stage will be through, at its pace so far; `paused` seconds since its start are not its own."""

    def __init__(self, total: int, done: int, now: float) -> None:
        self._total, self._first, self._began = total, done, now
        self.done, self.paused = done, 0.0

    def left(self, now: float) -> float | None:
        """Seconds; None before a tenth of what there was to do is done, as the first items say little."""
        made = self.done - self._first
        if not made or made * 10 < self._total - self._first:
            return None
        return (now - self._began - self.paused) / made * (self._total - self.done)

    def spent(self, now: float) -> float:
        """Seconds since the start, pauses among them."""
        return now - self._began


class Lines:
    """A line per stage and per tenth of it, with the time that is left at the pace so far; `tell` takes each. `about`
    is whose progress it is, where there is more than one."""

    SPARING = 1.0
    """Seconds between two lines of one stage, and what a step has to last to have its end told."""

    def __init__(self, tell: Callable[[str], object], about: str = "") -> None:
        self._tell, self._about = tell, f"{about}: " if about else ""
        self._stages: dict[str, tuple[int, Pace]] = {}
        self._open: set[str] = set()
        self._told = 0.0

    def start(self, stage: str, total: int, done: int) -> None:
        self._stages[stage] = total, Pace(total, done, time.monotonic())
        self._open.add(stage)
        self._say(f"{stage}: {done} of {total} there already" if done else f"{stage}: {total} to do")

    def advance(self, stage: str) -> None:
        total, pace = self._stages[stage]
        pace.done += 1
        now = time.monotonic()
        if pace.done * 10 // total == (pace.done - 1) * 10 // total or now - self._told < self.SPARING:
            return
        left = pace.left(now)
        self._say(f"{stage}: {pace.done} of {total}{'' if left is None else f', {duration(left)} left'}")

    def finish(self, stage: str) -> None:
        self._open.discard(stage)
        self._say(f"{stage}: done after {duration(self._stages[stage][1].spent(time.monotonic()))}")

    @contextmanager
    def step(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        if not self._open:  # a stage around it has told what is being done
            self._say(stage)
        yield
        spent = time.monotonic() - began
        for _, pace in self._stages.values():
            pace.paused += spent
        if spent >= self.SPARING:
            self._say(f"{stage}: done after {duration(spent)}")

    def note(self, text: str) -> None:
        self._tell(text)

    def _say(self, line: str) -> None:
        self._told = time.monotonic()
        self._tell(self._about + line)


def duration(seconds: float) -> str:
    """`0.4 s`, `96 s`, `18 min`, `3 h 20 min`."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
