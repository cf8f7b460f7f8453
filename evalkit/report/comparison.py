"""The page of `evalkit compare`: the runs' board, the table of their differences, and players of what moved most.

It is the report's page with another choice of prompts: those on which the runs differ most, each way, in any metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.comparison.pairs import Pair, moved
from evalkit.core.files import write_bytes
from evalkit.report.cards import meaning
from evalkit.report.entrants import Entrant
from evalkit.report.made_of import made_of
from evalkit.report.page import render
from evalkit.report.text import MISSING, figure
from evalkit.report.view import ReportView, build

_EACH_WAY = 4
_MOST = 24


@dataclass(frozen=True)
class Difference:
    """One row of the table, in words; `of` is what it tells of, its metric and both runs, as the page's choice of what
    is hidden names them."""

    of: str
    title: str
    direction: str
    between: str
    value: str
    interval: str
    p: str
    finding: str
    separated: bool


@dataclass(frozen=True)
class Table:
    """The differences, and who the letters in them are."""

    entrants: Sequence[Entrant]
    rows: Sequence[Difference]


def write_comparison(entrants: Sequence[Entrant], pairs: Sequence[Pair], out: Path) -> None:
    """Write the page. Raises CannotWrite where the disk refuses it."""
    records = [entrant.record for entrant in entrants]
    view = build(records, "sample", (), choice=_most_moved(entrants, pairs))
    names = _names(view, entrants)
    rows = tuple(_row(entrants, pair, names) for pair in pairs)
    told = made_of((record.digest for record in records), (record.suite.digest for record in records))
    write_bytes(out, render(view, told, Table(entrants, rows)).encode("utf-8"))


def _names(view: ReportView, entrants: Sequence[Entrant]) -> list[tuple[str, str]]:
    """(board's anchor, letter there) of each run: runs of several suites have a board each, with letters of its own."""
    records = [entrant.record for entrant in entrants]
    found = {
        next(place for place, record in enumerate(records) if record is own.record): (section.anchor, own.key)
        for section in view.sections
        for own in section.board.entrants
    }
    return [found[place] for place in range(len(records))]


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


def _row(entrants: Sequence[Entrant], pair: Pair, names: Sequence[tuple[str, str]]) -> Difference:
    one, other = entrants[pair.first], entrants[pair.second]
    between = f"{other.key} − {one.key}"
    like = next((e.like for each in (one, other) if (e := each.record.scores.get(pair.metric)) and e.like), "")
    head = _of(pair, names), meaning(pair.metric, like).title, pair.direction, between
    if pair.found is None:
        return Difference(*head, MISSING, MISSING, MISSING, f"not comparable: {pair.reason}", False)
    low, high = pair.found.low, pair.found.high
    interval = MISSING if low is None or high is None else f"{figure(low, 3)} to {figure(high, 3)}"
    p = figure(pair.adjusted, 2)
    finding = "not separated" if pair.better is None else f"{entrants[pair.better].key} is better"
    finding = "; ".join(filter(None, (finding, pair.told)))
    return Difference(*head, figure(pair.found.value, 3), interval, p, finding, pair.better is not None)


def _of(pair: Pair, names: Sequence[tuple[str, str]]) -> str:
    both = names[pair.first], names[pair.second]
    return " ".join(f"{anchor}.{name}" for anchor, key in both for name in (key, pair.metric))
