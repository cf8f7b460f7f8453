"""Scores of parts of the prompts: by label, by length of the caption, by length of the sound, by source.

A metric with a value per prompt is the mean of a slice's prompts, with the interval of a mean over sources; of two runs
the difference is the paired one of `comparison/difference.py`, adjusted by Holm over all slices and metrics of the
table. A distance of sets is not sliced: it moves with n, and a slice has few. A slice of less sources than
an interval takes is marked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.comparison.difference import Difference, difference, is_mean_of_prompts
from evalkit.comparison.record import Record
from evalkit.core.errors import unknown_name
from evalkit.report.board import Board, Column
from evalkit.report.records import Item
from evalkit.report.tables import ARROWS, Sheet
from evalkit.report.text import fixed

BY = ("labels", "words", "seconds")
BINS = 4
NO_LABEL = "(no label)"
SMALL = " *"
"""The mark of a slice that is too small for an interval."""


@dataclass(frozen=True)
class Slice:
    """One metric in one slice: by run (in the board's order) the mean with its ends and n, and, of two runs, the first
    minus the second with its p adjusted over the whole table (None where none can be told)."""

    metric: str
    name: str
    means: tuple[tuple[float, float | None, float | None, int], ...]
    difference: Difference | None
    p: float | None


def require_known(by: str) -> None:
    """Raises UserError for a `by` that there is not."""
    if by not in BY:
        raise unknown_name("slices", by, BY)


def slices(board: Board, by: str) -> tuple[Slice, ...]:
    """Every headline metric that has a value per prompt, in every slice. Raises UserError for an unknown `by`."""
    require_known(by)
    sides = [entrant.record.side for entrant in board.entrants]
    known = [side for side in sides if side is not None]
    if not known or len(known) < len(sides):
        return ()
    parts = _parts(board.entrants[0].record.items, by)
    found = [each for column in _sliced(board, known) for each in _of_metric(column, parts, known)]
    return _adjusted(found)


def told(board: Board, by: str) -> tuple[tuple[Sheet, ...], tuple[str, ...]]:
    """One table a metric, and what is to be known of them."""
    found = slices(board, by)
    keys = [entrant.key for entrant in board.entrants]
    sheets = []
    for column in board.columns:
        mine = [each for each in found if each.metric == column.metric]
        if not mine:
            continue
        head = (by, *(f"{key} (n)" for key in keys), *(["A − B, p"] if len(keys) == 2 else []))
        rows = tuple(_row(each, column) for each in mine)
        sheets.append(Sheet(f"{column.meaning.title} {ARROWS[column.direction]} by {by}".strip(), head, rows))
    return tuple(sheets), _notes(board, by, found)


def records(board: Board, by: str) -> list[dict[str, object]]:
    """One flat record per metric, slice and run; of two runs the first carries their difference."""
    found: list[dict[str, object]] = []
    for each in slices(board, by):
        for place, (value, low, high, n) in enumerate(each.means):
            run = board.entrants[place].record.run_id
            gap = each.difference if place == 0 else None
            ends = (gap.value, gap.low, gap.high, each.p) if gap else (None, None, None, None)
            names = ("difference", "difference_low", "difference_high", "p_adjusted")
            known: dict[str, object] = {"metric": each.metric, "by": by, "slice": each.name, "run": run}
            known |= {"value": value, "low": low, "high": high, "n": n}
            found.append({**known, **dict(zip(names, ends, strict=True))})
    return found


def _parts(items: Sequence[Item], by: str) -> Mapping[str, frozenset[str]]:
    """{slice: ids of its prompts}; labels by name, numbers in quantiles."""
    if by == "labels":
        named: dict[str, set[str]] = {}
        for item in items:
            for label in item.labels or (NO_LABEL,):
                named.setdefault(label or NO_LABEL, set()).add(item.id)
        return {name: frozenset(named[name]) for name in sorted(named)}
    if by == "words":
        return quantiles({item.id: float(len(item.prompt.split())) for item in items})
    return quantiles({item.id: item.seconds for item in items if item.seconds is not None})


def quantiles(values: Mapping[str, float]) -> Mapping[str, frozenset[str]]:
    """At most `BINS` slices of about as many prompts; equal values are never parted. A slice is named by its least and
    its largest value."""
    ordered = sorted(values.values())
    edges = sorted(
        {ordered[math.ceil(len(ordered) * part / BINS) - 1] for part in range(1, BINS + 1)} if ordered else ()
    )
    found: dict[str, frozenset[str]] = {}
    before = -math.inf
    for edge in edges:
        inside = {key: value for key, value in values.items() if before < value <= edge}
        low, high = min(inside.values()), max(inside.values())
        found[_plain(low) if low == high else f"{_plain(low)} to {_plain(high)}"] = frozenset(inside)
        before = edge
    return found


def _plain(value: float) -> str:
    """Short where that is exact, so that no two values have one name."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _sliced(board: Board, sides: Sequence[Record]) -> list[Column]:
    return [
        column
        for column in board.columns
        if all(
            column.metric in side.metrics and is_mean_of_prompts(side.metrics[column.metric], side.samples)
            for side in sides
        )
    ]


def _of_metric(column: Column, parts: Mapping[str, frozenset[str]], sides: Sequence[Record]) -> list[Slice]:
    found = []
    for name, ids in parts.items():
        within = [_within(side, column.metric, ids) for side in sides]
        if not all(side.metrics[column.metric]["per_prompt"] for side in within):
            continue
        gap = difference(column.metric, within[0], within[1]) if len(within) == 2 else None
        found.append(Slice(column.metric, name, tuple(_mean(side, column.metric) for side in within), gap, None))
    return found


def _within(side: Record, metric: str, ids: frozenset[str]) -> Record:
    """The side as if it had these prompts alone; what belongs to all of them (its folds, its error) is gone."""
    values = {key: value for key, value in side.metrics[metric]["per_prompt"].items() if key in ids}
    mean = math.fsum(values.values()) / len(values) if values else math.nan
    score = {"value": mean, "per_prompt": values, "n": len(values), "n_failed": None}
    return replace(side, metrics={metric: score})


def _mean(side: Record, metric: str) -> tuple[float, float | None, float | None, int]:
    from evalkit.stats.intervals import clustered_mean

    values = side.metrics[metric]["per_prompt"]
    ends = clustered_mean(list(values.values()), [side.groups.get(key, key) for key in values])
    low, high = (ends.low, ends.high) if ends else (None, None)
    return side.metrics[metric]["value"], low, high, len(values)


def _adjusted(found: Sequence[Slice]) -> tuple[Slice, ...]:
    from evalkit.stats.paired import holm

    tested = [each for each in found if each.difference is not None and each.difference.p is not None]
    safe = iter(holm([each.difference.p or 0.0 for each in tested if each.difference]) if tested else ())
    return tuple(replace(each, p=next(safe)) if each in tested else each for each in found)


def _row(each: Slice, column: Column) -> tuple[str, ...]:
    def number(value: float, low: float | None, high: float | None) -> str:
        ends = f" [{fixed(low, column.places)}, {fixed(high, column.places)}]" if low is not None else ""
        return f"{fixed(value, column.places)}{ends}"

    small = SMALL if any(low is None for _, low, _, _ in each.means) else ""
    cells = [f"{number(value, low, high)} ({n})" for value, low, high, n in each.means]
    if each.difference is not None:
        gap = each.difference
        cells.append(number(gap.value, gap.low, gap.high) + (f", {each.p:.2g}" if each.p is not None else ""))
    return (f"{each.name}{small}", *cells)


def _notes(board: Board, by: str, found: Sequence[Slice]) -> tuple[str, ...]:
    if not found:
        return (f"nothing is sliced by {by}: no headline metric has values by prompt for every run",)
    whole = [column.meaning.title for column in board.columns if column.metric not in {each.metric for each in found}]
    notes = (
        [f"not sliced, as no mean of prompts (a distance of sets moves with n): {', '.join(whole)}"] if whole else []
    )
    if by == "labels":
        notes.append("a prompt with several labels is in the slice of each")
    else:
        notes.append(f"slices by {by} are quantiles: at most {BINS}, equal values together")
    if any(low is None for each in found for _, low, _, _ in each.means):
        notes.append(f"{SMALL.strip()} too small for an interval: under 5 sources, or all values equal")
    if len(board.entrants) == 2:
        notes.append("p of a difference is adjusted by Holm over all slices of all metrics here; intervals are not")
    else:
        notes.append("nothing is corrected for the number of slices")
    return tuple(notes)
