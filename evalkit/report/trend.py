"""The page of a gate's history: each metric over the checks, with its interval, its baseline and the verdicts.

As self-contained as the report: no request, the same bytes for the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import evalkit
from evalkit.core.files import write_bytes
from evalkit.report.charts import axis_ticks, axis_told
from evalkit.report.history import History, Line, Point, read_history
from evalkit.report.page import asset, environment, policy
from evalkit.report.text import figure

_WIDTH, _HEIGHT = 860, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 10, 24
_SHORT = 24
"""Characters of a commit under a picture."""

_LISTED = 200
"""Checks in the table under the pictures, the newest ones."""


def write_trend(path: Path, out: Path) -> History:
    """Write the page of a history file to `out`. Raises UserError where there is no history in it."""
    history = read_history(path)
    style = asset("style.css")
    page = (
        environment()
        .get_template("trend.html.j2")
        .render(
            title=path.name,
            checks=history.checks[-_LISTED:][::-1],
            total=len(history.checks),
            strange=history.strange,
            pictures=[(line, _svg(line)) for line in history.lines],
            style=style,
            policy=policy(style, ""),
            version=evalkit.__version__,
        )
    )
    write_bytes(out, page.encode("utf-8"))
    return history


def _svg(line: Line) -> str:
    points = line.points
    told = [each for point in points for each in (point.value, point.low, point.high, point.baseline)]
    numbers = [each for each in told if each is not None]
    low, high = min(numbers), max(numbers)
    if high <= low:
        low, high = low - abs(low) / 2 - 1, high + abs(high) / 2 + 1
    last = max(1, points[-1].place)

    def x(place: int) -> str:
        return f"{_LEFT + 8 + place / last * (_WIDTH - _LEFT - _RIGHT - 16):.1f}"

    def y(value: float) -> str:
        share = (value / 2 - low / 2) / (high / 2 - low / 2)
        return f"{_HEIGHT - _BOTTOM - 6 - share * (_HEIGHT - _BOTTOM - _TOP - 12):.1f}"

    parts = [f'<svg class="chart trend" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true">']
    for tick in axis_ticks(low, high):
        parts.append(f'<path class="grid" d="M{_LEFT} {y(tick)}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y(tick)}" text-anchor="end">{axis_told(tick)}</text>')
    for place in sorted({0, points[-1].place}):
        state = next((escape(point.state[:_SHORT]) for point in points if point.place == place and point.state), "")
        anchor = "middle" if not state else "start" if place == 0 else "end"
        label = f"{place + 1} · {state}" if state else str(place + 1)
        parts.append(f'<text class="tick" x="{x(place)}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{label}</text>')
    held = [point for point in points if point.baseline is not None]
    parts.append(_path("baseline", [(x(each.place), y(each.baseline or 0.0)) for each in held]))
    parts.append(_path("course", [(x(each.place), y(each.value)) for each in points]))
    parts += [_drawn(point, x(point.place), y) for point in points]
    return "".join((*parts, "</svg>"))


def _path(kind: str, places: Sequence[tuple[str, str]]) -> str:
    return f'<path class="{kind}" d="M{"L".join(f"{x} {y}" for x, y in places)}"/>' if len(places) > 1 else ""


def _drawn(point: Point, x: str, y: Callable[[float], str]) -> str:
    bar = ""
    if point.low is not None and point.high is not None:
        bar = f'<path class="bar" d="M{x} {y(point.low)}V{y(point.high)}"/>'
    kind = "bad-dot" if point.verdict in ("worse", "invalid") else "dot"
    told = escape(" · ".join(filter(None, (str(point.place + 1), point.state, figure(point.value), point.verdict))))
    return f'{bar}<circle class="{kind}" cx="{x}" cy="{y(point.value)}" r="4"><title>{told}</title></circle>'
