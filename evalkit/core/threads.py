"""How many threads a network computes with: what a run says, not what the machine happens to have.

The number of threads decides the last bits of a sum that is shared among them: a sound made with two threads is not, to
the byte, the one made with one. A run therefore has a number of its own, one where nobody says otherwise: with any
number of workers, and of cores, its sounds are the same, and workers are what uses further cores.

More threads than idle cores used to cost ten times the work: the OpenMP library that torch brings (libgomp) has a
thread that waits for the others run in circles, 300,000 times, as long as it believes that each has a core. On a busy
machine the one it waits for does not even run. With OMP_WAIT_POLICY=PASSIVE it sleeps instead; that is set where nobody
has set another.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from evalkit.core.cores import visible

DEFAULT = 1
_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""What says how a thread waits for others."""
_LINEAR_ALGEBRA = "OPENBLAS_NUM_THREADS"


def default() -> int:
    """OMP_NUM_THREADS, where somebody has set it to a number; else one."""
    return _number("OMP_NUM_THREADS") or DEFAULT


def settle() -> None:
    """For a process that is evalkit's own, before any library has looked: threads wait asleep, and NumPy's linear
    algebra has as many as a run, not as the machine."""
    os.environ.setdefault(_LINEAR_ALGEBRA, str(default()))
    os.environ.update(_waiting())


def environment(threads: int) -> dict[str, str]:
    """Variables for a worker that is to compute as this process does within `limited_to(threads)`."""
    algebra = _number(_LINEAR_ALGEBRA) or _number("OMP_NUM_THREADS") or visible()
    return {**dict.fromkeys(_COUNTS, str(threads)), _LINEAR_ALGEBRA: str(algebra), **_waiting()}


@contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """For the block, torch computes with this many threads, whether it is imported already or in the block, and so do
    programs that are started in it. All is as it was afterwards: the process may be somebody's training."""
    values = environment(threads)
    before = {name: os.environ.get(name) for name in values}
    usual = _number("OMP_NUM_THREADS") or visible()
    torch = sys.modules.get("torch")
    if torch is not None:
        usual = torch.get_num_threads()
        torch.set_num_threads(threads)
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.set_num_threads(usual)


def _waiting() -> Mapping[str, str]:
    return {} if any(name in os.environ for name in WAITING) else {"OMP_WAIT_POLICY": "PASSIVE"}


def _number(name: str) -> int | None:
    """The variable as a number of threads; OpenMP takes the first of a list, one for each level of nesting."""
    first = os.environ.get(name, "").partition(",")[0].strip()
    return int(first) if first.isascii() and first.isdigit() and int(first) > 0 else None
