"""Figures from papers: reading `reports/published/*.json`, and which of them may stand beside a table of runs.

A figure belongs beside a run only where it was made of the same thing: the same suite with the same number
of prompts, the same length, the same protocol, and full-size networks. Whatever a file does not know (null)
matches nothing, so a doubtful figure stays data. A cited figure has no interval here and takes no rank.

The files ship with evalkit; they are read as strictly as if they did not, since a wrong figure with a citation
is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.faults import Section, refuse_unknown
from evalkit.core.jsonio import read_json
from evalkit.core.resources import resource
from evalkit.core.text import one_line
from evalkit.report.text import number, whole

SCHEMA = 1
_FILE_KEYS = frozenset({"schema", "paper", "arxiv", "note", "rows"})
_ROW_KEYS = frozenset({"system", "suite", "prompts", "metric", "value", "protocol", "settings", "table", "checked"})
_SETTINGS_KEYS = frozenset({"channels", "rate", "seconds"})
_ARXIV = re.compile(r"\d{4}\.\d{4,5}")


@dataclass(frozen=True)
class Settings:
    """What was scored: `channels`, `rate` in Hz and `seconds` generated, each None where it is not known."""

    channels: int | None
    rate: int | None
    seconds: float | None

    @property
    def text(self) -> str:
        known = []
        if self.channels is not None:
            known.append({1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels"))
        if self.rate is not None:
            known.append(f"{self.rate / 1000:g} kHz")
        if self.seconds is not None:
            known.append(f"{self.seconds:g} s")
        return " · ".join(known)


@dataclass(frozen=True)
class Figure:
    """One published number. `checked` says that it was read in the paper itself; else it is second-hand."""

    system: str
    suite: str
    prompts: int | None
    metric: str
    value: float
    protocol: str
    settings: Settings
    paper: str
    table: str
    arxiv: str
    checked: bool

    @property
    def citation(self) -> str:
        preprint = f"arXiv {self.arxiv}" if self.arxiv else ""
        return ", ".join(part for part in (self.paper, preprint, self.table) if part)


@dataclass(frozen=True)
class Cited:
    """One line of a table: a system's figures by metric, from one table of one paper."""

    system: str
    settings: str
    citation: str
    checked: bool
    protocol: str
    values: Mapping[str, float]


def shipped() -> tuple[Figure, ...]:
    """The figures that come with evalkit. Raises UserError where the installation is broken."""
    return read_folder(resource("reports") / "published")


def read_folder(folder: Path) -> tuple[Figure, ...]:
    """The figures of all files of a folder, in the files' order. Raises UserError, naming the file."""
    figures = [figure for path in sorted(folder.glob("*.json")) for figure in read_file(path)]
    seen: set[tuple[object, ...]] = set()
    for figure in figures:
        identity = (figure.system, figure.suite, figure.metric, figure.protocol, figure.settings, figure.citation)
        if identity in seen:
            raise UserError(f"{folder}: {figure.metric} of {figure.system!r} stands there twice ({figure.citation})")
        seen.add(identity)
    return tuple(figures)


def read_file(path: Path) -> tuple[Figure, ...]:
    """The figures of one file. Raises UserError, naming file and row, for anything that is not as described
    in reports/published/README.md."""
    content = _table(read_json(path), _FILE_KEYS, f"{path}")
    if content["schema"] != SCHEMA:
        raise UserError(f"{path}: has schema {content['schema']!r}, this evalkit reads {SCHEMA}")
    paper, arxiv = _text(content, "paper", f"{path}"), content["arxiv"]
    if not isinstance(content["note"], str):
        raise UserError(f"{path}: note must be text")
    if arxiv != "" and not (isinstance(arxiv, str) and _ARXIV.fullmatch(arxiv)):
        raise UserError(f"{path}: arxiv is {arxiv!r}, expected a number such as 2407.14358, or an empty text")
    if not isinstance(content["rows"], list) or not content["rows"]:
        raise UserError(f"{path}: rows must be a list with at least one row")
    return tuple(_figure(raw, paper, arxiv, f"{path}: row {place}") for place, raw in enumerate(content["rows"], 1))


def cited(
    figures: Sequence[Figure], suite: str, size: str, prompts: int, seconds: frozenset[float | None]
) -> tuple[Cited, ...]:
    """The lines that may stand under a table over `prompts` prompts of a suite, that asked for `seconds`."""
    length = next(iter(seconds)) if len(seconds) == 1 else None
    if size != "full" or length is None:
        return ()
    fitting = []
    for figure in figures:
        told = figure.settings.seconds
        if (figure.suite, figure.prompts) == (suite, prompts) and told is not None and abs(told - length) <= 0.01:
            fitting.append(figure)
    return lines_of(fitting)


def lines_of(figures: Sequence[Figure]) -> tuple[Cited, ...]:
    """The figures as lines: those of one system in one table of one paper."""
    lines: dict[tuple[object, ...], list[Figure]] = {}
    for figure in figures:
        line = (figure.system, figure.settings, figure.citation, figure.checked, figure.protocol)
        lines.setdefault(line, []).append(figure)
    return tuple(_cited(line) for line in lines.values())


def _cited(line: Sequence[Figure]) -> Cited:
    first = line[0]
    values = {figure.metric: figure.value for figure in line}
    return Cited(first.system, first.settings.text, first.citation, first.checked, first.protocol, values)


def _figure(raw: object, paper: str, arxiv: str, where: str) -> Figure:
    row = _table(raw, _ROW_KEYS, where)
    settings = _table(row["settings"], _SETTINGS_KEYS, f"{where}, settings")
    value = _number(row, "value", where)
    if value is None:
        raise UserError(f"{where}: there is no value")
    if not isinstance(row["checked"], bool):
        raise UserError(f"{where}: checked must be true or false")
    seconds = _number(settings, "seconds", where)
    if seconds is not None and seconds <= 0:
        raise UserError(f"{where}: seconds is {seconds:g}")
    return Figure(
        system=_text(row, "system", where),
        suite=_text(row, "suite", where),
        prompts=_count(row, "prompts", where),
        metric=_text(row, "metric", where),
        value=value,
        protocol=_text(row, "protocol", where),
        settings=Settings(_count(settings, "channels", where), _count(settings, "rate", where), seconds),
        paper=paper,
        table=_text(row, "table", where),
        arxiv=arxiv,
        checked=row["checked"],
    )


def _table(raw: object, keys: frozenset[str], where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise UserError(f"{where}: is not a JSON object")
    refuse_unknown(where, Section("", raw, keys))
    absent = sorted(keys - set(raw))
    if absent:
        raise UserError(f"{where}: keys absent: {', '.join(absent)}")
    return raw


def _text(raw: Mapping[str, Any], key: str, where: str) -> str:
    value = raw[key]
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where}: {key} must be text")
    return one_line(value, 200)


def _number(raw: Mapping[str, Any], key: str, where: str) -> float | None:
    value = raw[key]
    if value is None:
        return None
    found = number(value)
    if found is None:
        raise UserError(f"{where}: {key} is {one_line(repr(value), 80)}, expected a finite number or null")
    return found


def _count(raw: Mapping[str, Any], key: str, where: str) -> int | None:
    value = raw[key]
    if value is None:
        return None
    found = whole(value)
    if found is None or found < 1:
        raise UserError(f"{where}: {key} is {one_line(repr(value), 80)}, expected a whole number from 1, or null")
    return found
