"""What the stages tell about their progress, and to whom: a terminal draws it, a notebook logs it, tests ignore it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    def start(self, stage: str, total: int, done: int) -> None:
        """A stage begins; `done` of its `total` items were there already."""
        ...

    def advance(self, stage: str) -> None:
        """One more item of the stage is done."""
        ...

    def finish(self, stage: str) -> None: ...

    def note(self, text: str) -> None:
        """A sentence for the reader: a warning, or what is being reused."""
        ...


class Silent:
    """Tells nobody."""

    def start(self, stage: str, total: int, done: int) -> None: ...

    def advance(self, stage: str) -> None: ...

    def finish(self, stage: str) -> None: ...

    def note(self, text: str) -> None: ...


class Lines:
    """A line per stage and per tenth of it, with the time that is left at the pace so far; `tell` takes each."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._state: dict[str, tuple[int, int, int, float]] = {}

    def start(self, stage: str, total: int, done: int) -> None:
        self._state[stage] = (total, done, done, time.monotonic())
        self._tell(f"{stage}: {done} of {total} there already" if done else f"{stage}: {total} to do")

    def advance(self, stage: str) -> None:
        total, first, done, began = self._state[stage]
        done += 1
        self._state[stage] = (total, first, done, began)
        if done * 10 // total > (done - 1) * 10 // total:
            left = (time.monotonic() - began) / (done - first) * (total - done)
            self._tell(f"{stage}: {done} of {total}, {left:.0f} s left")

    def finish(self, stage: str) -> None:
        self._tell(f"{stage}: done after {time.monotonic() - self._state[stage][3]:.1f} s")

    def note(self, text: str) -> None:
        self._tell(text)
