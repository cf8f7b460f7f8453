"""The leaderboard for a paper: one `table` of booktabs per board.

A value stands with its interval (`12.3 [11.0, 13.6]`) or, where that was asked for and the interval is as wide on both
sides, as 12.3 ± 1.3. It is bold where the run is separated from every other one, as on the page. What a reader needs to
judge it is in the caption: suite, protocol, n, level, the judges' digests, the day of the runs. Published figures
follow under a rule, each with the mark of its source. No clock is read: equal input gives equal bytes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.core.text import count, short_digest
from evalkit.report.board import Board, Cell, Column, Row
from evalkit.report.paper import CitedRow
from evalkit.report.records import mapping
from evalkit.report.tables import ARROWS
from evalkit.report.tex import PREAMBLE, escaped, plainly_escaped
from evalkit.report.text import MISSING, fixed

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MARKS = "abcdefghijklmnopqrstuvwxyz"
NEEDS = "% needs \\usepackage{booktabs}"


@dataclass(frozen=True)
class Style:
    """`plus_minus` writes ± where the interval allows it; `further` adds a table of the further measures."""

    plus_minus: bool = False
    further: bool = False


def latex(boards: Sequence[Board], style: Style | None = None) -> str:
    """The tables of all boards, to be read by `\\input`; printable ASCII and line ends alone."""
    chosen = style or Style()
    found = [NEEDS, PREAMBLE]
    labels: Counter[str] = Counter()
    for board in boards:
        label = _label(board)
        labels[label] += 1
        name = label if labels[label] == 1 else f"{label}-{labels[label]}"
        if board.columns or not board.further:
            found.append(_table(board, chosen, name))
        if board.further and (chosen.further or not board.columns):
            found.append(_further(board, chosen, f"{name}-further"))
    return "\n\n".join(found) + "\n"


def _table(board: Board, style: Style, label: str) -> str:
    n = _common_n([cell for row in board.rows for cell in row.cells])
    head = ["", *(_title(column) for column in board.columns)]
    body = [_line([_who(row), *(_cell(*each, style, n) for each in _cells(row, board))]) for row in board.rows]
    sources = list(dict.fromkeys(_source(row) for row in board.cited))
    if board.cited:
        body.append(r"\midrule")
        body += [_line(_published(row, sources)) for row in board.cited]
    shown = [cell for row in board.rows for cell in row.cells]
    under = [*_notes(board, shown), *(f"$^{{{_mark(at)}}}$ As published: {each}." for at, each in enumerate(sources))]
    caption = _caption(board, board.columns, style, n)
    return _float(head, body, (plainly_escaped(_named(board)), caption), under, label)


def _further(board: Board, style: Style, label: str) -> str:
    """The further measures, the runs across, as they are many."""
    rows = {row.entrant.key: row for row in board.rows}
    order = [rows[entrant.key] for entrant in board.entrants]
    cells = [cell for row in order for cell in row.further]
    n = _common_n(cells)
    body = [
        _line([_title(column), *(_cell(row.further[at], column, style, n) for row in order)])
        for at, column in enumerate(board.further)
    ]
    caption = "Further measures, which rank nothing. " + _caption(board, board.further, style, n)
    short = plainly_escaped(f"{_named(board)}: further measures")
    return _float(["", *map(_who, order)], body, (short, caption), _notes(board, cells), label)


def latex_table(
    head: list[str], rows: Sequence[Sequence[str]], caption: tuple[str, str], under: list[str], label: str
) -> str:
    """One table of escaped cells; `caption` is a short one without commands, and the whole one."""
    return _float(head, list(map(_line, rows)), caption, under, label)


def _float(head: list[str], body: list[str], caption: tuple[str, str], under: list[str], label: str) -> str:
    """One table; `caption` is what stands in a list of tables, and what stands above this one."""
    short, long = caption
    lines = [r"\begin{table}[tbp]", r"\centering", r"\small", f"\\caption[{short}]{{{long}}}", f"\\label{{{label}}}"]
    lines += [f"\\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule", _line(head), r"\midrule", *body]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if under:
        lines += [r"\par\smallskip", r"\parbox{\linewidth}{\footnotesize\raggedright", "\\par\n".join(under) + "}"]
    return "\n".join([*lines, r"\end{table}"])


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _title(column: Column) -> str:
    unit = f"({column.meaning.unit})" if column.meaning.unit else ""
    return escaped(" ".join(filter(None, (column.meaning.title, ARROWS[column.direction], unit))))


def _who(row: Row) -> str:
    """The run's letter and name, and what tells it from the others."""
    size = {"mini": " (mini)", "random": " (random weights)"}.get(row.entrant.record.model.get("size") or "", "")
    return escaped(f"{row.entrant.key}: " + ", ".join(filter(None, (f"{row.entrant.name}{size}", row.entrant.detail))))


def _cells(row: Row, board: Board) -> list[tuple[Cell, Column]]:
    return list(zip(row.cells, board.columns, strict=True))


def _cell(cell: Cell, column: Column, style: Style, n: int | None) -> str:
    if cell.estimate is None:
        return "not scored"
    number = _number(cell, column, style)
    told = f"\\textbf{{{number}}}" if cell.best else number
    if cell.notes:
        told += f"$^{{{','.join(map(str, cell.notes))}}}$"
    if cell.estimate.n != n:
        told += f", $n$ = {cell.estimate.n if cell.estimate.n is not None else MISSING}"
    return told + (", not ranked" if cell.apart else "")


def _number(cell: Cell, column: Column, style: Style) -> str:
    value = escaped(cell.text)
    if not cell.interval or cell.estimate is None:
        return value
    if style.plus_minus and (half := _half(cell, column)):
        return f"{value} $\\pm$ {half}"
    return f"{value} {{[}}{escaped(cell.interval.replace(' to ', ', '))}{{]}}"


def _half(cell: Cell, column: Column) -> str:
    """Half the interval's width, "" where it is not as wide on both sides, in the digits that are shown."""
    found = cell.estimate
    if found is None or found.value is None or found.low is None or found.high is None:
        return ""
    sides = fixed(found.high - found.value, column.places), fixed(found.value - found.low, column.places)
    return sides[0] if sides[0] == sides[1] else ""


def _common_n(cells: Sequence[Cell]) -> int | None:
    sizes = Counter(cell.estimate.n for cell in cells if cell.estimate is not None and cell.estimate.n is not None)
    return max(sizes, key=lambda n: (sizes[n], n)) if sizes else None


def _published(row: CitedRow, sources: Sequence[str]) -> list[str]:
    name = f"{escaped(row.line.system)}$^{{{_mark(sources.index(_source(row)))}}}$"
    return [name, *(escaped(text) if text else "--" for text in row.texts)]


def _source(row: CitedRow) -> str:
    hand = "" if row.line.checked else "second-hand"
    return escaped("; ".join(filter(None, (row.line.citation, row.line.settings, hand))))


def _mark(at: int) -> str:
    return _MARKS[at] if at < len(_MARKS) else f"{_mark(at // len(_MARKS) - 1)}{_MARKS[at % len(_MARKS)]}"


def _notes(board: Board, cells: Sequence[Cell]) -> list[str]:
    """What is told of the table; the notes that shown cells name, with their numbers; of the rest those that no cell
    names."""
    every = {note for row in board.rows for cell in (*row.cells, *row.further) for note in cell.notes}
    shown = {note for cell in cells for note in cell.notes}
    found = [f"{escaped(text)}." for text in board.told]
    for number, text in enumerate(board.notes, start=1):
        if number in shown:
            found.append(f"$^{{{number}}}$ {escaped(text)}.")
        elif number not in every:
            found.append(f"{escaped(text)}.")
    return found


def _caption(board: Board, columns: Sequence[Column], style: Style, n: int | None) -> str:
    told = f"{_named(board)}, protocol {board.protocol or MISSING}, size {board.size or MISSING}"
    told += f", {count(board.prompts, 'prompt')}" + (f", digest {short_digest(board.digest)}" if board.digest else "")
    found = [escaped(told) + (f"; $n$ = {n} where nothing else is said" if n is not None else "") + "."]
    levels = sorted({column.level for column in columns if column.level is not None})
    if levels:
        sizes = " or ".join(f"{level * 100:g}\\%" for level in levels)
        shape = (
            "Values $\\pm$ half the interval (in brackets where it is not symmetric)" if style.plus_minus else "Values"
        )
        found.append(f"{shape} {'at' if style.plus_minus else 'with intervals at'} {sizes}.")
    if any(column.headline for column in columns) and len(board.rows) > 1:
        found.append("Bold: separated from every other run.")
    found += [*_failed(board), *_judges(columns), *_days(board)]
    return " ".join(found)


def _named(board: Board) -> str:
    return f"{board.title} ({f'{board.suite} {board.version}'.strip()})"


def _failed(board: Board) -> list[str]:
    told = [f"{each.key} {each.failed}" for each in board.entrants if each.failed]
    return [escaped(f"Failed items: {', '.join(told)}.")] if told else []


def _judges(columns: Sequence[Column]) -> list[str]:
    """Which networks judged, by the digests of their weights."""
    judges: dict[str, list[str]] = {}
    for column in columns:
        if column.weights and column.weights != "none":
            judges.setdefault(column.weights, []).append(column.meaning.title)
    told = [f"{', '.join(titles)} {short_digest(weights)}" for weights, titles in judges.items()]
    return [escaped(f"Judges: {'; '.join(told)}.")] if told else []


def _days(board: Board) -> list[str]:
    """The days on which the runs were made; "" is a day that no file tells."""
    told = (str(mapping(each.record.facts).get("created") or "") for each in board.entrants)
    days = sorted({found.group() for text in told if (found := _DAY.match(text))})
    if not days:
        return []
    return [f"Runs of {days[0]}." if len(days) == 1 else f"Runs of {days[0]} to {days[-1]}."]


def _label(board: Board) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", f"{board.suite} {board.size}".lower()).strip("-")
    return f"tab:evalkit-{words or 'board'}"
