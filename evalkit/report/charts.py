"""Pictures of a leaderboard's numbers, as SVG that stands in the page and takes its colours from it, light or dark.

What is drawn is what ranks: each run's value with its interval, and behind them a dot per prompt where the metric has
them, over the marks of the metric's anchors. The only text in a picture is numbers, the runs' letters and the anchors'
small ones; titles and names stand in the page. The bytes depend on the numbers alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.report.board import Board, Column
from evalkit.report.scales import LETTERS
from evalkit.suites.anchors import Anchor

MAX_ROWS = 24
_WIDTH, _ROW = 420, 32
_LEFT, _RIGHT, _BOTTOM, _TOP = 28, 12, 22, 16
_LARGEST = 1e300
"""What lies beyond has no picture."""

_GOLDEN = 0.618034
"""The golden ratio spreads neighbours apart evenly, and alike at every build."""


@dataclass(frozen=True)
class Chart:
    """One picture, `svg`; `alt` says in words what it shows, `marks` what its broken lines are, and `far`
    the letters of those that are too far off to be drawn."""

    title: str
    caption: str
    alt: str
    svg: str
    marks: tuple[str, ...] = ()
    far: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Strand:
    """One run's line in a picture: its letter, its colour's place, its interval and its values by sound."""

    key: str
    place: int
    value: float | None
    low: float | None
    high: float | None
    points: tuple[float, ...]

    @property
    def numbers(self) -> tuple[float, ...]:
        return (*self.points, *(each for each in (self.value, self.low, self.high) if each is not None))


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float

    def __call__(self, value: float) -> str:
        """Where a value stands, in the picture's units."""
        # Halves, as the difference of two large numbers may be none.
        share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return f"{_LEFT + 8 + share * (_WIDTH - _LEFT - _RIGHT - 16):.1f}".rstrip("0").rstrip(".")


def charts(board: Board) -> tuple[Chart, ...]:
    """For each column: the runs' values and intervals over the per-prompt values where the metric has them, else alone
    where there are several to compare. Beyond MAX_ROWS runs, the first MAX_ROWS of the table."""
    found = []
    for place, column in enumerate(board.columns):
        strands = _strands(board, place)
        dots = any(len(strand.points) > 1 for strand in strands)
        if dots or sum(strand.low is not None for strand in strands) > 1:
            several = any(row.entrant.record.samples > 1 for row in board.rows)
            found.append(_chart(column, strands, ("sound" if several else "prompt") if dots else ""))
    return tuple(found)


def _strands(board: Board, place: int) -> list[_Strand]:
    strands = []
    for row in board.rows[:MAX_ROWS]:
        cell, record = row.cells[place], row.entrant.record
        if cell.estimate is None:
            continue
        scores = [item.scores.get(board.columns[place].metric) for item in record.items]
        points = tuple(score for score in scores if score is not None and abs(score) <= _LARGEST)
        value, low, high = map(_drawable, (cell.estimate.value, cell.estimate.low, cell.estimate.high))
        if value is None or low is None or high is None:
            low = high = None
        strands.append(_Strand(row.entrant.key, row.entrant.place, value, low, high, points))
    return strands


def _drawable(value: float | None) -> float | None:
    return value if value is not None and abs(value) <= _LARGEST else None


def _chart(column: Column, strands: Sequence[_Strand], dot: str) -> Chart:
    level = f"{100 * column.level:g} % " if column.level is not None else ""
    dots = f"one dot per {dot}; " if dot else ""
    toward = {"lower": "Left is better.", "higher": "Right is better."}.get(column.direction, "")
    told = f"{dots}upright line: the value that ranks; level bar: its {level}interval. {toward}".strip()
    caption = told[0].upper() + told[1:]
    title = column.meaning.title
    alt = f"{title}. {caption} Runs from top: {', '.join(strand.key for strand in strands)}."
    near = _near(column.anchors, [each for strand in strands for each in strand.numbers])
    marks = tuple(f"{LETTERS[each.anchor]} {each.title}" for each in near)
    far = tuple(LETTERS[each.anchor] for each in column.anchors if each.value is not None and each not in near)
    return Chart(title, caption, alt, _svg(strands, near), marks, far)


def _near(anchors: Sequence[Anchor], numbers: Sequence[float]) -> list[Anchor]:
    """Those that lie no farther beyond the runs' values than these do from one another: one far off would press the
    runs into a corner."""
    low, high = min(numbers), max(numbers)
    return [each for each in anchors if each.value is not None and 2 * low - high <= each.value <= 2 * high - low]


def _svg(strands: Sequence[_Strand], anchors: Sequence[Anchor] = ()) -> str:
    numbers = [each for strand in strands for each in strand.numbers]
    marks = [(LETTERS[each.anchor], each.value) for each in anchors if each.value is not None]
    numbers += [value for _, value in marks]
    low, high = min(numbers), max(numbers)
    scale = _Scale(low, high) if high > low else _Scale(low - abs(low) / 2 - 1, high + abs(high) / 2 + 1)
    top = _TOP if marks else 0
    height = top + _ROW * len(strands) + _BOTTOM
    parts = [f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" aria-hidden="true">']
    for tick in axis_ticks(scale.low, scale.high):
        x = scale(tick)
        parts.append(f'<path class="grid" d="M{x} 0V{height - _BOTTOM}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{height - 6}" text-anchor="middle">{axis_told(tick)}</text>')
    for row, strand in enumerate(strands):
        parts += _drawn(strand, top + row * _ROW + _ROW / 2, scale)
    for letter, value in marks:
        x = scale(value)
        parts.append(f'<path class="anchor" d="M{x} {top}V{height - _BOTTOM}"/>')
        parts.append(f'<text class="mark" x="{x}" y="{top - 4}" text-anchor="middle">{letter}</text>')
    return "".join((*parts, "</svg>"))


def _drawn(strand: _Strand, middle: float, scale: _Scale) -> list[str]:
    """One run's row; all its dots are one path, as a page of a thousand prompts should stay quick."""
    parts = [f'<g class="run-{strand.place % 8}" data-run="{strand.key}">']
    parts.append(f'<text class="letter" x="{_LEFT - 12}" y="{middle + 4:g}" text-anchor="middle">{strand.key}</text>')
    if strand.points:
        lifts = (((place * _GOLDEN) % 1.0 - 0.5) * 0.56 * _ROW for place in range(len(strand.points)))
        dots = "".join(f"M{scale(x)} {middle + lift:.1f}h0" for x, lift in zip(strand.points, lifts, strict=True))
        parts.append(f'<path class="dots" d="{dots}"/>')
    if strand.low is not None and strand.high is not None:
        parts.append(f'<path class="bar" d="M{scale(strand.low)} {middle:g}H{scale(strand.high)}"/>')
    if strand.value is not None:
        parts.append(f'<path class="at" d="M{scale(strand.value)} {middle - 10:g}v20"/>')
    return [*parts, "</g>"]


def axis_ticks(low: float, high: float) -> list[float]:
    """Up to six round numbers between two."""
    span = high / 2 - low / 2
    power = 10.0 ** math.floor(math.log10(span / 2.5)) if span > 1e-290 else 0.0
    step = next((size * power for size in (1, 2, 5, 10) if 2 * (span / 5) <= size * power), 0.0)
    if not step or not math.isfinite(low / step) or abs(low / step) > 1e12:
        return [low, high]
    first = math.ceil(low / step)
    return [place * step for place in range(first, first + 7) if low <= place * step <= high] or [low, high]


def axis_told(value: float) -> str:
    """A number as it stands at an axis."""
    return f"{value:.6g}".replace("-", "\u2212")
