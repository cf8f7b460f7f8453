"""TOML files, which are all of evalkit's own kind and may yet be a stranger's: read under limits.

Values are text, finite numbers, switches, lists and tables. A date is none of these and has no place in JSON either.
"""

from __future__ import annotations

import datetime
import math
import re
import tomllib
from pathlib import Path
from typing import Any

from evalkit.core import limits
from evalkit.core.errors import UserError
from evalkit.core.faults import Fault, refuse
from evalkit.core.reading import read_text
from evalkit.core.tables import Report, Table, dotted
from evalkit.core.toml_lines import KeyPath, key_lines

MOST_BYTES = 1 << 19
"""The largest TOML file; AudioCaps' manifest has 4 kB."""

_TEXTS = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:""")?|\'\'\'(?:[^\']++|\'(?!\'\'))*+(?:\'\'\')?'
    r'|"(?:[^"\\\n]++|\\.)*+"?|\'[^\'\n]*+\'?|#[^\n]*+',
    re.DOTALL,
)
_BETWEEN = re.compile(r"[^\[\]{}.,=\n]++")
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_PAIR = re.compile(r"""\s*(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*[A-Za-z0-9_-]+)*\s*=""")
_MOST_TORN = 20
"""Lines that are no TOML which are told."""


def read_toml_table(path: Path, what: str = "file", hint: str = "") -> Table:
    """The table of a TOML file, to be read key by key and settled: what is wrong with its values is told with the rest.

    Raises UserError, naming the file and its line, for what cannot be read at all: absent (it is called `what`, and
    `hint` is the way out), too large, nested too deep, or not TOML.
    """
    text = read_text(path, MOST_BYTES, what, hint)
    skeleton = _BETWEEN.sub("", _TEXTS.sub("", text))
    # A key of many parts is a table of many levels; tomllib takes them apart in the square of their number.
    if limits.depth(skeleton.encode()) > limits.DEEPEST or "." * limits.DEEPEST in skeleton:
        raise UserError(f"{path}: cannot be read as a {what}: is nested deeper than {limits.DEEPEST} levels")
    report = Report(str(path))
    content, text = _parsed(text, report, what)
    report.lines = key_lines(text)
    _spoil(content, (), report)
    return Table(content, report)


def _parsed(text: str, report: Report, what: str) -> tuple[dict[str, Any], str]:
    """The content of a text, and the text that has it: lines of a key and its value that are no TOML are told and left
    out, so that the others can be looked at. Raises UserError for any other text that is none."""
    lines = text.split("\n")
    while True:
        try:
            return tomllib.loads("\n".join(lines)), "\n".join(lines)
        except (ValueError, RecursionError) as error:
            said = str(error)[:200]
        place = _PLACE.search(said)
        number, column = (int(place[1]), int(place[2])) if place else (0, 0)
        told = f"cannot be read as a {what}: {said[: place.start()].rstrip() if place else said}"
        report.found.append((None, Fault(report.name, number, told, column=column)))
        report.torn = True
        if not number or not _PAIR.match(lines[number - 1]) or len(report.found) > _MOST_TORN:
            refuse([fault for _, fault in report.found])
        lines[number - 1] = ""


def _spoil(value: object, path: KeyPath, report: Report) -> None:
    """Tell of values that are no setting, and let nobody else look at them."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _spoil(inner, (*path, name), report)
        return
    told, hint = "", ""
    if isinstance(value, datetime.date | datetime.time):
        told, hint = "is a date", "write it as text, in quotes"
    elif isinstance(value, int | float) and not _is_finite(value):
        told = "is no finite number"
    if told:
        names = tuple(part for part in path if isinstance(part, str))
        report.found.append((path, Fault(report.name, report.line(path), f"{dotted(names)} {told}", hint)))
        # Where it stands in a list, nobody looks at the list either.
        report.spoiled.add(next((path[:end] for end, part in enumerate(path) if isinstance(part, int)), path))


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False
