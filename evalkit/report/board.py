"""The leaderboard as plain data: which runs share a table, its columns, its cells and their standing.

Runs share a table only where suite, version, digest, protocol, size and the set of prompts all agree, so a
mini number never stands beside a full one, nor a distance over 8 clips beside one over 64; and a network with
random weights, which was run to see how fast it is, stands beside no model. Inside a table a
column is one metric under one protocol with one set of weights: where two runs scored a metric differently,
they get two columns.

Headline metrics rank, by paired comparisons of every two runs (:mod:`evalkit.comparison.ranks`); further measures stand
in a table of their own and rank nothing. Where a metric moves with n, only runs of one n are ranked against each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalkit.comparison.ranks import Contest, Outcome, Standing, outcomes
from evalkit.core.text import count, short_digest
from evalkit.protocols.base import Protocol, protocol_of
from evalkit.report.cards import Meaning, left_out_told, meaning
from evalkit.report.entrants import Entrant, entrants_of
from evalkit.report.notes import Notes, Warned, notes_of
from evalkit.report.overlaps import overlaps_of
from evalkit.report.pairs import told_of_pairs
from evalkit.report.paper import CitedRow, figures_beside, heading_of, place_of
from evalkit.report.published import Figure
from evalkit.report.records import Estimate, RunRecord
from evalkit.report.text import MISSING, decimals, fixed
from evalkit.suites.anchors import Anchor, known_anchors, on_scale

if TYPE_CHECKING:
    from evalkit.report.ears import Ears

RANDOM = "random"
"""The size of a model whose weights are random."""

_UNLIKE = "cannot be compared with others: its files do not say which prompts were scored"
_UNFINISHED = "; figures of before, if there are any, are not shown"


@dataclass(frozen=True)
class Track:
    """An interval drawn on its column's common scale: positions in [0, 1]."""

    low: float
    value: float
    high: float


@dataclass(frozen=True)
class Cell:
    """One run's number under one column. `text` is "n/a" for NaN; `estimate` is None where the run has no
    such score; `tied` names the runs that it is not separated from; `best` only where it is separated from every other
    one; `apart` says that it has another n than the runs that are ranked, and is not ranked against them."""

    estimate: Estimate | None
    text: str
    interval: str
    standing: Standing | None
    tied: tuple[str, ...]
    best: bool
    apart: bool
    track: Track | None
    notes: tuple[int, ...]


@dataclass(frozen=True)
class Column:
    """One metric under one protocol, one set of weights and, where it is somebody's own, one `code`; `unequal` says
    that n differs between its runs. `anchors` are the marks on this very scale, and on no other."""

    metric: str
    protocol: str
    weights: str
    code: str
    direction: str
    meaning: Meaning
    level: float | None
    places: int
    headline: bool
    unequal: bool
    anchors: tuple[Anchor, ...] = ()


@dataclass(frozen=True)
class Row:
    """A run's `cells` under the board's `columns`, and its `further` cells under the board's further ones."""

    entrant: Entrant
    cells: tuple[Cell, ...]
    further: tuple[Cell, ...]


@dataclass(frozen=True)
class Board:
    """One table. `columns` are the headline metrics, `further` the other measures; `cited` the published rows
    that belong here. `outcomes` says for each of `columns` how the runs compare, by their places in `entrants`.
    `told` is what a paper's table says of itself, its source first, and which of its columns are missing.
    `notes`, numbered from 1 as the cells name them, are what is to be known of its unfinished runs, the warnings of its
    scores, and which metrics its suite goes without."""

    title: str
    suite: str
    version: str
    protocol: str
    size: str
    digest: str
    prompts: int
    columns: tuple[Column, ...]
    further: tuple[Column, ...]
    rows: tuple[Row, ...]
    cited: tuple[CitedRow, ...]
    outcomes: tuple[Outcome, ...]
    told: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def comparisons(self) -> int:
        """How many comparisons of two runs the board has; their p values are adjusted for all of them."""
        return sum(len(each.differences) for each in self.outcomes)

    @property
    def entrants(self) -> tuple[Entrant, ...]:
        """The runs in the order they were given, whatever the table is sorted by."""
        return tuple(sorted((row.entrant for row in self.rows), key=lambda entrant: entrant.place))


def boards(
    records: Sequence[RunRecord], published: Sequence[Figure] = (), ears: Ears | None = None
) -> tuple[Board, ...]:
    """One board per set of comparable runs, in the order in which the runs were given; `published` are the
    figures of papers to choose from, `ears` what listeners said of the runs: columns like any other."""
    if ears is not None:
        records = [ears.beside(record) for record in records]
    groups: dict[tuple[object, ...], list[RunRecord]] = {}
    for record in records:
        suite, prompts = record.suite, frozenset(item.id for item in record.items)
        key = (suite.name, suite.version, suite.digest, suite.protocol, suite.size, prompts, _random(record))
        groups.setdefault(key, []).append(record)
    return tuple(_board(group, published, ears) for group in groups.values())


def _random(record: RunRecord) -> bool:
    return record.model.get("size") == RANDOM


def _board(records: Sequence[RunRecord], published: Sequence[Figure], ears: Ears | None) -> Board:
    suite = records[0].suite
    entrants = entrants_of(records)
    table, size = protocol_of(suite.protocol), RANDOM if _random(records[0]) else suite.size
    columns, further = _columns(records, ears, known_anchors(suite.digest), table)
    found = outcomes([_contest(column, entrants, ears) for column in columns])
    notes = notes_of(_warned((*columns, *further), entrants), [each.key for each in entrants], _of_runs(entrants))
    papers, differs = figures_beside(records, columns, published, table, size)
    missing = tuple(left_out_told(suite.left_out, table))
    return Board(
        title=suite.title or suite.name or "unnamed suite",
        suite=suite.name,
        version=suite.version,
        protocol=suite.protocol,
        size=size,
        digest=suite.digest,
        prompts=len({item.id for item in records[0].items}),
        columns=columns,
        further=further,
        rows=_rows(columns, further, entrants, found, notes),
        cited=papers,
        outcomes=tuple(found),
        told=() if table is None else (*table.told, *missing, *filter(None, (differs,))),
        notes=(
            *notes.texts,
            *told_of_pairs([column.meaning.title for column in columns], found, entrants),
            *(missing if table is None else ()),
        ),
    )


def _rows(
    columns: Sequence[Column],
    further: Sequence[Column],
    entrants: Sequence[Entrant],
    found: Sequence[Outcome],
    notes: Notes,
) -> tuple[Row, ...]:
    """The runs, the best of the first column first."""
    ranked: list[tuple[Column, Outcome | None]] = [
        *zip(columns, found, strict=True),
        *((each, None) for each in further),
    ]
    cells = [
        _cells(column, entrants, [notes.numbers.get((place, each.key), ()) for each in entrants], outcome)
        for place, (column, outcome) in enumerate(ranked)
    ]
    rows = []
    for place, entrant in enumerate(entrants):
        own = tuple(each[place] for each in cells)
        rows.append(Row(entrant, own[: len(columns)], own[len(columns) :]))
    return tuple(sorted(rows, key=lambda row: _order(row, columns[0])) if columns else rows)


def _of_runs(entrants: Sequence[Entrant]) -> list[str]:
    """What is to be known of a run before any of its numbers."""
    return [
        *(f"{each.key} · {each.record.unfinished}{_UNFINISHED}" for each in entrants if each.record.unfinished),
        *(f"{each.key} · {_UNLIKE}" for each in entrants if each.record.scores and each.record.side is None),
    ]


def _warned(columns: Sequence[Column], entrants: Sequence[Entrant]) -> Iterator[Warned]:
    """The warnings and known overlaps of every score, column by column."""
    for place, column in enumerate(columns):
        for entrant in entrants:
            estimate = _estimate(entrant.record, column)
            warnings = [*estimate.warnings, *overlaps_of(entrant.record, column.metric)] if estimate else []
            if estimate and estimate.value is None and not warnings:
                warnings.append("the value is not a number")
            yield from (Warned(place, column.meaning.title, entrant.key, text) for text in warnings)


def _columns(
    records: Sequence[RunRecord], ears: Ears | None, anchors: Sequence[Anchor], table: Protocol | None
) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """(headline columns, further ones); of these, the measures of one embedder stand together. A paper's table is one,
    in its order."""
    kinds: dict[tuple[str, str, str, str], list[Estimate]] = {}
    for record in records:
        for metric, estimate in record.scores.items():
            kinds.setdefault((metric, *_scored_by(estimate)), []).append(estimate)
    columns = [
        replace(_column(*kind, kinds[kind], ears), anchors=on_scale(anchors, *kind))
        for kind in sorted(kinds, key=_shelf)
    ]
    if table is not None:
        return tuple(sorted((_headed(each, table) for each in columns), key=lambda c: place_of(table, c.metric))), ()
    apart = sorted((c for c in columns if not c.headline), key=lambda c: (c.weights, c.metric, c.protocol))
    return tuple(column for column in columns if column.headline), tuple(apart)


def _headed(column: Column, table: Protocol) -> Column:
    """The column under the paper's own heading."""
    heading = heading_of(table, column.metric)
    title = column.meaning.title if heading is None else heading.title
    return replace(column, headline=True, meaning=replace(column.meaning, title=title))


def _scored_by(one: Estimate | Column) -> tuple[str, str, str]:
    """What two numbers of one metric must have in common to stand in one column."""
    return one.protocol, one.weights, one.code


def _shelf(kind: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Distances of whole sets first, then per-clip distances, then plain scores; then by name."""
    order = {"fd": 0, "kd": 1, "kl": 2}
    return order.get(kind[0].split("_")[0], 3), kind


def _column(
    metric: str, protocol: str, weights: str, code: str, estimates: Sequence[Estimate], ears: Ears | None
) -> Column:
    said = None if ears is None else ears.meaning(metric)
    means = said or meaning(metric, next((each.like for each in estimates if each.like), ""))
    headline = next((each.headline for each in estimates if each.headline is not None), means.headline)
    stated = {estimate.direction for estimate in estimates} - {""}
    # Two runs that disagree on what is better cannot be ranked, so no direction is claimed for them.
    direction = means.direction if not stated else stated.pop() if len(stated) == 1 else ""
    widths = [
        (estimate.high - estimate.low) / 2
        for estimate in estimates
        if estimate.low is not None and estimate.high is not None
    ]
    levels = {estimate.level for estimate in estimates}
    return Column(
        metric=metric,
        protocol=protocol,
        weights=weights,
        code=code,
        direction=direction,
        meaning=means,
        level=levels.pop() if len(levels) == 1 else None,
        places=decimals(widths, [estimate.value for estimate in estimates if estimate.value is not None]),
        headline=headline,
        unequal=len({estimate.n for estimate in estimates}) > 1,
    )


def _contest(column: Column, entrants: Sequence[Entrant], ears: Ears | None) -> Contest:
    """The runs of a column that can be ranked against each other."""
    given = None if ears is None else ears.differences(column.metric, [each.record.run_id for each in entrants])
    estimates = [_estimate(entrant.record, column) for entrant in entrants]
    sides = [
        None if out or estimate is None else entrant.record.side
        for entrant, estimate, out in zip(entrants, estimates, _apart(column, estimates), strict=True)
    ]
    names = [entrant.key for entrant in entrants]
    return Contest(column.metric, sides, column.direction, given, names)


def _cells(
    column: Column, entrants: Sequence[Entrant], notes: Sequence[tuple[int, ...]], outcome: Outcome | None
) -> list[Cell]:
    """One cell per run, with its `notes`. `outcome` says how the runs compare, where they are ranked."""
    estimates = [_estimate(entrant.record, column) for entrant in entrants]
    compared = outcome is not None and len(entrants) > 1
    ranks = outcome.standings if outcome is not None else [None] * len(entrants)
    known = [span for span in map(_span, estimates) if span is not None]
    scale = (min(low for low, _ in known), max(high for _, high in known)) if len(known) > 1 else None
    # A run with a value that cannot be placed may be better, so beside it nobody can be called the best.
    valued = sum(estimate is not None and estimate.value is not None for estimate in estimates)
    decided = valued > 1 and valued == sum(rank is not None for rank in ranks)
    return [
        Cell(
            estimate=estimate,
            text=_value_text(estimate, column),
            interval=_interval_text(estimate, column),
            standing=rank,
            tied=tuple(entrants[other].key for other in rank.tied) if rank else (),
            best=rank is not None and decided and rank.worst == 1,
            apart=compared and out,
            track=_track(estimate, scale),
            notes=noted,
        )
        for estimate, rank, out, noted in zip(estimates, ranks, _apart(column, estimates), notes, strict=True)
    ]


def _apart(column: Column, estimates: Sequence[Estimate | None]) -> list[bool]:
    """Which estimates stand outside of the ranking, as the metric moves with n and theirs is not the n of most
    (of the larger n, where two are as frequent). Where no two agree, all do."""
    sizes = [each.n for each in estimates if each is not None and each.value is not None]
    if not column.meaning.biased_by_n or len(set(sizes)) < 2:
        return [False] * len(estimates)
    common = max(set(sizes), key=lambda n: (sizes.count(n), n or 0))
    alone = sizes.count(common) < 2
    return [each is not None and each.value is not None and (alone or each.n != common) for each in estimates]


def _estimate(record: RunRecord, column: Column) -> Estimate | None:
    found = record.scores.get(column.metric)
    same = found is not None and _scored_by(found) == _scored_by(column)
    return found if same else None


def _span(estimate: Estimate | None) -> tuple[float, float] | None:
    if estimate is None or estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return estimate.low, estimate.high


def _track(estimate: Estimate | None, scale: tuple[float, float] | None) -> Track | None:
    span = _span(estimate)
    if estimate is None or estimate.value is None or span is None or scale is None:
        return None
    if not 0 < scale[1] - scale[0] < math.inf:
        return None
    low, value, high = ((x - scale[0]) / (scale[1] - scale[0]) for x in (span[0], estimate.value, span[1]))
    return Track(low, min(1.0, max(0.0, value)), high)


def _value_text(estimate: Estimate | None, column: Column) -> str:
    return "" if estimate is None else fixed(estimate.value, column.places)


def _interval_text(estimate: Estimate | None, column: Column) -> str:
    span = _span(estimate)
    return f"{fixed(span[0], column.places)} to {fixed(span[1], column.places)}" if span else ""


def _order(row: Row, column: Column) -> tuple[bool, bool, float, int]:
    """Best value of the first column first; those of another n after them, missing values last; equal values,
    and all where neither side is better, in the given order."""
    estimate = row.cells[0].estimate
    value = estimate.value if estimate else None
    sign = {"higher": -1.0, "none": 0.0}.get(column.direction, 1.0)
    return value is None, row.cells[0].apart, sign * (value or 0.0), row.entrant.place


def heading(board: Board) -> str:
    """One line that says what a table's numbers are: suite, version, protocol, size, prompts."""
    parts = [f"{board.suite or MISSING} {board.version}".strip(), f"protocol {board.protocol or MISSING}"]
    parts += [f"size {board.size or MISSING}", count(board.prompts, "prompt")]
    return " · ".join([*parts, f"digest {short_digest(board.digest)}"] if board.digest else parts)
