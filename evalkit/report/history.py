"""The history of a gate: a line of JSON per `evalkit check`, appended, and what is read of it for the page of trends.

    {schema: 1, kind: "evalkit-history", time, commit, dirty, run_id, model, suite, protocol, baseline, verdict,
     metrics: {name: {value, low, high, se, direction, n, baseline, verdict}}}

`low` and `high` are the value's own interval, `se` its standard error (null where it has none); `dirty` says whether
files differed from the commit (null: not known). Lines of before have neither. A file may be a
stranger's, or torn by a crash: a line that is no such record is passed over and counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.jsonio import append_line, read_lines
from evalkit.core.text import one_line, short_digest
from evalkit.report.text import number

KIND = "evalkit-history"
SCHEMA = 1
_WORDS = ("time", "commit", "model", "verdict", "suite", "protocol")
MOST_LINES = 100_000
MOST_METRICS = 50


@dataclass(frozen=True)
class Point:
    """One metric at one check; `place` counts the checks from 0. `baseline` is the value that it was held against,
    `state` the state of the code in a few words, "" where nothing says it."""

    place: int
    value: float
    low: float | None
    high: float | None
    baseline: float | None
    verdict: str
    state: str = ""


@dataclass(frozen=True)
class Line:
    """One metric of one model on one suite over the checks, in the order in which they were made."""

    title: str
    direction: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Check:
    """One check as the page lists it; `dirty` says whether files differed from the commit, None where that is not
    known."""

    place: int
    time: str
    commit: str
    model: str
    verdict: str
    dirty: bool | None = None

    @property
    def state(self) -> str:
        """The state of the code in a few words: the commit, shortened where it is a digest, and whether it is that."""
        return f"{short_digest(self.commit)}{' + changes' if self.dirty else ''}"


@dataclass(frozen=True)
class History:
    """What a file holds; `strange` counts lines that are no records."""

    checks: tuple[Check, ...]
    lines: tuple[Line, ...]
    strange: int


def append_history(path: Path, told: Mapping[str, Any]) -> None:
    """Append one record. Raises CannotWrite where the disk refuses it."""
    append_line(path, {"schema": SCHEMA, "kind": KIND, **{key: _plain(value) for key, value in told.items()}})


def read_history(path: Path) -> History:
    """Raises UserError where there is no such file, or no check in it."""
    checks: list[Check] = []
    found: dict[tuple[str, str, str, str], tuple[str, list[Point]]] = {}
    strange = 0
    for record in read_lines(path):
        if not _is_record(record):
            strange += 1
            continue
        assert record is not None
        place = len(checks)
        words = {key: one_line(record.get(key), 120) for key in _WORDS}
        dirty = record["dirty"] if isinstance(record.get("dirty"), bool) else None
        checks.append(Check(place, words["time"], words["commit"], words["model"], words["verdict"], dirty))
        for name, score in list(record["metrics"].items())[:MOST_METRICS]:
            point = _point(place, score, checks[-1].state)
            if point is not None:
                key = (one_line(name, 80), words["model"], words["suite"], words["protocol"])
                found.setdefault(key, (one_line(score.get("direction"), 10), []))[1].append(point)
        if len(checks) >= MOST_LINES:
            break
    if not checks:
        told = "holds no checks" if path.exists() else "no such file"
        raise UserError(f"{path}: {told}", "evalkit check RUN --baseline FILE --history FILE appends one")
    several = len({key[1:] for key in found}) > 1
    lines = [_line(key, direction, points, several) for key, (direction, points) in sorted(found.items())]
    return History(tuple(checks), tuple(lines), strange)


def _plain(value: Any) -> Any:
    """A value without NaN and infinity, which no JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return number(value) if isinstance(value, float) else value


def _line(key: tuple[str, str, str, str], direction: str, points: Sequence[Point], several: bool) -> Line:
    title = " · ".join(filter(None, key)) if several else key[0]
    return Line(title, direction, tuple(points))


def _is_record(record: Mapping[str, Any] | None) -> bool:
    known = record is not None and record.get("kind") == KIND and record.get("schema") == SCHEMA
    return known and record is not None and isinstance(record.get("metrics"), dict)


def _point(place: int, score: object, state: str) -> Point | None:
    value = number(score.get("value")) if isinstance(score, dict) else None
    if value is None or not isinstance(score, dict):
        return None
    low, high = number(score.get("low")), number(score.get("high"))
    if low is None or high is None or not low <= value <= high:
        low = high = None
    return Point(place, value, low, high, number(score.get("baseline")), one_line(score.get("verdict"), 20), state)
