"""How verbs print: lines and tables for people, JSON for machines. Nothing else in `cli/` writes to a stream.

Text from outside is never read as markup, and cannot disturb a terminal: control characters come out visible, and
one `say` is one line. What an output cannot carry (a terminal that is not UTF-8) is spelt out, never an error.

With --json, stdout carries one JSON object and nothing else, to the end of the process: file descriptor 1 points at
stderr for good, so that what a model's library prints, at whatever time and from C too, lands there.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

import typer

from evalkit.cli.layout import blocks, paragraph, table
from evalkit.cli.telling import keep
from evalkit.core.errors import UserError
from evalkit.core.text import carried, escaped, visible

if TYPE_CHECKING:
    from rich.console import Console

    from evalkit.report.board import Board
    from evalkit.report.tables import Sheet

NARROWEST = 160
"""Columns that a table may use where the output is a pipe or a file, and wrapping would only harm."""

_BREAKS = re.compile(r"[\r\n]+")


class _Outlet(io.FileIO):
    """A file descriptor that outlives its reader: what nobody reads (`| head`) is dropped, so that a verb comes to its
    end and its exit code says what it found. A full disk behind stdout is a UserError, once."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if not isinstance(error, BrokenPipeError) and self.fileno() != 2:
                raise UserError(f"the output cannot be written: {error.strerror}") from None
            return len(data)


_ANSWER: list[_Outlet] = []
"""Where JSON goes, once stdout has been given away."""


def tolerant_streams() -> None:
    """No character, whatever the encoding of the terminal, ends in an exception, and no reader that goes away."""
    if sys.stdout is sys.__stdout__ and _is_process_output(sys.stdout):
        sys.stdout = _tolerant(sys.stdout)
    if sys.stderr is not None and sys.stderr is sys.__stderr__:
        sys.stderr = _tolerant(sys.stderr)


def _tolerant(stream: Any) -> TextIO:
    stream.flush()
    outlet = io.BufferedWriter(_Outlet(stream.fileno(), "wb", closefd=False))
    line_by_line = getattr(stream, "line_buffering", False)
    return io.TextIOWrapper(outlet, stream.encoding, "backslashreplace", line_buffering=line_by_line)


def flush() -> None:
    """Bring what was said to its reader. Raises UserError where the disk has no room for it."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def json_option(text: str = "Print JSON.") -> Any:
    """The option --json of a verb. Where it is given, stdout is kept for the JSON from then on."""
    return typer.Option(False, "--json", help=text, callback=_own_stdout)


def _own_stdout(wanted: bool) -> bool:
    """The value of --json as it was. A stdout that is captured within the process is left alone."""
    if wanted and not _ANSWER and _is_process_output(sys.stdout):
        sys.stdout.flush()
        _ANSWER.append(_Outlet(os.dup(1), "wb"))
        try:
            os.dup2(2, 1)
        except OSError:  # stderr is closed
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return wanted


def _is_process_output(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.fileno() == 1
    except (OSError, ValueError):
        return False


def print_json(value: Any) -> None:
    """Strict JSON on stdout, keys in the given order; NaN is a bug and raises ValueError."""
    told = escaped(json.dumps(value, indent=2, ensure_ascii=not _is_utf8(sys.stdout), allow_nan=False)) + "\n"
    if not _ANSWER:
        sys.stdout.write(told)
        return
    data = told.encode("utf-8")
    while data:
        data = data[_ANSWER[0].write(data) :]


def print_text(text: str) -> None:
    """A document on stdout as it is, its lines too; characters that stdout cannot carry are spelt out."""
    sys.stdout.write(carried(text, sys.stdout.encoding or "ascii"))


def say(line: str = "", flush: bool = False) -> None:
    """One line on stdout, whatever is in it."""
    print(_line(line, sys.stdout), flush=flush)
    keep(line)


def explain(label: str, text: str) -> None:
    """Prose after a label on stdout, broken between its words where a terminal would break within one."""
    told, console = _cell(text), _console()
    _write((paragraph(console, label, told) if console.is_terminal else label + told) + "\n")


def warn(line: str) -> None:
    """One line on stderr, under evalkit's name."""
    print(warning(line), file=sys.stderr, flush=True)
    keep(line)


def warn_all(lines: Sequence[str]) -> None:
    """Several lines on stderr that belong together, the first of them under evalkit's name."""
    warn(lines[0])
    for line in lines[1:]:
        print(_line(line, sys.stderr), file=sys.stderr, flush=True)
        keep(line)


def warning(line: str) -> str:
    """What `warn` writes, for a progress bar that writes it itself."""
    return _line(f"evalkit: {line}", sys.stderr)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[int] = ()) -> None:
    """A plain table; the columns whose positions are in `numbers` are aligned to the right."""
    columns = [[_cell(each) for each in (header, *(row[at] for row in rows))] for at, header in enumerate(headers)]
    _write(table(_console(), columns, numbers))


def print_boards(boards: Sequence[Board]) -> None:
    """The leaderboards of a report, with their notes."""
    from evalkit.report.scales import marks_told
    from evalkit.report.tables import ranks_told, sheets

    for board in boards:
        for sheet in sheets(board):
            print_sheet(sheet)
        for told in (*ranks_told(board), *marks_told(board)):
            explain("", told)
        for number, note in enumerate(board.notes, start=1):
            explain(f"note {number}: ", note)


def print_slices(boards: Sequence[Board], by: str) -> None:
    """The scores of slices of the prompts, a table for each metric, with what is to be known of them."""
    from evalkit.report.slice_forms import told

    for board in boards:
        sheets, notes = told(board, by)
        for sheet in sheets:
            print_sheet(sheet)
        for note in notes:
            explain("", note)


def print_sheet(sheet: Sheet) -> None:
    """A table with its title, as wide as the terminal allows."""
    for each in filter(None, (sheet.title, *sheet.told)):
        explain("", each)
    lines = [["\n".join(map(_cell, cell.split("\n"))) for cell in row] for row in (sheet.header, *sheet.rows)]
    _write(blocks(_console(), list(zip(*lines, strict=True))))


def _write(text: str) -> None:
    sys.stdout.write(text)
    for line in text.splitlines():
        keep(line.rstrip())


def _cell(value: object) -> str:
    return "" if value is None else _line(str(value), sys.stdout)


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=NARROWEST)


def _line(text: str, stream: TextIO) -> str:
    """Any text as one line that this stream can carry."""
    return carried(visible(_BREAKS.sub(" ", text)), _encoding(stream))


def _encoding(stream: TextIO | None) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _is_utf8(stream: TextIO | None) -> bool:
    return _encoding(stream).lower().replace("-", "").replace("_", "").startswith("utf8")
