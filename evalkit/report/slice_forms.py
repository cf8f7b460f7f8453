"""Slices as tables for a terminal, as LaTeX, Markdown and CSV, and as records for machines.

JSON and CSV are described in `reports/schema/`; `formats.SCHEMA_VERSION` is theirs too.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence

from evalkit.report.board import Board, Column, heading
from evalkit.report.formats import SCHEMA_VERSION
from evalkit.report.latex import NEEDS, latex_table
from evalkit.report.slices import Score, Slice, Sliced, sliced
from evalkit.report.tables import ARROWS, Sheet, csv_cell, markdown_cell, markdown_table
from evalkit.report.tex import PREAMBLE, escaped, plainly_escaped
from evalkit.report.text import MISSING, fixed

SMALL = " *"
"""The mark of a slice that is too small for an interval."""

_DIFFERENCE = ("difference", "difference_low", "difference_high", "p_adjusted", "pairs")
FIELDS = (
    "metric", "by", "slice", "run", "value", "low", "high", "n", *_DIFFERENCE[:4], "suite", "model", "direction",
    "kind", "prompts", "n_failed", "too_few", "pairs",
)  # fmt: skip
"""The columns of the CSV, and the fields of a record: those of the first version, then what was added."""


def told(board: Board, by: str) -> tuple[tuple[Sheet, ...], tuple[str, ...]]:
    """One table a metric, and what is to be known of them."""
    found = sliced(board, by)
    head = _head(board, by)
    sheets = tuple(
        Sheet(f"{_title(column)} by {by}", head, tuple(map(cells, found.of(column)))) for column in found.columns
    )
    return sheets, found.notes


def cells(each: Slice) -> tuple[str, ...]:
    """The slice's name, each run's "0.312 [0.290, 0.334] (12, 1 failed)", and the difference of two."""
    places = each.column.places
    name = f"{each.name}{SMALL if any(score.small for score in each.scores) else ''}"
    return (name, *(score_told(score, places) for score in each.scores), *_difference_cells(each))


def score_told(score: Score, places: int) -> str:
    """One run's number in a slice."""
    failed = f", {score.failed} failed" if score.failed else ""
    if score.mean is None:
        return "not scored"
    return f"{number(score.mean.value, score.mean.low, score.mean.high, places)} ({score.mean.n}{failed})"


def number(value: float | None, low: float | None, high: float | None, places: int) -> str:
    """A value with its ends, where it has some."""
    ends = f" [{fixed(low, places)}, {fixed(high, places)}]" if low is not None else ""
    return f"{fixed(value, places)}{ends}"


def difference_told(each: Slice) -> str:
    """The difference of two runs with its ends and adjusted p; "n/a" where no prompt has a value of both."""
    gap = each.difference
    if gap is None:
        return MISSING
    p = f", p {each.p:.2g}" if each.p is not None else ""
    return f"{number(gap.value, gap.low, gap.high, each.column.places)}{p}"


def records(board: Board, by: str) -> list[dict[str, object]]:
    """One flat record per metric, slice and run; of two runs the first carries their difference."""
    return _records(board, sliced(board, by))


def _records(board: Board, found: Sliced) -> list[dict[str, object]]:
    return [
        _record(board, found, each, place) for each in found.slices for place in range(len(each.scores))
        if each.scores[place].mean is not None
    ]  # fmt: skip


def _record(board: Board, found: Sliced, each: Slice, place: int) -> dict[str, object]:
    score, entrant = each.scores[place], board.entrants[place]
    assert score.mean is not None
    gap = each.difference if place == 0 else None
    against = (gap.value, gap.low, gap.high, each.p, each.pairs) if gap else (None,) * len(_DIFFERENCE)
    known: dict[str, object] = {
        "metric": each.column.metric,
        "by": found.by,
        "slice": each.name,
        "run": entrant.record.run_id,
        "value": score.mean.value,
        "low": score.mean.low,
        "high": score.mean.high,
        "n": score.mean.n,
        **dict(zip(_DIFFERENCE, against, strict=True)),
        "suite": board.suite,
        "model": entrant.name,
        "direction": each.column.direction,
        "kind": found.kind,
        "prompts": each.prompts,
        "n_failed": score.failed,
        "too_few": score.small,
    }
    return {name: known[name] for name in FIELDS}


def slices_document(boards: Sequence[Board], by: str) -> dict[str, object]:
    """Every number of every slice, with the notes: `reports/schema/slices.schema.json`."""
    found = [(board, sliced(board, by)) for board in boards]
    tables = [
        {
            "suite": board.suite,
            "version": board.version,
            "protocol": board.protocol,
            "size": board.size,
            "digest": board.digest,
            "runs": [entrant.record.run_id for entrant in board.entrants],
            "notes": list(each.notes),
        }
        for board, each in found
    ]
    rows = [record for board, each in found for record in _records(board, each)]
    return {"schema_version": SCHEMA_VERSION, "by": by, "tables": tables, "slices": rows}


def _json(boards: Sequence[Board], by: str) -> str:
    return json.dumps(slices_document(boards, by), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _csv(boards: Sequence[Board], by: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(FIELDS)
    writer.writerows([csv_cell(row[name]) for name in FIELDS] for board in boards for row in records(board, by))
    return out.getvalue()


def _markdown(boards: Sequence[Board], by: str) -> str:
    lines = []
    for board in boards:
        sheets, notes = told(board, by)
        lines += [markdown_cell(heading(board)), ""]
        lines += [f"{entrant.key}: {markdown_cell(_who(entrant.name, entrant.detail))}  " for entrant in board.entrants]
        for sheet in sheets:
            lines += ["", f"**{markdown_cell(sheet.title)}**", "", *markdown_table(sheet.header, sheet.rows)]
        lines += ["", *(f"- {markdown_cell(note)}" for note in notes), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _latex(boards: Sequence[Board], by: str) -> str:
    found = [NEEDS, PREAMBLE]
    for board in boards:
        sheets, notes = told(board, by)
        who = "; ".join(f"{each.key}: {_who(each.name, each.detail)}" for each in board.entrants)
        for sheet in sheets:
            caption = escaped(f"{sheet.title}. {heading(board)}. {who}.")
            head, *rows = [list(map(escaped, line)) for line in (sheet.header, *sheet.rows)]
            under = [escaped(f"{note}.") for note in notes]
            label = f"tab:evalkit-slices-{len(found) - 1}"
            found.append(latex_table(head, rows, (plainly_escaped(sheet.title), caption), under, label))
    return "\n\n".join(found) + "\n"


SLICE_FORMATS: Mapping[str, Callable[[Sequence[Board], str], str]] = {
    "latex": _latex,
    "md": _markdown,
    "csv": _csv,
    "json": _json,
}
"""What `--by COLUMN --format` writes, by the names of `formats.FORMATS`."""


def _title(column: Column) -> str:
    return f"{column.meaning.title} {ARROWS[column.direction]}".strip()


def _head(board: Board, by: str) -> tuple[str, ...]:
    keys = [entrant.key for entrant in board.entrants]
    return (by, *(f"{key} (n)" for key in keys), *(["A − B, p"] if len(keys) == 2 else []))


def _difference_cells(each: Slice) -> tuple[str, ...]:
    return (difference_told(each),) if len(each.scores) == 2 else ()


def _who(name: str, detail: str) -> str:
    return ", ".join(filter(None, (name, detail)))
