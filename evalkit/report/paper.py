"""The board of runs that were scored with --table: the paper's columns in its order, and the paper's own rows beside.

A row of the paper stands beside runs only where it is of as many prompts and of sounds as long; else one sentence says
what differs. That the prompts are the very ones, nothing here can know where a paper does not publish them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.core.errors import UserError
from evalkit.core.text import count
from evalkit.protocols.base import Heading, Protocol, load_protocol, protocol_of
from evalkit.report.published import Cited, Figure, cited, lines_of
from evalkit.report.records import RunRecord
from evalkit.report.text import plainly

if TYPE_CHECKING:
    from evalkit.report.board import Column

_NEAR = 0.01


@dataclass(frozen=True)
class CitedRow:
    """A paper's figures under the board's columns, "" where it has none."""

    line: Cited
    texts: tuple[str, ...]


def figures_beside(
    records: Sequence[RunRecord],
    columns: Sequence[Column],
    published: Sequence[Figure],
    table: Protocol | None,
    size: str,
) -> tuple[tuple[CitedRow, ...], str]:
    """The published rows that belong here, and, of a table's own, why they do not; `size` is of the networks."""
    if table is None or not published:
        return _cited(records, columns, published), ""
    items = [item for record in records for item in record.items]
    seconds = frozenset(item.seconds for item in items)
    size = size if all(record.samples == 1 for record in records) else "asked for several sounds a prompt"
    lines, differs = own_rows(table, published, size, len({item.id for item in records[0].items}), seconds)
    headings = [heading_of(table, column.metric) for column in columns]
    found = []
    for line in lines:
        values = [None if each is None else line.values.get(each.published) for each in headings]
        if any(value is not None for value in values):
            found.append(CitedRow(line, tuple("" if value is None else plainly(value) for value in values)))
    return tuple(found), differs


def _cited(
    records: Sequence[RunRecord], columns: Sequence[Column], published: Sequence[Figure]
) -> tuple[CitedRow, ...]:
    """The published rows that have a figure under one of the columns, by that column's protocol.

    Papers make one sound a prompt: beside runs of several alone, what moves with the number of sounds is not theirs.
    """
    suite, items = records[0].suite, records[0].items
    seconds = frozenset(item.seconds for record in records for item in record.items)
    lines = cited(published, suite.name, suite.size, len({item.id for item in items}), seconds)
    several = all(record.samples > 1 for record in records)
    fits = [column for column in columns if not (several and column.meaning.biased_by_n)]
    found = []
    for line in lines:
        values = [line.values.get(c.metric) if c in fits and c.protocol == line.protocol else None for c in columns]
        if any(value is not None for value in values):
            found.append(CitedRow(line, tuple("" if value is None else plainly(value) for value in values)))
    return tuple(found)


def heading_of(table: Protocol | None, metric: str) -> Heading | None:
    """The column of a metric in a table; None where it has none."""
    return None if table is None else next((each for each in table.columns if each.metric == metric), None)


def place_of(table: Protocol, metric: str) -> int:
    """Where a metric stands in a table; what is none of its columns, as ratings, comes after them."""
    names = [each.metric for each in table.columns]
    return names.index(metric) if metric in names else len(names)


def own_rows(
    table: Protocol, figures: Sequence[Figure], size: str, prompts: int, seconds: frozenset[float | None]
) -> tuple[tuple[Cited, ...], str]:
    """(the paper's rows that may stand beside runs over `prompts` prompts that asked for `seconds`, else why not)."""
    own = [each for each in figures if (each.protocol, each.suite) == (table.published, table.published_suite)]
    if not own:
        return (), ""
    length = next(iter(seconds)) if len(seconds) == 1 else None
    fitting = [each for each in own if size == "full" and each.prompts == prompts and _as_long(each, length)]
    if fitting:
        return lines_of(fitting), ""
    counts = sorted({each.prompts for each in own if each.prompts is not None})
    theirs = count(counts[0], "prompt") if counts else "an unknown number of prompts"
    lengths = sorted({each.settings.seconds for each in own if each.settings.seconds is not None})
    theirs += f" of {lengths[0]:g} s" if lengths else ""
    ours = f"{prompts} of {length:g} s" if length else f"{prompts} of several or unknown lengths"
    judged = "" if size == "full" else f", and the networks are {size}"
    return (), f"the paper's own rows are left out: they are over {theirs}, these runs over {ours}{judged}"


def _as_long(figure: Figure, length: float | None) -> bool:
    told = figure.settings.seconds
    return told is not None and length is not None and abs(told - length) <= _NEAR


def require_table(name: str, records: Sequence[RunRecord]) -> None:
    """Raises UserError for a table that is not known, and for runs that were scored by another protocol than its."""
    table = load_protocol(name)
    other = [record for record in records if record.suite.protocol != table.id]
    if other:
        first = other[0]
        by = protocol_of(first.suite.protocol)
        said = f"table {by.name}" if by else f"protocol {first.suite.protocol or 'unknown'}"
        more = f" and {len(other) - 1} more are not of it" if len(other) > 1 else ""
        told = f"--table {name}: run {first.run_id} was scored by {said}{more}"
        raise UserError(told, f"score the sounds anew with --table {name}; no figure is carried over")
