"""Which places each run of a board may hold.

Every two runs are compared (:mod:`comparison.difference`), and all comparisons of a board are one family: their p
values are adjusted by Holm's step-down, so that with probability 0.95 none of its separations is false. Two runs are
separated where the adjusted p is at most 0.05 and the interval of their difference excludes zero: what a board
separates, `evalkit check` calls worse, one way round.

A run's *rank set* then holds the places that cannot be excluded: from one more than the runs that are separated from it
and better, to all but those that are separated and worse (Mogstad, Romano, Shaikh and Wilhelm, "Inference for ranks",
Review of Economic Studies 2024). Runs that are not separated share places; a run is the best only where every other one
is separated from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from evalkit.comparison.difference import LEVEL, Difference, difference
from evalkit.comparison.record import Record, number

Pair = tuple[int, int]
"""Positions of two runs, the smaller one first; a difference is the first minus the second."""


@dataclass(frozen=True)
class Contest:
    """One metric of several runs: `sides` are those that take part, None for one that cannot be ranked, and `direction`
    says which side is better ("lower" or "higher"; of any other nobody is ranked). `given` are differences that were
    found elsewhere, as by listeners; the others are found here."""

    metric: str
    sides: Sequence[Record | None]
    direction: str
    given: Mapping[Pair, Difference] | None = None


@dataclass(frozen=True)
class Standing:
    """`best` and `worst` places from 1; `tied` holds the positions of the runs that this one is not separated from."""

    best: int
    worst: int
    tied: tuple[int, ...]

    @property
    def text(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"


@dataclass(frozen=True)
class Outcome:
    """Of one metric: the `differences` of all pairs with their p values `adjusted` for all of the board, and the
    `standings` of the runs, None for one that cannot be ranked."""

    differences: Mapping[Pair, Difference]
    adjusted: Mapping[Pair, float]
    standings: Sequence[Standing | None]


def outcomes(contests: Sequence[Contest]) -> list[Outcome]:
    """What comes of each contest; the comparisons of all of them are one family."""
    found = [_differences(each) for each in contests]
    keys = [(at, pair) for at, differences in enumerate(found) for pair in differences]
    adjusted = dict(zip(keys, adjusted_p([found[at][pair] for at, pair in keys]), strict=True))
    told = []
    for at, (contest, differences) in enumerate(zip(contests, found, strict=True)):
        own = {pair: adjusted[at, pair] for pair in differences}
        told.append(Outcome(differences, own, _standings(contest, differences, own)))
    return told


def adjusted_p(family: Sequence[Difference]) -> list[float]:
    """The p values of comparisons that are read together, after Holm."""
    from evalkit.stats.paired import holm

    return holm([_p(each) for each in family]) if family else []


def separated(found: Difference, adjusted: float) -> bool:
    """Are two runs separated?"""
    return found.is_clear and adjusted <= 1 - LEVEL


def _differences(contest: Contest) -> dict[Pair, Difference]:
    if contest.direction not in ("lower", "higher"):
        return {}
    if contest.given is not None:
        return dict(contest.given)
    ranked = [
        at for at, side in enumerate(contest.sides) if side is not None and _value(side, contest.metric) is not None
    ]
    found = {}
    for first, second in combinations(ranked, 2):
        one, other = contest.sides[first], contest.sides[second]
        if one is not None and other is not None:
            found[first, second] = difference(contest.metric, one, other)
    return found


def _value(side: Record, metric: str) -> float | None:
    return number(side.metrics.get(metric, {}).get("value"))


def _p(found: Difference) -> float:
    """1 where it cannot be told: nothing is claimed of such a pair, and it weighs on no other."""
    return 1.0 if found.p is None or math.isnan(found.p) else found.p


def _standings(
    contest: Contest, differences: Mapping[Pair, Difference], adjusted: Mapping[Pair, float]
) -> list[Standing | None]:
    """A run of which no comparison has an interval cannot be placed."""
    better: dict[int, set[int]] = {}
    known = {at for pair, found in differences.items() for at in pair if found.error is not None or found.alike}
    for (first, second), found in differences.items():
        if separated(found, adjusted[first, second]):
            ahead = (found.value < 0) == (contest.direction == "lower")
            winner, loser = (first, second) if ahead else (second, first)
            better.setdefault(loser, set()).add(winner)
    places: list[Standing | None] = []
    for at in range(len(contest.sides)):
        above = better.get(at, set()) & known
        below = {other for other in known if at in better.get(other, set())}
        tied = tuple(sorted(known - above - below - {at}))
        places.append(Standing(1 + len(above), len(known) - len(below), tied) if at in known else None)
    return places
