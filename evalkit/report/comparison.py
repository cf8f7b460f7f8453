"""The page of `evalkit compare`: the runs' board, the table of their differences, and players of what moved most.

It is the report's page with another choice of prompts: those on which the runs differ most, each way, in any metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.comparison.pairs import Pair, moved
from evalkit.core.files import write_bytes
from evalkit.report.entrants import Entrant
from evalkit.report.made_of import made_of
from evalkit.report.page import render
from evalkit.report.text import MISSING, figure
from evalkit.report.view import build

_EACH_WAY = 4
_MOST = 24


@dataclass(frozen=True)
class Difference:
    """One row of the table, in words."""

    title: str
    between: str
    value: str
    interval: str
    p: str
    finding: str
    separated: bool


def write_comparison(entrants: Sequence[Entrant], pairs: Sequence[Pair], out: Path) -> None:
    """Write the page. Raises CannotWrite where the disk refuses it."""
    records = [entrant.record for entrant in entrants]
    view = build(records, "sample", (), choice=_most_moved(entrants, pairs))
    rows = tuple(_row(entrants, pair) for pair in pairs)
    told = made_of((record.digest for record in records), (record.suite.digest for record in records))
    write_bytes(out, render(view, told, rows).encode("utf-8"))


def _most_moved(entrants: Sequence[Entrant], pairs: Sequence[Pair]) -> frozenset[str]:
    """The ids of the prompts that moved most, a few of each comparison and way."""
    steps = []
    for pair in pairs:
        one, other = entrants[pair.first].record.side, entrants[pair.second].record.side
        if pair.found is not None and one is not None and other is not None:
            steps.append(moved(one, other, pair.metric))
    chosen: dict[str, None] = {}
    for place in range(_EACH_WAY):
        for found in steps:
            for step in (*found[place : place + 1], *found[len(found) - 1 - place : len(found) - place]):
                chosen.setdefault(step[0])
    return frozenset(list(chosen)[:_MOST])


def _row(entrants: Sequence[Entrant], pair: Pair) -> Difference:
    between = f"{entrants[pair.second].key} − {entrants[pair.first].key}"
    title = f"{pair.metric}, {pair.direction} is better" if pair.direction else pair.metric
    if pair.found is None:
        return Difference(title, between, MISSING, MISSING, MISSING, f"not comparable: {pair.reason}", False)
    low, high = pair.found.low, pair.found.high
    interval = MISSING if low is None or high is None else f"{figure(low, 3)} to {figure(high, 3)}"
    p = MISSING if pair.adjusted is None else f"{pair.adjusted:.2g}"
    finding = "not separated" if pair.better is None else f"{entrants[pair.better].key} is better"
    finding = "; ".join(filter(None, (finding, pair.told)))
    return Difference(title, between, figure(pair.found.value, 3), interval, p, finding, pair.better is not None)
