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
from evalkit.core.reading import read_text

MOST_BYTES = 1 << 19
"""The largest TOML file; AudioCaps' manifest has 4 kB."""

_TEXTS = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:""")?|\'\'\'(?:[^\']++|\'(?!\'\'))*+(?:\'\'\')?'
    r'|"(?:[^"\\\n]++|\\.)*+"?|\'[^\'\n]*+\'?|#[^\n]*+',
    re.DOTALL,
)
_BETWEEN = re.compile(r"[^\[\]{}.,=\n]++")


def read_toml(path: Path, what: str = "file", hint: str = "") -> dict[str, Any]:
    """The table of a TOML file. Raises UserError, naming the file and the line or key: absent (it is called `what`, and
    `hint` is the way out), too large, nested too deep, not TOML, or with a value that is none of the above."""
    text = read_text(path, MOST_BYTES, what, hint)
    skeleton = _BETWEEN.sub("", _TEXTS.sub("", text))
    # A key of many parts is a table of many levels; tomllib takes them apart in the square of their number.
    if limits.depth(skeleton.encode()) > limits.DEEPEST or "." * limits.DEEPEST in skeleton:
        raise UserError(f"{path}: cannot be read as a {what}: is nested deeper than {limits.DEEPEST} levels")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as a {what}: {str(error)[:200]}") from None
    _refuse_strange(table, "", f"{path}: cannot be read as a {what}")
    return table


def _refuse_strange(value: object, key: str, where: str) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_strange(inner, f"{key}.{name}" if key else name, where)
    elif isinstance(value, list):
        for inner in value:
            _refuse_strange(inner, key, where)
    elif isinstance(value, datetime.date | datetime.time):
        raise UserError(f"{where}: {key:.120} is a date", "write it as text, in quotes")
    elif isinstance(value, int | float) and not _is_finite(value):
        raise UserError(f"{where}: {key:.120} is no finite number")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False
