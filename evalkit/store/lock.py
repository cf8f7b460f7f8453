"""One writer per run folder.

The lock is the operating system's (`flock`): it dies with its process, so a killed run leaves no stale
lock behind. The process id in the file is there for the error message alone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalkit.core.errors import UserError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` for the block. Raises UserError where another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
            message = f"{path.parent}: another evalkit is at work on this run (process {holder})"
            raise UserError(message, "wait for it to end, or give another --out") from None
        os.truncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(handle)
