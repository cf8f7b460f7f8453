"""A metric's scale: its anchors as rows under those of the runs, as marks of a picture, as records for machines.

Runs have capital letters; an anchor has a small one, the same in every table and picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap

from evalkit.report.board import Board, Column
from evalkit.report.text import MISSING, decimals, fixed
from evalkit.suites.anchors import ANCHORS, Anchor

LETTERS = dict(zip(ANCHORS, "abcdefgh", strict=False))


@dataclass(frozen=True)
class Mark:
    """One kind of known sounds, and where it stands under each of a board's columns; None where it says nothing."""

    letter: str
    title: str
    anchors: tuple[Anchor | None, ...]


def marks(board: Board) -> tuple[Mark, ...]:
    """The rows that stand below the runs: the anchors that have a value for any headline metric."""
    found = []
    for name, letter in LETTERS.items():
        under = [next((each for each in column.anchors if each.anchor == name), None) for column in board.columns]
        valued = tuple(each if each is not None and each.value is not None else None for each in under)
        if any(valued):
            found.append(Mark(letter, ANCHORS[name], valued))
    return tuple(found)


def mark_rows(board: Board) -> tuple[tuple[str, ...], ...]:
    """Cells of `marks` for a table of text: "d  silence", "370.5"."""
    return tuple(
        (f"{mark.letter}  {mark.title}", *starmap(_cell, zip(mark.anchors, board.columns, strict=True)))
        for mark in marks(board)
    )


def _cell(anchor: Anchor | None, column: Column) -> str:
    return "–" if anchor is None else value_told(anchor, column.places)


def marks_told(board: Board) -> tuple[str, ...]:
    """What the rows of `marks` are, in one sentence; none where there are none."""
    found = marks(board)
    if not found:
        return ()
    letters = f"{found[0].letter} to {found[-1].letter}" if len(found) > 1 else found[0].letter
    return (
        f"{letters}: known sounds of this suite on the same scales, by the same judges. They hold no rank. Runs are to "
        "be read between them: sounds that could not be told from recordings would score about as the first rows do.",
    )


def anchor_told(anchor: Anchor) -> str:
    """ "references, half against half 22.3 [17.6, 26.9] (n 64)", or why there is no value."""
    if anchor.value is None:
        return f"{anchor.title}: no value ({anchor.told})"
    return f"{anchor.title} {value_told(anchor)} ({anchor.size})"


def value_told(anchor: Anchor, places: int | None = None) -> str:
    """The value with its interval, with as many decimals as its column has, else as that allows."""
    if anchor.value is None:
        return MISSING
    if anchor.low is None or anchor.high is None:
        return fixed(anchor.value, decimals([], [anchor.value]) if places is None else places)
    if places is None:
        places = decimals([(anchor.high - anchor.low) / 2], [anchor.value])
    ends = ", ".join(fixed(end, places) for end in (anchor.low, anchor.high))
    return f"{fixed(anchor.value, places)} [{ends}]"


def anchor_records(board: Board, fields: Sequence[str]) -> list[dict[str, object]]:
    """A record by `fields` for each anchor of the table, of the kind "anchor": `model` says what it is of."""
    return [
        {**dict.fromkeys(fields), **_record(board, column, anchor)}
        for column in (*board.columns, *board.further)
        for anchor in column.anchors
    ]


def _record(board: Board, column: Column, anchor: Anchor) -> dict[str, object]:
    return {
        "suite": board.suite,
        "version": board.version,
        "protocol": board.protocol,
        "size": board.size,
        "model": anchor.title,
        "metric": column.metric,
        "direction": column.direction,
        "value": anchor.value,
        "low": anchor.low,
        "high": anchor.high,
        "level": anchor.level,
        "n": anchor.n,
        "n_reference": anchor.n_reference,
        "weights": anchor.weights,
        "metric_protocol": anchor.protocol,
        "kind": "anchor",
        "warnings": anchor.told,
    }
