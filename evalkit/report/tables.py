"""The leaderboard outside the page: for the terminal, as Markdown, as CSV.

All three say the same: value, interval, rank, n and failures for each run and metric, the figures of papers
after them, then the further measures (a line each, the runs across, as they are many). The CSV is in long form
(one row per run and metric) with full precision; a text cell that a spreadsheet would run as a formula is made
plain by a leading apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.core.text import count, one_line
from evalkit.report.board import Board, Cell, Column, Row, heading
from evalkit.report.overlaps import overlaps_of
from evalkit.report.paper import CitedRow
from evalkit.report.records import Estimate
from evalkit.report.scales import anchor_records, mark_rows, marks_told

ARROWS = {"lower": "↓", "higher": "↑", "none": "", "": ""}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_FIELDS = (
    "suite", "version", "protocol", "size", "run", "model", "preset", "metric", "direction", "value", "low", "high",
    "se", "level", "n", "n_failed", "n_reference", "rank_best", "rank_worst", "tied_with", "weights", "metric_protocol",
    "kind", "source", "warnings", "listeners", "prompt_template",
)  # fmt: skip


def header(board: Board) -> tuple[str, ...]:
    """Column names of the short form: run, then each metric with its arrow."""
    return ("run", *(f"{column.meaning.title} {ARROWS[column.direction]}".strip() for column in board.columns))


def rows(board: Board, join: str = ", ") -> tuple[tuple[str, ...], ...]:
    """Cells of the short form, in the board's order: "12.3 [11.0, 13.6], rank 1–2, n 62, 2 failed".

    `join` stands between the number with its interval and the rest. Published figures come after the runs, the
    marks of the scales last.
    """
    runs = ((_run_text(row, join), *(_cell_text(cell, join) for cell in row.cells)) for row in board.rows)
    papers = ((_paper_text(row, join), *(text or "–" for text in row.texts)) for row in board.cited)
    return (*runs, *papers, *mark_rows(board))


def further_header(board: Board) -> tuple[str, ...]:
    """Column names of the further measures: the measure, then each run by its letter."""
    return ("further measures", *(entrant.key for entrant in board.entrants))


def further_rows(board: Board) -> tuple[tuple[str, ...], ...]:
    """One line per further measure: its title and unit, then "12.3 [11.0, 13.6]" for each run."""
    by_run = {row.entrant.key: row.further for row in board.rows}
    n = {cell.estimate.n for row in board.rows for cell in row.cells if cell.estimate is not None}
    found = []
    for place, column in enumerate(board.further):
        cells = (by_run[entrant.key][place] for entrant in board.entrants)
        found.append((further_title(column), *(_further_text(cell, n) for cell in cells)))
    return tuple(found)


def further_title(column: Column) -> str:
    """ "Bandwidth (Hz)", "Clipping ↓ (share of the samples)"."""
    unit = f"({column.meaning.unit})" if column.meaning.unit else ""
    return " ".join(filter(None, (column.meaning.title, ARROWS[column.direction], unit)))


@dataclass(frozen=True)
class Sheet:
    """One table for a terminal: `title` is "" where it belongs to the one before; a cell may have several lines. What
    is `told` stands between the title and the table."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    told: tuple[str, ...] = ()


def sheets(board: Board) -> tuple[Sheet, ...]:
    """The headline metrics, and the further measures where there are any."""
    found = (
        [Sheet(heading(board), header(board), rows(board, "\n"), board.told)]
        if board.columns or not board.further
        else []
    )
    if board.further:
        found.append(Sheet("" if found else heading(board), further_header(board), further_rows(board)))
    return tuple(found)


def markdown(board: Board) -> str:
    """Markdown tables under a line that names suite, protocol and size."""
    lines = [markdown_cell(heading(board)), "", *(markdown_cell(each) + "\n" for each in board.told)]
    if board.columns or not board.further:
        lines += [*markdown_table(header(board), rows(board)), ""]
    if board.further:
        lines += [*markdown_table(further_header(board), further_rows(board)), ""]
    lines += [markdown_cell(each) + "\n" for each in (*ranks_told(board), *marks_told(board))]
    lines += [f"{place}. {markdown_cell(note)}" for place, note in enumerate(board.notes, start=1)]
    return "\n".join(lines).rstrip("\n") + "\n"


def ranks_told(board: Board) -> tuple[str, ...]:
    """How the ranks of a table were made, in one sentence; none where nothing is ranked."""
    if not board.comparisons:
        return ()
    return (
        "Rank: the places that a run may hold. Every two runs are compared by what they have in common, prompt by "
        "prompt or fold by fold, and separated where that stays clear of zero after Holm's adjustment for all "
        f"{count(board.comparisons, 'comparison')}.",
    )


def markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table; every cell is plain words in it."""
    rule = _markdown_row(["---", *["---:"] * (len(head) - 1)])
    body = [_markdown_row([markdown_cell(cell) for cell in line]) for line in lines]
    return [_markdown_row([markdown_cell(name) for name in head]), rule, *body]


def records(boards: Sequence[Board]) -> list[dict[str, object]]:
    """Every number of every board as one flat record, strict JSON: None for NaN, text as it is. `kind` is
    "headline", "further", "published" or "anchor"; `source` is the citation of a published one. A run that is not
    finished has one record without a number, of the kind "unfinished", whose `warnings` say why."""
    return [
        record
        for board in boards
        for record in (*_measured(board), *_unfinished(board), *_published(board), *anchor_records(board, _FIELDS))
    ]


def _measured(board: Board) -> list[dict[str, object]]:
    columns = (*board.columns, *board.further)
    return [
        _record(board, row, column, cell.estimate, cell)
        for row in board.rows
        for column, cell in zip(columns, (*row.cells, *row.further), strict=True)
        if cell.estimate is not None
    ]


def _unfinished(board: Board) -> list[dict[str, object]]:
    return [
        {
            **dict.fromkeys(_FIELDS),
            **_whose(board, row),
            "kind": "unfinished",
            "warnings": row.entrant.record.unfinished,
        }
        for row in board.rows
        if row.entrant.record.unfinished
    ]


def _published(board: Board) -> list[dict[str, object]]:
    found = []
    for row in board.cited:
        for column, text in zip(board.columns, row.texts, strict=True):
            if text:
                known = {"suite": board.suite, "protocol": row.line.protocol, "size": board.size, "kind": "published"}
                known |= {"model": row.line.system, "metric": column.metric, "direction": column.direction}
                known |= {"source": row.line.citation + ("" if row.line.checked else " (second-hand)")}
                empty = dict.fromkeys(_FIELDS)
                found.append({**empty, **known, "value": row.line.values[column.metric]})
    return found


def csv_text(boards: Sequence[Board]) -> str:
    """CSV (RFC 4180) of `records`; numbers as Python writes them, empty for None."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_FIELDS)
    writer.writerows([csv_cell(record[name]) for name in _FIELDS] for record in records(boards))
    return out.getvalue()


def _record(board: Board, row: Row, column: Column, estimate: Estimate, cell: Cell) -> dict[str, object]:
    places = (cell.standing.best, cell.standing.worst) if cell.standing else (None, None)
    values = (
        *_whose(board, row).values(),
        column.metric, column.direction, estimate.value, estimate.low, estimate.high, estimate.se, estimate.level,
        estimate.n, estimate.n_failed, estimate.n_reference, *places, " ".join(cell.tied),
        column.weights, column.protocol, "headline" if column.headline else "further", "",
        "; ".join((*estimate.warnings, *overlaps_of(row.entrant.record, column.metric))), estimate.listeners,
        row.entrant.record.template or None,
    )  # fmt: skip
    return dict(zip(_FIELDS, values, strict=True))


def _whose(board: Board, row: Row) -> dict[str, object]:
    """The first of `_FIELDS`: which run, of which table."""
    run = row.entrant.record
    values = board.suite, board.version, board.protocol, board.size, run.run_id, row.entrant.name, run.preset
    return dict(zip(_FIELDS, values, strict=False))


def csv_cell(value: object) -> str:
    """A number as Python writes it, empty for None, and a text that no spreadsheet runs."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text


def _run_text(row: Row, join: str) -> str:
    size = row.entrant.record.model.get("size")
    mark = {"mini": " (mini)", "random": " (random weights)"}.get(size or "", "")
    return join.join(filter(None, (f"{row.entrant.key}  {row.entrant.name}{mark}", row.entrant.detail)))


def _cell_text(cell: Cell, join: str) -> str:
    if cell.estimate is None:
        return "not scored"
    value = f"{cell.text} [{cell.interval.replace(' to ', ', ')}]" if cell.interval else cell.text
    rest = [] if cell.standing is None else [f"rank {cell.standing.text}"]
    if cell.apart:
        rest.append("not ranked: other n")
    rest.append(cell.estimate.size)
    if cell.estimate.n_failed:
        rest.append(f"{cell.estimate.n_failed} failed")
    if cell.notes:
        rest.append(f"note {' '.join(map(str, cell.notes))}")
    return f"{value}{join}{', '.join(rest)}"


def _further_text(cell: Cell, known: set[int | None]) -> str:
    """Value and interval; n only where it is not one that the headline metrics stand on."""
    if cell.estimate is None:
        return "not scored"
    value = f"{cell.text} [{cell.interval.replace(' to ', ', ')}]" if cell.interval else cell.text
    size = "" if cell.estimate.n in known else f", n {cell.estimate.n if cell.estimate.n is not None else 'n/a'}"
    return f"{value}{size}{', note ' + ' '.join(map(str, cell.notes)) if cell.notes else ''}"


def _paper_text(row: CitedRow, join: str) -> str:
    hand = "" if row.line.checked else " (second-hand)"
    return join.join(filter(None, (f"published: {row.line.system}{hand}", row.line.settings, row.line.citation)))


def markdown_cell(text: str) -> str:
    """Any text as plain words in Markdown."""
    flat = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + char if char in "\\`*_{}[]()#+!|~$" else char for char in flat)


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
