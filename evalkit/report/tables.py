"""The leaderboard outside the page: for the terminal, as Markdown, as CSV.

All three say the same: value, interval, rank, n and failures for each run and metric. The CSV is in long
form (one row per run and metric) with full precision; a text cell that a spreadsheet would run as a formula
is made plain by a leading apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalkit.report.board import Board, Cell, Column, Row, heading
from evalkit.report.records import Estimate
from evalkit.report.text import one_line

if TYPE_CHECKING:
    from rich.table import Table

ARROWS = {"lower": "↓", "higher": "↑", "": ""}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_FIELDS = (
    "suite", "version", "protocol", "size", "run", "model", "preset", "metric", "direction", "value", "low", "high",
    "level", "n", "n_failed", "n_reference", "rank_best", "rank_worst", "tied_with", "weights", "metric_protocol",
    "warnings",
)  # fmt: skip


def header(board: Board) -> tuple[str, ...]:
    """Column names of the short form: run, then each metric with its arrow."""
    return ("run", *(f"{column.meaning.title} {ARROWS[column.direction]}".strip() for column in board.columns))


def rows(board: Board, join: str = ", ") -> tuple[tuple[str, ...], ...]:
    """Cells of the short form, in the board's order: "12.3 [11.0, 13.6], rank 1–2, n 62, 2 failed".

    `join` stands between the number with its interval and the rest.
    """
    return tuple((_run_text(row, join), *(_cell_text(cell, join) for cell in row.cells)) for row in board.rows)


def terminal(board: Board) -> Table:
    """A rich table, two lines a run; cells are plain Text, so that no `[markup]` in a name is acted on."""
    from rich.table import Table
    from rich.text import Text

    title = Text(heading(board))
    table = Table(title=title, title_justify="left", title_style="", box=None, pad_edge=False, header_style="bold")
    for name in header(board):
        table.add_column(Text(name), overflow="fold")
    for row in rows(board, "\n"):
        table.add_row(*(Text(cell) for cell in row))
    return table


def markdown(board: Board) -> str:
    """A Markdown table under a line that names suite, protocol and size."""
    head = [_markdown_cell(name) for name in header(board)]
    lines = [
        _markdown_cell(heading(board)),
        "",
        _markdown_row(head),
        _markdown_row(["---", *["---:"] * (len(head) - 1)]),
    ]
    lines += [_markdown_row([_markdown_cell(cell) for cell in row]) for row in rows(board)]
    lines += ["", *(f"{place}. {_markdown_cell(note)}" for place, note in enumerate(board.notes, start=1))]
    return "\n".join(lines).rstrip("\n") + "\n"


def records(boards: Sequence[Board]) -> list[dict[str, object]]:
    """Every number of every board as one flat record, strict JSON: None for NaN, text as it is."""
    return [
        _record(board, row, column, cell.estimate, cell)
        for board in boards
        for row in board.rows
        for column, cell in zip(board.columns, row.cells, strict=True)
        if cell.estimate is not None
    ]


def csv_text(boards: Sequence[Board]) -> str:
    """CSV (RFC 4180) of `records`; numbers as Python writes them, empty for None."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_FIELDS)
    writer.writerows([_csv_cell(record[name]) for name in _FIELDS] for record in records(boards))
    return out.getvalue()


def _record(board: Board, row: Row, column: Column, estimate: Estimate, cell: Cell) -> dict[str, object]:
    places = (cell.standing.best, cell.standing.worst) if cell.standing else (None, None)
    values = (
        board.suite, board.version, board.protocol, board.size,
        row.entrant.record.run_id, row.entrant.name, row.entrant.record.preset,
        column.metric, column.direction, estimate.value, estimate.low, estimate.high, estimate.level,
        estimate.n, estimate.n_failed, estimate.n_reference, *places, " ".join(cell.tied),
        column.weights, column.protocol, "; ".join(estimate.warnings),
    )  # fmt: skip
    return dict(zip(_FIELDS, values, strict=True))


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text


def _run_text(row: Row, join: str) -> str:
    mini = " (mini)" if row.entrant.record.model.get("size") == "mini" else ""
    return join.join(filter(None, (f"{row.entrant.key}  {row.entrant.name}{mini}", row.entrant.detail)))


def _cell_text(cell: Cell, join: str) -> str:
    if cell.estimate is None:
        return "not scored"
    value = f"{cell.text} [{cell.interval.replace(' to ', ', ')}]" if cell.interval else cell.text
    rest = [] if cell.standing is None else [f"rank {cell.standing.text}"]
    rest.append(f"n {cell.estimate.n if cell.estimate.n is not None else 'n/a'}")
    if cell.estimate.n_failed:
        rest.append(f"{cell.estimate.n_failed} failed")
    if cell.notes:
        rest.append(f"note {' '.join(map(str, cell.notes))}")
    return f"{value}{join}{', '.join(rest)}"


def _markdown_cell(text: str) -> str:
    flat = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + char if char in "\\`*_{}[]()#+!|~$" else char for char in flat)


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
