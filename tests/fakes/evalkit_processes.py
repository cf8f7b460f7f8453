"""Other processes, as /proc shows them, and waiting for what they do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it does not come to it"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Is it a process that still does something?"""
    return _state(pid) not in "ZX"


def stands_still(pid: int) -> bool:
    """Was it stopped by SIGSTOP?"""
    return _state(pid) == "T"


def _state(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "X"


def actors() -> list[int]:
    """Ray's actors on the nodes that this process has started, and the workers that they lead."""
    found, waiting = list[int](), [os.getpid()]
    while waiting:
        pid = waiting.pop()
        waiting += children(pid)
        with suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::Actor"):
                found += [pid, *children(pid)]
    return found
