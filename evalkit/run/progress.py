"""What the stages tell about their progress, and to whom: the command line draws it, tests ignore it."""

from __future__ import annotations

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
