"""What the further columns of a prompt file are called in samples.parquet: `prompt[NAME]`.

No column of evalkit's own has such a name, and no metric's code can be called so. A metric like another one, whose name
is anybody's choice, goes before a column of its name.
"""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.store.tables import MOST_CELLS

_BEFORE, _AFTER = "prompt[", "]"
_OWN = 20
"""Columns that the table has by itself, but for the metrics; rounded up."""


def column_name(name: str) -> str:
    """The column of samples.parquet that holds this one of the prompt file."""
    return f"{_BEFORE}{name}{_AFTER}"


def name_in(column: str) -> str | None:
    """Which column of the prompt file one of samples.parquet holds; None where it is of another kind."""
    inside = column.startswith(_BEFORE) and column.endswith(_AFTER)
    return column[len(_BEFORE) : -len(_AFTER)] if inside else None


def columns_that_fit(names: Sequence[str], rows: int, metrics: int) -> list[str]:
    """The first of these columns, as many as a table of so many rows and metrics may have to be read again."""
    return list(names[: max(0, MOST_CELLS // max(1, rows) - _OWN - metrics)])
