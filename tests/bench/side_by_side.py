"""Several libraries at the same work in turning order, and how many times longer each takes than evalkit."""

from __future__ import annotations

import contextlib
import io
import statistics
from collections.abc import Callable

import torch


def rounds(sides: dict[str, Callable[[], object]], count: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of each side in each round; the order turns, and one round before is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    order = list(sides)
    for index in range(count + 1):
        for name in order[index % len(order) :] + order[: index % len(order)]:
            started = clock()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                sides[name]()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if index:
                seconds[name].append(clock() - started)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str) -> float:
    """How many times longer `name` takes than evalkit: the median over rounds."""
    return statistics.median(theirs / ours for theirs, ours in zip(seconds[name], seconds["evalkit"], strict=True))
