"""Sums of products in one order, each rounded to float32: what resampy's loop does, by NumPy or compiled.

Sums in another order, or rounded less often, have other last bits, and OpenL3 hears them (`audio.resample`). NumPy
needs four passes over memory for each term; numba (`pip install evalkit-audio[fast]`) makes one of them, in a sixth
of the time, and lets other threads run meanwhile. It is taken where it is installed, gives the very bits that NumPy
gives (tried once, in every process that compiles), and is worth the second that compiling takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Singles = NDArray[np.float32]

WORTH_COMPILING = 4_000_000
"""Output samples that one process converts before it compiles: four clips of 10 s in stereo."""

_PIECE = 1 << 11
"""Columns worked on at a time by NumPy: 64 times as many numbers stay in a processor's cache."""

Adder = Callable[[Singles, Doubles, int, int, int, Doubles, Doubles, Doubles], None]


@dataclass
class _Work:
    """What this process has converted so far, in whichever thread."""

    samples: int = 0
    lock: Lock = field(default_factory=Lock)


_work = _Work()


def adder(samples: int) -> Adder:
    """The function that adds one side of a filter, for a sound that will have this many output samples.

    It is called with `sums` (channels, columns) float32, which are added to; `inputs` (rows, channels, more columns);
    the row of the first term, the step to the next term's row (1 or -1) and the first column there; `past` (columns,),
    and `table` and `slope` (terms,): term k of column c is `(table[k] + past[c] * slope[k]) * input`, in float64.
    All arrays lie in C's order.
    """
    with _work.lock:
        _work.samples += samples
        found = compiled() if _work.samples > WORTH_COMPILING else None
    return found or add_by_numpy


def add_by_numpy(
    sums: Singles, inputs: Doubles, row: int, turn: int, first: int, past: Doubles, table: Doubles, slope: Doubles
) -> None:
    """The :func:`adder` that is always there."""
    rows = inputs[row::turn][: len(table)]
    for start in range(0, len(past), _PIECE):
        part = past[start : start + _PIECE]
        weights = part * slope[:, None]
        weights += table[:, None]
        rounded = sums[:, start : start + len(part)]
        exact = rounded.astype(np.float64)
        for term in weights[:, None] * rows[:, :, first + start : first + start + len(part)]:
            np.add(exact, term, out=exact)
            rounded[...] = exact
            exact[...] = rounded


@lru_cache(maxsize=1)
def compiled() -> Adder | None:
    """The same by numba; None where that is not installed, is switched off, or gives other bits here."""
    try:
        import numba

        if getattr(numba.config, "DISABLE_JIT", 0):
            return None
        doubles, one = "float64[::1]", "int64"
        kinds = ("float32[:,::1]", "float64[:,:,::1]", one, one, one, doubles, doubles, doubles)
        add: Adder = numba.njit(f"void({', '.join(kinds)})", nogil=True)(_add)
    except Exception:  # noqa: BLE001 - of another NumPy's time, without its library: whatever it is, NumPy does it too
        return None
    return add if _same_bits(add) else None


def _add(
    sums: Singles, inputs: Doubles, row: int, turn: int, first: int, past: Doubles, table: Doubles, slope: Doubles
) -> None:
    """Read by numba; each assignment to `total` rounds to float32."""
    for term in range(len(table)):
        weight, steepness = table[term], slope[term]
        for channel in range(sums.shape[0]):
            # Cut here, as an index that might be below 0 keeps the compiler from taking columns eight at a time.
            values, total = inputs[row + turn * term, channel, first : first + len(past)], sums[channel]
            for column in range(len(past)):
                total[column] = total[column] + (past[column] * steepness + weight) * values[column]


def _same_bits(add: Adder) -> bool:
    """A compiler that fused a product with its sum would round once instead of twice."""
    rng = np.random.default_rng(0)
    inputs, past = rng.uniform(-1, 1, (64, 2, 500)), rng.uniform(0, 1, 450)
    table, slope = rng.uniform(-1, 1, (2, 63))
    found = []
    for each in (add, add_by_numpy):
        sums = np.zeros((2, 450), np.float32)
        each(sums, inputs, 63, -1, 40, past, table, slope)
        each(sums, inputs, 1, 1, 40, past, table, slope)
        found.append(sums.tobytes())
    return found[0] == found[1]
