"""One process at a time at one thing: the others wait for it, where a run would refuse to start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.fetch.home import evalkit_home
from evalkit.store.lock import locked

_PAUSE = 0.2


@contextmanager
def waiting_lock(thing: str, told: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock of `thing` (any text) for the block; `told` hears once that there is a wait.

    Raises UserError where EVALKIT_HOME cannot be written.
    """
    path = evalkit_home() / "locks" / f"{digest_bytes(thing.encode())[:16]}.lock"
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(locked(path))
                break
            except UserError:
                if told is not None:
                    told(f"another evalkit is at work on {thing}; waiting for it")
                    told = None
                time.sleep(_PAUSE)
            except OSError as error:
                raise UserError(f"{path}: cannot be written: {error.strerror}", "is EVALKIT_HOME yours?") from None
        yield
