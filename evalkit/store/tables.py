"""Parquet tables from outside: weighed by what their footer says, then unpacked in pieces, within a budget.

A column of one repeated value takes three kilobytes for a billion rows, and a footer may say something else than the
pages behind it. So the rows and columns that it states are limited, the pieces are weighed as they come, and meanwhile
the process may not grow by more than `MOST_GROWTH`, which makes a piece that is too large an error.

The calling thread reads alone, and without `pyarrow.dataset`: its pools of threads now and then abort a process on its
way out (exit code 134 instead of the verb's own; 2 of 210 runs of `evalkit check`), and it imports pandas.
"""

from __future__ import annotations

from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.memory import growth_limited
from evalkit.core.text import one_line

MOST_ROWS = 1_000_000
MOST_COLUMNS = 2_000
MOST_GROUPS = 1_000
MOST_CELLS = 6_000_000
"""Rows times columns; 200,000 prompts under ten metrics have these."""

MOST_BYTES = 1 << 27
"""The largest file, and the most that its values may take."""

MOST_GROWTH = 400 << 20
_PIECE = 1024


def parse_columns(data: bytes, where: object, hint: str = "") -> dict[str, list[Any]]:
    """Column name -> its values, of the bytes of a Parquet file whose columns are flat, or lists of plain values.

    Raises UserError, naming `where`, for what is no such file, is damaged, or is larger than the limits.
    """
    import pyarrow

    try:
        with growth_limited(MOST_GROWTH):
            return _columns(data)
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        reason = one_line(error, 200) or "it unpacks to more than any table of a run"
        raise UserError(f"{where}: cannot be read as Parquet: {reason}", hint) from None


def _columns(data: bytes) -> dict[str, list[Any]]:
    import pyarrow
    from pyarrow import parquet

    if len(data) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    limits = {"thrift_string_size_limit": 1 << 24, "thrift_container_size_limit": 1 << 20}
    file = parquet.ParquetFile(pyarrow.BufferReader(data), **limits)
    rows, columns = file.metadata.num_rows, file.metadata.num_columns
    if not 0 <= rows <= MOST_ROWS or columns > MOST_COLUMNS or rows * columns > MOST_CELLS:
        raise ValueError(f"{rows:,} rows of {columns:,} columns are more than any table of a run has")
    names = file.schema_arrow.names
    if len(set(names)) != len(names):
        raise ValueError("two columns have one name")
    if file.num_row_groups > MOST_GROUPS:
        raise ValueError(f"its rows are in {file.num_row_groups:,} groups")
    found: dict[str, list[Any]] = {name: [] for name in names}
    spent = 0
    for piece in file.iter_batches(_PIECE, use_threads=False):
        spent += piece.nbytes
        if spent > MOST_BYTES or len(piece) + len(found[names[0]]) > rows:
            raise ValueError("it unpacks to more than its footer says, or than any table of a run")
        for name, column in zip(names, piece.columns, strict=True):
            found[name] += column.to_pylist()
    return found
