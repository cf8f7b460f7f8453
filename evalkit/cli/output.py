"""How verbs print: a table for people, JSON for machines. Text from outside is never read as markup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.report.board import Board

NARROWEST = 160
"""Columns that a table may use where the output is a pipe or a file, and wrapping would only harm."""


def print_json(value: Any) -> None:
    """Strict JSON on stdout, keys in the given order; NaN is a bug and raises ValueError."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[int] = ()) -> None:
    """A plain table; the columns whose positions are in `numbers` are aligned to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=NARROWEST)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, header in enumerate(headers):
        table.add_column(header, justify="right" if position in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(table)


def print_boards(boards: Sequence[Board]) -> None:
    """The leaderboards of a report, with their notes."""
    from rich.console import Console

    from evalkit.report.tables import terminal

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=NARROWEST)
    for board in boards:
        for table in terminal(board):
            console.print(table)
        for number, note in enumerate(board.notes, start=1):
            console.print(f"note {number}: {note}", markup=False)


def estimate(value: float | None, low: float | None, high: float | None, level: float | None) -> tuple[str, str]:
    """A number and its interval with as many digits as the interval's width allows: ("0.156", "[0.103, 0.209] 95%")."""
    if value is None or low is None or high is None or level is None:
        return figure(value), "n/a"
    from evalkit.report.text import decimals, fixed

    places = decimals([(high - low) / 2], [value])
    return fixed(value, places), f"[{fixed(low, places)}, {fixed(high, places)}] {level:.0%}"


def figure(value: float | None, digits: int = 4) -> str:
    """A number for a table, `n/a` for none."""
    return "n/a" if value is None else f"{value:.{digits}g}"
