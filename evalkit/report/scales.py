"""A metric's scale in words: its anchors as a line under a table, as marks of a picture, as records for machines.

Runs have capital letters; an anchor has a small one, the same in every picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.report.board import Board, Column
from evalkit.report.text import MISSING, decimals, fixed
from evalkit.suites.anchors import ANCHORS, Anchor

LETTERS = dict(zip(ANCHORS, "abcdefgh", strict=False))


def scales_told(board: Board) -> tuple[str, ...]:
    """A line for each headline metric that has anchors."""
    return tuple(
        f"Scale of {column.meaning.title}: {'; '.join(map(anchor_told, column.anchors))}."
        for column in board.columns
        if column.anchors
    )


def anchor_told(anchor: Anchor) -> str:
    """ "references against each other 22.3 [17.6, 26.9] (n 64)", or why there is no value."""
    if anchor.value is None:
        return f"{anchor.title}: no value ({anchor.told})"
    size = f"n {anchor.n}" if not anchor.n_reference else f"n {anchor.n} against {anchor.n_reference}"
    return f"{anchor.title} {value_told(anchor)} ({size})"


def value_told(anchor: Anchor) -> str:
    """The value with its interval, with as many digits as that allows."""
    if anchor.value is None:
        return MISSING
    if anchor.low is None or anchor.high is None:
        return fixed(anchor.value, decimals([], [anchor.value]))
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
