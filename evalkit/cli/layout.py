"""How tables are laid out in a terminal of any width: no name and no interval is ever broken, as both are typed again.

Cells break between words, and where they hold a line break. Where whole words do not fit beside each other, a plain
table's row goes on in the next line, indented; a board's further columns stand in a block of their own below, under the
first column again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_WHOLE = re.compile(r"(?:(?<!\S)\S+ )?\[[^\[\]]*\](?: \d+%)?|\bnote(?: \d+)+")
"""An interval with its number before it, and its level after it; the notes of a cell."""
_BOUND = "\ue000"
"""Stands for a space at which no line may break, while a table is laid out."""

_DEEPEST, _SHALLOW = 12, 4
"""How far further lines of prose stand under a short label, and how far under a longer one."""

Columns = Sequence[Sequence[str]]
"""The cells of each column, its header first."""


def table(console: Console, columns: Columns, numbers: Sequence[int] = ()) -> str:
    """A plain table; the columns whose positions are in `numbers` are aligned to the right."""
    columns = [[_bound(cell) for cell in cells] for cells in columns]
    words = [_widest_word(cells) for cells in columns]
    gap = next((gap for gap in (2, 1) if sum(words) + gap * (len(words) - 1) <= console.width), None)
    text = _folded(columns, numbers, console.width) if gap is None else _printed(console, columns, gap, numbers)
    return text.replace(_BOUND, " ")


def blocks(console: Console, columns: Columns) -> str:
    """A board: as many columns beside the first as there is room for, and so on with the others."""
    columns = [[_bound(cell) for cell in cells] for cells in columns]
    words = [_widest_word(cells) for cells in columns]
    told, rest = "", list(range(1, len(columns)))
    while True:
        fits = [0, *rest[:1]]
        for position in rest[1:]:
            if sum(words[each] + 1 for each in (*fits, position)) > console.width:
                break
            fits.append(position)
        told += _printed(console, [columns[each] for each in fits], 1, ())
        rest = rest[len(fits) - 1 :]
        if not rest:
            return told.replace(_BOUND, " ")


def paragraph(console: Console, label: str, text: str) -> str:
    """Prose after its label, in as many lines as it needs: broken between words, never within one, and indented."""
    from rich.cells import cell_len

    first, *words = _bound(text).split(" ")
    indent = cell_len(label) if cell_len(label) <= _DEEPEST else _SHALLOW
    lines = [label + first]
    for word in words:
        if cell_len(lines[-1]) + 1 + cell_len(word) <= console.width:
            lines[-1] += f" {word}"
        else:
            lines.append(" " * indent + word)
    return "\n".join(lines).replace(_BOUND, " ")


def _printed(console: Console, columns: Columns, gap: int, numbers: Sequence[int]) -> str:
    from rich.table import Table
    from rich.text import Text

    found = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    widths = _widths(columns, console.width - gap * (len(columns) - 1))
    for position, (cells, width) in enumerate(zip(columns, widths, strict=True)):
        side = "right" if position in numbers else "left"
        found.add_column(Text(cells[0]), justify=side, overflow="fold", width=width)  # type: ignore[arg-type]
    for row in zip(*(cells[1:] for cells in columns), strict=True):
        found.add_row(*map(Text, row))
    with console.capture() as laid_out:
        console.print(found)
    return laid_out.get()


def _widths(columns: Columns, room: int) -> list[int]:
    """As wide as each column's longest line, or narrower, but no narrower than its longest word: first the widest."""
    from rich.cells import cell_len

    least = [_widest_word(cells) for cells in columns]
    widths = [max((cell_len(line) for cell in cells for line in cell.split("\n")), default=0) for cells in columns]
    while sum(widths) > room and widths != least:
        widest = max((at for at in range(len(widths)) if widths[at] > least[at]), key=lambda at: widths[at])
        widths[widest] -= 1
    return widths


def _folded(columns: Columns, numbers: Sequence[int], width: int) -> str:
    """Each row in as many lines as its columns need, aligned among the rows."""
    from rich.cells import cell_len

    folds = [[""] * len(columns[0])]
    for position, cells in enumerate(columns):
        widest = max(map(cell_len, cells))
        if position and max(map(cell_len, folds[-1])) + widest > width:
            folds.append(["    "] * len(cells))
        for row, cell in enumerate(cells):
            space = " " * (widest - cell_len(cell))
            folds[-1][row] += (space + cell if position in numbers else cell + space) + "  "
    return "".join(f"{fold[row].rstrip()}\n" for row in range(len(columns[0])) for fold in folds)


def _bound(cell: str) -> str:
    """The cell with each interval, and the number before it, as one word."""
    return _WHOLE.sub(lambda found: found[0].replace(" ", _BOUND), cell)


def _widest_word(cells: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max((cell_len(word) for cell in cells for word in cell.split()), default=0)
