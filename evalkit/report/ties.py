"""Which runs of a leaderboard can be told apart, and which ranks each of them may hold.

Two runs whose intervals overlap are not separated: they are tied. A run's rank is the span from the best
place it may hold (one more than the runs that are clearly better) to the worst (all but those clearly
worse). Tied runs always share places, a run is called the best only where every other one is clearly worse,
and a long chain of overlaps does not tie its two ends, as one common rank for all of it would. The rule is
careful: a paired test on the same prompts often separates runs that are tied here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """`best` and `worst` places from 1; `tied` holds the positions of the runs that this one overlaps."""

    best: int
    worst: int
    tied: tuple[int, ...]

    @property
    def text(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"


def standings(intervals: Sequence[tuple[float, float] | None], direction: str) -> list[Standing | None]:
    """The standing of each run from its interval (low, high); `direction` is "lower" or "higher".

    None for a run without an interval, which cannot be placed, and for all runs where the direction is
    unknown. Intervals that only touch count as overlapping.
    """
    if direction not in ("lower", "higher"):
        return [None] * len(intervals)
    spans = {
        place: span if direction == "lower" else (-span[1], -span[0])
        for place, span in enumerate(intervals)
        if span is not None
    }
    return [_standing(place, spans) if place in spans else None for place in range(len(intervals))]


def _standing(place: int, spans: dict[int, tuple[float, float]]) -> Standing:
    low, high = spans[place]
    better = sum(other[1] < low for other in spans.values())
    worse = sum(other[0] > high for other in spans.values())
    tied = tuple(other for other, span in spans.items() if other != place and span[0] <= high and low <= span[1])
    return Standing(1 + better, len(spans) - worse, tied)
