"""Comparisons that are read together, and what they tell apart.

Whoever looks at a table of comparisons looks at all of them, so they are one family: their p values are adjusted by
Holm's step-down, and with probability 0.95 none of what is told apart is not so. Two runs are told apart where the
adjusted p is at most 0.05 and the interval of their difference excludes zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalkit.comparison.difference import LEVEL, Difference, difference
from evalkit.comparison.likeness import GATE, Names, failures, unlike
from evalkit.comparison.record import Record


@dataclass(frozen=True)
class Meeting:
    """One run held against another in a metric: `found` is the one minus the other, with its p `adjusted` for the
    family; None where they cannot be compared, and `reason` says why. `told` is what is to be known of it: the sounds
    that failed on either side. `better` says whether the one is better (True), the other (False), or neither is told to
    be (None)."""

    metric: str
    direction: str
    found: Difference | None
    reason: str = ""
    told: str = ""
    adjusted: float | None = None
    better: bool | None = None


def meet(metric: str, run: Record, baseline: Record, names: Names = GATE) -> Meeting:
    """The two in a metric; `names` is what they are called."""
    score = run.metrics.get(metric) or baseline.metrics.get(metric) or {}
    direction, reason = str(score.get("direction") or ""), unlike(metric, run, baseline, names)
    if reason:
        return Meeting(metric, direction, None, reason)
    told = failures(metric, run, baseline, names)
    return Meeting(metric, direction, difference(metric, run, baseline), told=told)


def judged(family: Sequence[Meeting]) -> list[Meeting]:
    """The same, each with its adjusted p and the side that is better."""
    from evalkit.stats.paired import holm

    known = [_p(each.found) for each in family if each.found is not None]
    adjusted = iter(holm(known) if known else [])
    return [each if each.found is None else _judged(each, each.found, next(adjusted)) for each in family]


def separated(found: Difference, adjusted: float) -> bool:
    """Are two runs told apart?"""
    return found.is_clear and adjusted <= 1 - LEVEL


def _judged(each: Meeting, found: Difference, adjusted: float) -> Meeting:
    better = (found.value > 0) == (each.direction == "higher") if separated(found, adjusted) else None
    return replace(each, adjusted=adjusted, better=better)


def _p(found: Difference) -> float:
    """1 where it cannot be told: nothing is claimed of such a pair, and it weighs on no other."""
    return 1.0 if found.p is None or math.isnan(found.p) else found.p
