"""The slices of a board as the page shows them: one table for each way to divide the prompts, all of it in words."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.core.text import count
from evalkit.report.board import Board, Column
from evalkit.report.division import ways
from evalkit.report.slice_forms import SMALL, difference_told, number
from evalkit.report.slices import Score, Slice, sliced
from evalkit.report.text import MISSING

MOST_WAYS = 8
MOST_SLICES = 12


@dataclass(frozen=True)
class Line:
    """One slice in one metric: for each run its number and, under it, what that stands on; of two runs the difference
    and its p, `separated` where they differ with all slices taken into account."""

    name: str
    small: bool
    prompts: int
    cells: tuple[tuple[str, str], ...]
    difference: tuple[str, str] | None
    separated: bool


@dataclass(frozen=True)
class Group:
    """The slices of one metric."""

    column: Column
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class SliceTable:
    """One way to divide the prompts."""

    by: str
    groups: tuple[Group, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Slices:
    """The `tables` to choose from; `further` says which columns have none on the page, "" where all have."""

    tables: tuple[SliceTable, ...]
    further: str


def slices_of(board: Board) -> Slices:
    """The tables of a board: none where no headline metric has values by prompt."""
    known = [by for by in ways([entrant.record for entrant in board.entrants]) if by]
    tables = [table for by in known[:MOST_WAYS] if (table := _table(board, by)) is not None]
    rest = known[MOST_WAYS:] if tables else []
    told = f"{count(len(rest), 'further column')}: evalkit report RUN --by COLUMN, e.g. {rest[0]}" if rest else ""
    return Slices(tuple(tables), told)


def _table(board: Board, by: str) -> SliceTable | None:
    found = sliced(board, by, MOST_SLICES)
    if not found.slices:
        return None
    groups = [Group(column, tuple(map(_line, found.of(column)))) for column in found.columns]
    return SliceTable(by, tuple(groups), found.notes)


def _line(each: Slice) -> Line:
    places = each.column.places
    difference = None
    if len(each.scores) == 2:
        told, _, p = difference_told(each).partition(", p ")
        few = "" if each.pairs == each.prompts else count(each.pairs, "prompt")
        difference = told, ", ".join(filter(None, (p and f"p {p}", few)))
    cells = tuple(_cell(score, places) for score in each.scores)
    small = any(score.small for score in each.scores)
    return Line(each.name, small, each.prompts, cells, difference, each.separated)


def _cell(score: Score, places: int) -> tuple[str, str]:
    if score.mean is None:
        return "not scored", ""
    told = number(score.mean.value, score.mean.low, score.mean.high, places) if score.mean.n else MISSING
    few = f"too few{SMALL}" if score.small and score.mean.n else ""
    failed = f"{score.failed} failed" if score.failed else ""
    return told, ", ".join(filter(None, (f"n {score.mean.n}", failed, few)))
