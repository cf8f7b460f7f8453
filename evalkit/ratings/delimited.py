"""Tables of text with a header, read under limits: the ground under the readers of CSV and TSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.faults import nearest, shown
from evalkit.core.reading import open_regular, read_text
from evalkit.ratings.base import LONGEST_NAME, MOST_BYTES, MOST_RATINGS, name_of, score_of
from evalkit.suites.rows import Faults

Cells = Mapping[str, str]
_LONGEST_LINE = 1 << 16


def first_line(path: Path) -> str:
    """The first line that is not empty, as far as it is text. Raises UserError where the file cannot be read, or the
    line does not end."""
    try:
        with open_regular(path) as file:
            while (line := file.readline(_LONGEST_LINE)) and not line.strip(b"\xef\xbb\xbf \t\r\n"):
                pass
    except FileNotFoundError:
        raise UserError(f"{path}: no such file", "name a file that there is") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if len(line) >= _LONGEST_LINE:
        raise UserError(f"{path}, line 1: is longer than the {_LONGEST_LINE:,} bytes that are read of a line")
    return line.decode("utf-8-sig", "replace")


def separator(path: Path) -> str:
    """What stands between the columns of a file's first line: a tab, a semicolon or a comma, whichever is most
    often."""
    return max(",;\t", key=first_line(path).count)


def header(path: Path, delimiter: str) -> list[str]:
    """The names of the columns. Raises UserError where the file cannot be read, or there is no first line."""
    try:
        return [each.strip() for each in next(csv.reader([first_line(path)], delimiter=delimiter))]
    except (StopIteration, csv.Error):
        raise UserError(f"{path}: has no header line", "the first line names the columns") from None


def lines(path: Path, delimiter: str, wanted: Mapping[str, bool], faults: Faults) -> Iterator[tuple[int, Cells]]:
    """(number of its line, cells by column) of each row that is not empty.

    `wanted` names the columns that are read, and whether they must be there. A row with another number of cells than
    the header is a fault, as its cells are under the wrong names. Raises UserError where a column that must be there is
    not, or the file has more rows than are read."""
    names = header(path, delimiter)
    at = [(place, name) for place, name in enumerate(names) if name in wanted]
    missing = [column for column, must in wanted.items() if must and column not in names]
    if missing:
        near = "; ".join(f"is {shown(close)} {each}?" for each in missing if (close := nearest(each, names)))
        told = f"{path}, line 1: has no column {', '.join(missing)}"
        raise UserError(told, near or f"its columns are {', '.join(shown(each) for each in names[:12])}")
    twice = sorted(each for each, count in Counter(names).items() if count > 1 and each in wanted)
    if twice:
        raise UserError(f"{path}, line 1: has the column {', '.join(twice)} twice", "name each column once")
    text = read_text(path, MOST_BYTES, "file of ratings")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    count = 0
    try:
        next(row for row in reader if any(cell.strip() for cell in row))
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            count += 1
            if count > MOST_RATINGS:
                raise UserError(f"{path}: holds more than {MOST_RATINGS:,} ratings", "split it")
            if len(row) != len(names):
                faults.add(reader.line_num, f"has {len(row)} cells where the header has {len(names)}")
                continue
            yield reader.line_num, {name: row[place].strip() for place, name in at}
    except csv.Error as error:
        faults.add(reader.line_num, f"is no line of a table: {error}")


def named(cells: Cells, column: str, line: int, faults: Faults) -> str:
    """The name in a cell; "" with a fault where there is none."""
    found = name_of(cells.get(column, ""))
    if found is None:
        long = len(cells.get(column, "")) > LONGEST_NAME
        faults.add(line, f"column {column}: {'is too long for a name' if long else 'is empty'}")
    return found or ""


def number(cells: Cells, column: str, line: int, faults: Faults) -> float | None:
    """The number in a cell; None with a fault where there is none."""
    found = score_of(cells.get(column, ""))
    if found is None:
        faults.add(line, f"column {column}: {shown(cells.get(column, ''))} is no number")
    return found
