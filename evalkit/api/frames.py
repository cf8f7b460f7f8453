"""pandas tables; pandas is imported when the first one is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evalkit.core.errors import UserError

if TYPE_CHECKING:
    from pandas import DataFrame


def data_frame(index: str, rows: Sequence[Mapping[str, object]]) -> DataFrame:
    """A pandas table of these rows, by the column `index`. Raises UserError where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        hint = "pip install pandas, or evalkit with its extra `notebook`"
        raise UserError("tables are made with pandas, which is not installed", hint) from None
    return pandas.DataFrame(list(rows)).set_index(index) if rows else pandas.DataFrame()
