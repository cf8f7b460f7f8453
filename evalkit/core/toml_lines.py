"""On which line of a TOML file each of its keys stands, for errors to say: Python's reader of TOML does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

Path = tuple[str, ...]

_SPANS = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:""")?+"{0,2}|\'\'\'(?:[^\']++|\'(?!\'\'))*+(?:\'\'\')?+\'{0,2}'
    r'|"(?:[^"\\\n]++|\\.)*+"?|\'[^\'\n]*+\'?|#[^\n]*+',
    re.DOTALL,
)
_LONGEST = 4000
"""Characters of a line that may be a key; the rest of a longer one is its value."""


def lines_of(text: str) -> dict[Path, int]:
    """The keys of a TOML text, tables included, as paths -> the line where each is first named, counted from 1.

    What stands inside of inline tables is not listed; neither is what a broken text holds behind its fault.
    """
    found: dict[Path, int] = {}
    table: Path = ()
    for number, line, masked in _statements(text):
        if masked.startswith("["):
            table = _path(line.rpartition("]" if not masked.startswith("[[") else "]]")[0].lstrip("["))
            path = table
        else:
            path = _path(line[: masked.index("=")])
            path = (*table, *path) if path else ()
        for end in range(1, len(path) + 1):
            found.setdefault(path[:end], number)
    return found


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of a key, or of the nearest table around it that has one; 0 where none has."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return 0


def _statements(text: str) -> Iterator[tuple[int, str, str]]:
    """(line number, the line, the line with its texts masked) of every header and assignment."""
    masked = _SPANS.sub(_mask, text)
    depth = 0
    rows = zip(text.split("\n"), masked.split("\n"), strict=True)
    for number, (line, hidden) in enumerate(rows, start=1):
        start = len(hidden) - len(hidden.lstrip(" \t"))
        shown, hidden = line[start : start + _LONGEST], hidden[start : start + _LONGEST].rstrip()
        if depth == 0 and hidden and (hidden.startswith("[") or "=" in hidden):
            yield number, shown[: len(hidden)], hidden
        if depth or not hidden.startswith("["):
            depth = max(0, depth + sum(map(hidden.count, "[{")) - sum(map(hidden.count, "]}")))


def _mask(span: re.Match[str]) -> str:
    """A comment as spaces; a text as as many letters, with its line breaks."""
    filler = " " if span[0].startswith("#") else "x"
    return re.sub(r"[^\n]", filler, span[0])


def _path(key: str) -> Path:
    """The parts of a key as it is written, `a."b c".d`; () where it is none."""
    try:
        table = tomllib.loads(f"{key.strip()} = 0")
    except (ValueError, RecursionError):
        return ()
    parts = []
    while isinstance(table, dict) and len(table) == 1:
        part, table = next(iter(table.items()))
        parts.append(part)
    return tuple(parts)
