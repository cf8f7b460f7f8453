"""Memory: a limit while somebody else's library takes a foreign file apart; the most that a process has taken."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def growth_limited(most: int) -> Iterator[None]:
    """The process may take `most` more bytes of address space in the block; what asks for more gets a MemoryError.

    Where the system does not tell how many there are (macOS), nothing is limited.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = _address_space()
    if now and (before[0] == resource.RLIM_INFINITY or now + most < before[0]):
        resource.setrlimit(resource.RLIMIT_AS, (now + most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0


def peak_memory() -> dict[str, int]:
    """Bytes: the most of memory that this `process` has had in use since it began; of the `device` too, where torch has
    a GPU in use."""
    found = {"process": _resident_peak()}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        found["device"] = int(torch.cuda.max_memory_allocated())
    return found


def _resident_peak() -> int:
    """As Linux says it; elsewhere getrusage, which on Linux counts what a process was started from, too."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    said = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    unit = 1 if sys.platform == "darwin" else 1024
    return said[0] if said else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
