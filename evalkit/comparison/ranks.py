"""Which places each run of a board may hold.

Every two runs are compared (:mod:`comparison.difference`), and all comparisons of a board are one family
(:mod:`comparison.family`): what a board separates, `evalkit check` calls worse, one way round. Two that the gate would
not compare (:mod:`comparison.likeness`) are not separated here, and the reason is told in the gate's words.

A run's *rank set* then holds the places that cannot be excluded: from one more than the runs that are separated from it
and better, to all but those that are separated and worse (Mogstad, Romano, Shaikh and Wilhelm, "Inference for ranks",
Review of Economic Studies 2024). Runs that are not separated share places; a run is the best only where every other one
is separated from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from evalkit.comparison.difference import Difference
from evalkit.comparison.family import Meeting, judged, meet
from evalkit.comparison.record import Record, number

Pair = tuple[int, int]
"""Positions of two runs, the smaller one first; a difference is the first minus the second."""


@dataclass(frozen=True)
class Contest:
    """One metric of several runs: `sides` are those that take part, None for one that cannot be ranked, and `direction`
    says which side is better ("lower" or "higher"; of any other nobody is ranked). `given` are differences that were
    found elsewhere, as by listeners; the others are found here. `names` is what the runs are called, default their
    places."""

    metric: str
    sides: Sequence[Record | None]
    direction: str
    given: Mapping[Pair, Difference] | None = None
    names: Sequence[str] = ()


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
    """Of one metric: the `differences` of all pairs that can be compared with their p values `adjusted` for all of the
    board, and the `standings` of the runs, None for one that cannot be ranked. `unlike` says of the other pairs why
    they are not compared, and `told` of those that are how many sounds failed, where any did."""

    differences: Mapping[Pair, Difference]
    adjusted: Mapping[Pair, float]
    standings: Sequence[Standing | None]
    unlike: Mapping[Pair, str] = field(default_factory=dict)
    told: Mapping[Pair, str] = field(default_factory=dict)


def outcomes(contests: Sequence[Contest]) -> list[Outcome]:
    """What comes of each contest; the comparisons of all of them are one family."""
    places = [(at, pair) for at, contest in enumerate(contests) for pair in _pairs(contest)]
    family = judged([_met(contests[at], pair) for at, pair in places])
    found: list[dict[Pair, Meeting]] = [{} for _ in contests]
    for (at, pair), met in zip(places, family, strict=True):
        found[at][pair] = met
    return [_outcome(contest, met) for contest, met in zip(contests, found, strict=True)]


def _pairs(contest: Contest) -> list[Pair]:
    if contest.direction not in ("lower", "higher"):
        return []
    if contest.given is not None:
        return list(contest.given)
    valued = [at for at, side in enumerate(contest.sides) if side is not None and _has_value(side, contest.metric)]
    return list(combinations(valued, 2))


def _met(contest: Contest, pair: Pair) -> Meeting:
    if contest.given is not None:
        return Meeting(contest.metric, contest.direction, contest.given[pair])
    one, other = (contest.sides[place] for place in pair)
    assert one is not None and other is not None, "only those that take part are paired"
    first, second = (contest.names[place] if contest.names else f"run {place + 1}" for place in pair)
    return meet(contest.metric, one, other, (first, second))


def _has_value(side: Record, metric: str) -> bool:
    return number(side.metrics.get(metric, {}).get("value")) is not None


def _outcome(contest: Contest, met: Mapping[Pair, Meeting]) -> Outcome:
    return Outcome(
        differences={pair: each.found for pair, each in met.items() if each.found is not None},
        adjusted={pair: each.adjusted for pair, each in met.items() if each.adjusted is not None},
        standings=_standings(contest, met),
        unlike={pair: each.reason for pair, each in met.items() if each.reason},
        told={pair: each.told for pair, each in met.items() if each.told},
    )


def _standings(contest: Contest, met: Mapping[Pair, Meeting]) -> list[Standing | None]:
    """A run of which no comparison has an interval cannot be placed."""
    better: dict[int, set[int]] = {}
    known = {at for pair, each in met.items() for at in pair if _is_told(each)}
    for (first, second), each in met.items():
        if each.better is not None:
            winner, loser = (first, second) if each.better else (second, first)
            better.setdefault(loser, set()).add(winner)
    places: list[Standing | None] = []
    for at in range(len(contest.sides)):
        above = better.get(at, set()) & known
        below = {other for other in known if at in better.get(other, set())}
        tied = tuple(sorted(known - above - below - {at}))
        places.append(Standing(1 + len(above), len(known) - len(below), tied) if at in known else None)
    return places


def _is_told(met: Meeting) -> bool:
    return met.found is not None and (met.found.error is not None or met.found.alike)
