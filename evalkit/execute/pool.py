"""Workers on this machine: one process each, started and watched by this one, and gone when it is gone.

Each has two pipes of its own and leads a process group, so that its end is the end of whatever a model started in it.
What it prints goes into a file that has no name, whose last lines are told where it dies.
"""

from __future__ import annotations

import os
import queue
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Literal

from evalkit.core import processes
from evalkit.core.errors import UserError
from evalkit.core.search_path import import_path
from evalkit.execute import wire
from evalkit.execute.schedule import Hand
from evalkit.execute.sharing import common_memory
from evalkit.execute.wire import Message
from evalkit.generators.worker.process import last_words

_MAIN = "import sys; sys.path[:] = sys.argv[5:]; del sys.argv[5:]; from evalkit.execute.worker import main; main()"
_GRACE = 2.0
_WRITES_FOR = 30.0
_LOOKS = 1000
"""Milliseconds after which one that takes nothing is looked at again."""
_LAST = 2000


class Processes:
    """A crew of processes. `environment` is laid over this process's own; `folder` is where they start, default the
    working folder. Several that compute on the machine's own processors have one copy of the weights (`sharing.py`)."""

    far: bool = False
    kind: Literal["pool", "ray"] = "pool"

    def __init__(self, devices: list[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
        self.devices = devices
        self._environment, self._folder = {**os.environ, **environment}, folder
        self._heard: queue.SimpleQueue[tuple[Hand, Message | None]] = queue.SimpleQueue()
        self._hands: list[Process] = []
        self._common = common_memory() if devices.count("cpu") > 1 else None

    def hire(self, place: int) -> Hand:
        """Start the worker of a place. Raises UserError where the system allows no further process."""
        folder = self._folder or Path.cwd()
        hand = Process(self.devices[place], self._environment, folder, self._heard, self._common)
        self._hands.append(hand)
        return hand

    def heard(self, seconds: float) -> Iterator[tuple[Hand, Message | None]]:
        """All that was said, waiting for it at most so many seconds."""
        deadline = time.monotonic() + seconds
        with suppress(queue.Empty):
            yield self._heard.get(timeout=max(0.0, deadline - time.monotonic()))
            while True:
                yield self._heard.get_nowait()
        for hand in list(self._hands):
            if hand.ended:
                self._hands.remove(hand)
            else:
                hand.look()

    def close(self) -> None:
        """End all of them, at once and together."""
        for hand in self._hands:
            hand.kill()
        for hand in self._hands:
            hand.end()
        self._hands.clear()
        if self._common is not None:
            os.close(self._common)
            self._common = None


class Process:
    """One worker process."""

    def __init__(
        self,
        device: str,
        environment: Mapping[str, str],
        folder: Path,
        heard: queue.SimpleQueue[tuple[Hand, Message | None]],
        common: int | None = None,
    ) -> None:
        self.device, self.ended = device, False
        self._silent = False
        to_worker, from_worker = os.pipe(), os.pipe()
        theirs = to_worker[0], from_worker[1]
        self._write, self._read = to_worker[1], from_worker[0]
        told = *theirs, os.getpid(), -1 if common is None else common
        words = processes.isolated(sys.executable, "-c", _MAIN, *map(str, told), *import_path())
        inherited = theirs if common is None else (*theirs, common)
        try:
            with tempfile.TemporaryDirectory(prefix="evalkit-pool-") as place:
                log = Path(place) / "log"
                self._process = processes.start(words, folder, environment, log, inherited)
                self._log = log.open("rb")  # which stays readable without its name
        except OSError as error:
            os.close(self._write)
            os.close(self._read)
            raise UserError(f"a worker cannot be started: {error.strerror or error}", "fewer --workers") from None
        finally:
            for handle in theirs:
                os.close(handle)
        os.set_blocking(self._write, False)
        self.pid = self._process.pid
        self._listener = threading.Thread(target=self._listen, args=(heard,), daemon=True)
        self._listener.start()

    def send(self, task: Message) -> None:
        """Ask for something. A worker that does not take it in time is ended."""
        deadline, room = time.monotonic() + _WRITES_FOR, select.poll()
        room.register(self._write, select.POLLOUT)
        for piece in wire.pieces(task):
            while piece:
                try:
                    piece = piece[os.write(self._write, piece) :]
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        self.kill()
                        return
                    room.poll(_LOOKS)
                except BrokenPipeError:
                    return

    def look(self) -> None:
        """Where the process is gone and something that it started holds its pipe open, end that too."""
        if self._process.poll() is not None:
            self.kill()

    def kill(self) -> None:
        """Send it, and what it started, the signal that nothing survives."""
        with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
            os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> str:
        """How it ended, and what it last printed; one that lives is ended. Its pipes are closed."""
        if self.ended:
            return "ended"
        self.ended = True
        with suppress(TimeoutExpired):
            self._process.wait(_GRACE if self._silent else 0.0)
        told = _ending(self._process.poll())
        self.kill()
        self._process.wait()
        self._listener.join(_GRACE)
        os.close(self._write)
        if not self._listener.is_alive():
            os.close(self._read)
        with self._log:
            self._log.seek(max(0, os.fstat(self._log.fileno()).st_size - _LAST))
            words = last_words(self._log.read())
        return f"{told}; it last printed: {words}" if words else told

    def _listen(self, heard: queue.SimpleQueue[tuple[Hand, Message | None]]) -> None:
        message: Message | None = Message({})
        while message is not None:
            message = wire.read(self._read)
            self._silent = message is None
            heard.put((self, message))


def _ending(code: int | None) -> str:
    if code is None:
        return "it gave no sign of life"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended by itself with exit code {code}"
