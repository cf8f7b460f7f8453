"""A limit on memory while somebody else's library takes a foreign file apart."""

from __future__ import annotations

import resource
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
