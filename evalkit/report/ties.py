"""Which runs of a leaderboard can be told apart, and which share a rank.

Two runs whose intervals overlap are not separated. Runs are put in order, and a new rank starts only
where an interval lies wholly beyond all those before it; so everything that is linked by a chain of
overlaps shares one rank, and no run is called the best inside a tie. The rule is careful: a paired test on
the same prompts often separates runs that share a rank here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """`rank` counts from 1 = best; `tied` holds the positions of the other runs of the same rank."""

    rank: int
    tied: tuple[int, ...]


def standings(intervals: Sequence[tuple[float, float] | None], direction: str) -> list[Standing | None]:
    """The standing of each run from its interval (low, high); `direction` is "lower" or "higher".

    None for a run without an interval, which cannot be placed, and for all runs where the direction is
    unknown.
    """
    if direction not in ("lower", "higher"):
        return [None] * len(intervals)
    spans = {
        place: span if direction == "lower" else (-span[1], -span[0])
        for place, span in enumerate(intervals)
        if span is not None
    }
    found: list[Standing | None] = [None] * len(intervals)
    ahead = 0
    for group in _chains(spans):
        for place in group:
            found[place] = Standing(ahead + 1, tuple(other for other in group if other != place))
        ahead += len(group)
    return found


def _chains(spans: dict[int, tuple[float, float]]) -> list[list[int]]:
    """Positions in groups linked by overlap, lowest group first; touching ends count as overlap."""
    groups: list[list[int]] = []
    reach = float("-inf")
    for place in sorted(spans, key=lambda place: spans[place]):
        low, high = spans[place]
        if groups and low <= reach:
            groups[-1].append(place)
        else:
            groups.append([place])
        reach = max(reach, high)
    return [sorted(group) for group in groups]
