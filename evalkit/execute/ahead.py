"""What a device will need next is made while it works: by threads, in order, and only one chunk ahead.

A GPU embeds a clip in milliseconds, for which decoding, resampling and OpenL3's decibels take a core a quarter of a
second. These spend their time in C, which lets other threads run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar


class Keyed(Protocol):
    @property
    def key(self) -> str:
        """The name of a thing within its chunk."""
        ...


Thing = TypeVar("Thing", bound=Keyed)


def ahead(
    chunks: Iterable[Sequence[Thing]], make: Callable[[Thing], Any], threads: int
) -> Iterator[tuple[Sequence[Thing], Mapping[str, Future[Any]]]]:
    """Each chunk in its turn, with {key: what `make` makes of it}, which may be on its way still.

    Memory holds what is made of two chunks. What `make` raises is raised where the result is asked for. `chunks` is
    read by the caller's thread; where that stops early, what was not begun is not made.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="evalkit-ahead")
    waiting: deque[tuple[Sequence[Thing], Mapping[str, Future[Any]]]] = deque()
    try:
        for chunk in chunks:
            waiting.append((chunk, {thing.key: pool.submit(make, thing) for thing in chunk}))
            if len(waiting) == 2:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
