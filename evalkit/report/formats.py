"""The report's numbers as a file of one format: LaTeX, Markdown, CSV, JSON.

JSON and CSV are described in `reports/schema/`. `SCHEMA_VERSION` grows where a reader of before would misread the new
form: a field that goes away or changes its meaning. A field that is added leaves it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalkit.report.board import Board
from evalkit.report.latex import Style, latex
from evalkit.report.tables import csv_text, markdown, records

SCHEMA_VERSION = 1
Format = Literal["latex", "md", "csv", "json"]


@dataclass(frozen=True)
class Kind:
    """One format: its name for people, a file's ending, its media type, and what writes it."""

    title: str
    ending: str
    media: str
    write: Callable[[Sequence[Board], Style], str]


def document(boards: Sequence[Board]) -> dict[str, object]:
    """Every number of every board, with what is told of the boards: `reports/schema/report.schema.json`."""
    tables = [
        {
            "suite": board.suite,
            "version": board.version,
            "protocol": board.protocol,
            "size": board.size,
            "digest": board.digest,
            "prompts": board.prompts,
            "runs": [entrant.record.run_id for entrant in board.entrants],
            "told": list(board.told),
            "notes": list(board.notes),
        }
        for board in boards
    ]
    return {"schema_version": SCHEMA_VERSION, "tables": tables, "scores": records(boards)}


def _json(boards: Sequence[Board], style: Style) -> str:
    return json.dumps(document(boards), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


FORMATS: Mapping[str, Kind] = {
    "latex": Kind("LaTeX", "tex", "application/x-tex", latex),
    "md": Kind("Markdown", "md", "text/markdown", lambda boards, style: "\n".join(map(markdown, boards))),
    "csv": Kind("CSV", "csv", "text/csv", lambda boards, style: csv_text(boards)),
    "json": Kind("JSON", "json", "application/json", _json),
}
