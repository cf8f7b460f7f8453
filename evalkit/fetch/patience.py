"""How long a server may take: silence, and dribbling, end a transfer; a slow line does not.

A transfer begins with `SECONDS` of patience, which time uses up and bytes earn back: whoever sends less than `SLOWEST`
bytes a second for long is given up, whatever it is that is slow: the handshake, the headers, a redirect, the body, or
tries that end early one after the other.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SECONDS = 40.0
SLOWEST = 4096
"""Bytes per second."""

_SOON, _LOOK = 0.05, 1.0


class Patience:
    """What is left of it for one file, over all tries."""

    def __init__(self) -> None:
        self._until = time.monotonic() + SECONDS

    @property
    def left(self) -> float:
        """Seconds, at least 0."""
        return max(0.0, self._until - time.monotonic())

    def earn(self, count: int) -> None:
        """So many bytes have arrived."""
        self._until = min(time.monotonic() + SECONDS, self._until + count / SLOWEST)

    @property
    def why(self) -> str:
        return f"the server was silent, or slower than {SLOWEST / 1024:g} kB/s, for {SECONDS:g} s"


class Watch:
    """The connections of one request; they are ended where patience is. `expired` says that they were."""

    def __init__(self, patience: Patience) -> None:
        self.patience, self.expired = patience, False
        self._ended = threading.Event()
        self._held: list[socket.socket] = []

    def hold(self, connection: socket.socket) -> None:
        """Watch this connection too, whatever is wrapped around it later."""
        self._held.append(connection.dup())

    def _look(self) -> None:
        while not self._ended.wait(min(max(self.patience.left, _SOON), _LOOK)):
            if self.patience.left <= 0:
                self.expired = True
                for each in list(self._held):
                    with suppress(OSError):  # ended already
                        each.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at the clock for the block, from a thread of its own: the block may be waiting inside a library."""
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            for each in self._held:
                each.close()
