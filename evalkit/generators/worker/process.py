"""The parent's side of the pipe: a worker as a process of its own, started, asked, timed and ended.

The worker leads a process group of its own, so that ending it ends whatever it started. Its stdout and stderr go into
a log in its private folder; the log's tail is part of every error. Its environment is a list of what is allowed, with
the model hubs switched off: nothing is fetched during a run.
"""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any, Protocol

from evalkit.core import processes
from evalkit.core.errors import UserError
from evalkit.core.jsonio import parse_json
from evalkit.generators.worker import harness

HARNESS = Path(harness.__file__)
_HEADER = struct.Struct("<I")
_SLICE = 0.5
"""Seconds between looks at whether the process still lives: a child of its own may hold its end of the pipe open."""
_GRACE = 5.0
_TAIL = 180
_ALLOWED = (
    "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_VISIBLE_DEVICES",
    "HF_HOME", "HF_HUB_CACHE", "TORCH_HOME", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX",
)  # fmt: skip
_SET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "EVALKIT_OFFLINE": "1"}


class WorkerError(RuntimeError):
    """One call that came to nothing; the message is one line."""


class WorkerDied(WorkerError):
    """The process ended, or said what is not of the protocol, and was ended for it."""


class WorkerHung(WorkerError):
    """No answer in time; the process was ended."""


class Connection(Protocol):
    """A worker that answers messages. `pid` is None for one inside this process."""

    pid: int | None

    def ask(self, message: Mapping[str, object], timeout: float) -> dict[str, Any]:
        """The answer. Raises WorkerDied or WorkerHung; the worker is gone then."""
        ...

    def stop(self) -> None:
        """End it, whatever it is doing; nothing of it is left running."""
        ...


class WorkerProcess:
    """A worker process with a private `folder` for its sounds and its log."""

    def __init__(self, python: Path, worker: Path, model: str, folder: Path) -> None:
        """Start it. Raises WorkerDied where that interpreter cannot be started."""
        self._log = folder / "log"
        to_worker, from_worker = os.pipe(), os.pipe()
        theirs = to_worker[0], from_worker[1]
        self._write, self._read = to_worker[1], from_worker[0]
        numbers = [str(handle) for handle in theirs]
        words = processes.isolated(python, str(HARNESS), str(worker), model, *numbers, str(folder))
        try:
            self._process = processes.start(words, folder, _environment(folder), self._log, theirs)
        except OSError as error:
            self._close()
            raise WorkerDied(f"the worker cannot be started: {python}: {error.strerror}") from None
        finally:
            for handle in theirs:
                os.close(handle)
        self.pid: int | None = self._process.pid
        self._busy = False
        os.set_blocking(self._write, False)
        os.set_blocking(self._read, False)

    def ask(self, message: Mapping[str, object], timeout: float) -> dict[str, Any]:
        """The answer to a message within `timeout` seconds; the process is ended where there is none."""
        deadline = time.monotonic() + timeout
        content = json.dumps(message).encode()
        self._busy = True
        try:
            self._send(_HEADER.pack(len(content)) + content, deadline)
            length = _HEADER.unpack(self._receive(_HEADER.size, deadline))[0]
            if length > harness.LIMIT:
                raise WorkerDied(f"the worker announced a message of {length} bytes")
            answer = parse_json(self._receive(length, deadline), "the worker's message")
        except TimeoutError:
            self.stop()
            raise WorkerHung(f"the worker gave no answer in {timeout:g} s{self._last_words()}") from None
        except (WorkerDied, UserError) as error:
            told = str(error) if isinstance(error, WorkerDied) else f"the worker sent no JSON: {error}"
            self.stop()
            raise WorkerDied(told + self._last_words()) from None
        self._busy = False
        return answer if isinstance(answer, dict) else {}

    def stop(self) -> None:
        """Politely where it is idle, with SIGTERM and then SIGKILL to its group where it is not."""
        if self._write < 0:
            return
        if not self._busy and self._process.poll() is None:
            self._part()
        self._signal(signal.SIGTERM)
        with suppress(TimeoutExpired):
            self._process.wait(_GRACE)
        self._signal(signal.SIGKILL)  # also for what it started and left behind
        self._process.wait()
        self._close()

    def _part(self) -> None:
        """Ask it to shut down, and wait a little: a model may want to let go of things in order."""
        content = json.dumps({"type": "shutdown"}).encode()
        with suppress(TimeoutError, WorkerDied, TimeoutExpired):
            self._send(_HEADER.pack(len(content)) + content, time.monotonic() + _GRACE)
            self._process.wait(_GRACE)

    def _send(self, content: bytes, deadline: float) -> None:
        while content:
            self._await(self._write, select.POLLOUT, deadline)
            try:
                content = content[os.write(self._write, content) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise WorkerDied(self._ending()) from None

    def _receive(self, count: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            self._await(self._read, select.POLLIN, deadline)
            try:
                part = os.read(self._read, min(count - len(parts), 1 << 16))
            except BlockingIOError:
                continue
            if not part:
                raise WorkerDied(self._ending())
            parts += part
        return bytes(parts)

    def _await(self, handle: int, event: int, deadline: float) -> None:
        """Wait until the pipe is ready. Raises TimeoutError, or WorkerDied where nobody is at its other end."""
        poll = select.poll()
        poll.register(handle, event)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if poll.poll(1000 * min(left, _SLICE)):
                return
            if self._process.poll() is not None:
                raise WorkerDied(self._ending())

    def _ending(self) -> str:
        try:
            code = self._process.wait(_GRACE)
        except TimeoutExpired:
            return "the worker closed its pipe"
        if code < 0:
            return f"the worker was killed by {signal.Signals(-code).name}"
        return f"the worker ended by itself with exit code {code}"

    def _last_words(self) -> str:
        words = tail(self._log)
        return f"; it last printed: {words}" if words else ""

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
            os.killpg(self._process.pid, number)

    def _close(self) -> None:
        for handle in (self._write, self._read):
            os.close(handle)
        self._write = self._read = -1


class WorkerHere:
    """The same worker file inside this process: for tests and debuggers. Timeouts do not apply."""

    pid: int | None = None

    def __init__(self, worker: Path, model: str, folder: Path) -> None:
        self._session = harness.Session(lambda name: harness.load_build(worker)(name), model, folder)

    def ask(self, message: Mapping[str, object], timeout: float) -> dict[str, Any]:
        """Both ways through JSON, as by the pipe."""
        answer: dict[str, Any] = json.loads(json.dumps(self._session.answer(json.loads(json.dumps(message)))))
        return answer

    def stop(self) -> None:
        self._session.answer({"type": "shutdown"})


def tail(log: Path, characters: int = _TAIL) -> str:
    """The last lines of a log on one line, without what would move a terminal's cursor."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8 * characters))
            return last_words(file.read(), characters)
    except OSError:
        return ""


def last_words(printed: bytes, characters: int = _TAIL) -> str:
    """The last lines of what a program printed, as `tail` has them."""
    text = printed.decode("utf-8", "replace")
    lines: Sequence[str] = [" ".join(line.split()) for line in text.replace("\r", "\n").splitlines()]
    joined = " | ".join(line for line in lines[-6:] if line)
    return "".join(letter if letter.isprintable() else "?" for letter in joined)[-characters:]


def _environment(folder: Path) -> dict[str, str]:
    return processes.chosen_environment(*_ALLOWED, **_SET, TMPDIR=str(folder), PYTHONNOUSERSITE="1")
