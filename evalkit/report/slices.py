"""Scores of slices of the prompts: by label, by length, or by a further column of the prompt file.

A metric with a value per prompt is the mean of a slice's prompts, with the interval of a mean over sources; of two runs
the difference is the paired one of `comparison/parts.py`, adjusted by Holm over all slices and metrics of the
table. A distance of sets is not sliced: it moves with n, a slice has few, and what it would take is in no run's folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalkit.comparison.difference import Difference
from evalkit.comparison.family import separated
from evalkit.comparison.parts import Mean, can_be_parted, difference_in_part, mean_of_part
from evalkit.comparison.record import Record
from evalkit.core.text import count
from evalkit.report.board import Board, Column
from evalkit.report.division import MOST_SLICES, Division, division
from evalkit.report.records import RunRecord

FEWEST = 5
"""Sources that an interval takes (`stats.intervals.FEWEST_GROUPS`)."""

_SETS_NAMED = 6


@dataclass(frozen=True)
class Score:
    """One run in one slice: its `mean` (None where it was not scored by this column), how many of the slice's sounds
    `failed`, and whether the slice is `small`: too few sources for an interval, or values that are all equal."""

    mean: Mean | None
    failed: int

    @property
    def small(self) -> bool:
        return self.mean is not None and self.mean.low is None


@dataclass(frozen=True)
class Slice:
    """One metric in one slice of `prompts` prompts: by run (in the board's order) its score, and, of two runs, the
    first minus the second over the `pairs` prompts of which both have a value, with its p adjusted over the whole table
    (None where none can be told)."""

    column: Column
    name: str
    prompts: int
    scores: tuple[Score, ...]
    difference: Difference | None = None
    pairs: int = 0
    p: float | None = None

    @property
    def separated(self) -> bool:
        """Do the two runs differ here, with all slices taken into account?"""
        return self.difference is not None and self.p is not None and separated(self.difference, self.p)


@dataclass(frozen=True)
class Sliced:
    """A board's scores by one way to divide its prompts. `notes` are what is to be known of them."""

    by: str
    kind: str
    slices: tuple[Slice, ...]
    notes: tuple[str, ...]

    def of(self, column: Column) -> tuple[Slice, ...]:
        """The slices of one metric."""
        return tuple(each for each in self.slices if each.column == column)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The metrics that are sliced, in the board's order."""
        return tuple(dict.fromkeys(each.column for each in self.slices))


def sliced(board: Board, by: str, most: int = MOST_SLICES) -> Sliced:
    """Every headline metric that has a value per prompt, in every slice; of more than `most` values the rest is one."""
    runs = [entrant.record for entrant in board.entrants]
    divided = division(runs, by, most)
    if divided is None:
        return Sliced(by, "", (), (f"nothing is sliced by {by}: the prompts of these runs have no such column",))
    failed = [Counter(item.key for item in run.items if item.failed) for run in runs]
    found = [each for column in board.columns for each in _of_column(column, board, divided, failed)]
    return Sliced(by, divided.kind, _adjusted(found), _notes(board, divided, found))


def _of_column(column: Column, board: Board, divided: Division, failed: Sequence[Counter[str]]) -> list[Slice]:
    sides = [_side(column, entrant.record, board) for entrant in board.entrants]
    if not any(sides):
        return []
    found = []
    for name, ids in divided.parts.items():
        scores = tuple(
            Score(
                None if side is None else mean_of_part(side, column.metric, ids, column.meaning.bounds),
                sum(lost[key] for key in ids),
            )
            for side, lost in zip(sides, failed, strict=True)
        )
        one = Slice(column, name, len(ids), scores)
        first, second = sides if len(sides) == 2 else (None, None)
        if first is not None and second is not None:
            gap, pairs = difference_in_part(column.metric, first, second, ids)
            one = replace(one, difference=gap, pairs=pairs)
        found.append(one)
    return found


def _side(column: Column, run: RunRecord, board: Board) -> Record | None:
    """The run, where it was scored by this column and its value is a mean of prompts."""
    place = board.columns.index(column)
    cell = next(row.cells[place] for row in board.rows if row.entrant.record is run)
    scored = cell.estimate is not None and run.side is not None and can_be_parted(run.side, column.metric)
    return run.side if scored else None


def _adjusted(found: Sequence[Slice]) -> tuple[Slice, ...]:
    from evalkit.stats.paired import holm

    known = [each.difference.p for each in found if each.difference is not None and each.difference.p is not None]
    safe = iter(holm(known) if known else ())
    return tuple(
        replace(each, p=next(safe)) if each.difference is not None and each.difference.p is not None else each
        for each in found
    )


def _notes(board: Board, divided: Division, found: Sequence[Slice]) -> tuple[str, ...]:
    by = divided.by
    if not found:
        return (f"nothing is sliced by {by}: no headline metric has values by prompt", *divided.notes)
    notes = [*_whole(board, found), *divided.notes]
    if any(score.small for each in found for score in each.scores):
        notes.append(f"too few (*): under {FEWEST} sources or all values equal, which makes no interval")
    if any(score.failed for each in found for score in each.scores):
        notes.append("failed sounds are in no value, and counted beside it")
    if any(each.difference is not None for each in found):
        notes.append(
            "A − B is over the prompts of which both have a value; its p is adjusted by Holm over all slices of all "
            "metrics here, the intervals are not"
        )
    else:
        notes.append("nothing is corrected for the number of slices")
    return tuple(notes)


def _whole(board: Board, found: Sequence[Slice]) -> list[str]:
    """Why the other headline metrics are not sliced, and what gives them all the same."""
    sliced_ones = {each.column for each in found}
    sets = [column.meaning.title for column in board.columns if column not in sliced_ones]
    if not sets:
        return []
    sizes = [each.prompts for each in found if each.column == found[0].column]
    few, many = min(sizes), max(sizes)
    have = f"{count(few, 'prompt') if few == many else f'{few:,} to {many:,} prompts'} of {board.prompts:,}"
    return [
        f"not sliced: {', '.join(sets[:_SETS_NAMED])}: a distance of sets grows as n falls, and these slices have "
        f"{have}; a run of a slice's prompts alone has its own"
    ]
