"""What a board says of its pairs of runs: which are not compared, and over what those are of which sounds failed."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.comparison.ranks import Outcome
from evalkit.report.entrants import Entrant

_MOST = 3
"""Pairs of one metric that are named one by one, where they cannot be compared."""


def told_of_pairs(titles: Sequence[str], outcomes: Sequence[Outcome], entrants: Sequence[Entrant]) -> list[str]:
    """A sentence each, in the words of the gate; `titles` is what the metrics are called, one for each outcome."""
    told = []
    for title, outcome in zip(titles, outcomes, strict=True):
        for (first, second), reason in list(outcome.unlike.items())[:_MOST]:
            told.append(f"{title}: {entrants[first].key} and {entrants[second].key} are not compared: {reason}")
        if len(outcome.unlike) > _MOST:
            told.append(f"{title}: nor are {len(outcome.unlike) - _MOST} more pairs of runs")
        fewer = {place for pair in outcome.told if _scored_others(entrants, pair) for place in pair}
        failed = [_failed(entrants[place]) for place in sorted(fewer)]
        if failed:
            over = "each two are compared over the prompts that both have, as sounds failed"
            told.append(f"{title}: {over}: {', '.join(failed)}")
    return told


def _failed(entrant: Entrant) -> str:
    return f"{entrant.failed} of {len(entrant.record.items)} of {entrant.key}"


def _scored_others(entrants: Sequence[Entrant], pair: tuple[int, int]) -> bool:
    """Were other prompts scored of the one run than of the other?"""
    one, other = (entrants[place].record.side for place in pair)
    return one is not None and other is not None and one.groups.keys() != other.groups.keys()
