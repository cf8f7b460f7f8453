"""Pictures of a leaderboard's numbers, drawn by matplotlib as SVG, once for light pages and once for dark.

The only text in a picture is numbers and the runs' letters; titles and names stand in the page, where they
can be selected, read aloud and escaped. The bytes depend on the numbers alone: no date, fixed ids.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evalkit.audio.pictures import own_style
from evalkit.report.board import Board, Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 24
_WIDTH = 4.2
# Beyond this many points a strip becomes a bitmap inside the SVG: the file would otherwise grow past its use.
_VECTOR_POINTS = 1500


@dataclass(frozen=True)
class _Theme:
    ink: str
    faint: str
    grid: str
    runs: tuple[str, ...]


# Eight hues told apart under the common colour-vision deficiencies, at 4.5:1 and more on their ground;
# the same as --run-0 … --run-7 in style.css.
_LIGHT = _Theme(
    "#24292e", "#5c636a", "#dcd9d1",
    ("#0b6b69", "#a8471b", "#4554a4", "#7c6000", "#8b3a78", "#39702b", "#1a6d9b", "#5f5f5f"),
)  # fmt: skip
_DARK = _Theme(
    "#e3e6e8", "#a2a9b0", "#383e45",
    ("#5fc4bb", "#eb9a6c", "#a3b0f0", "#d8b84a", "#dd92cb", "#93c983", "#74bde6", "#b5b5b5"),
)  # fmt: skip


@dataclass(frozen=True)
class Chart:
    """One picture as two data URIs; `alt` says in words what it shows."""

    title: str
    caption: str
    alt: str
    light: str
    dark: str


@dataclass(frozen=True)
class _Strand:
    """One run's line in a picture: its letter, its colour's place, its interval and its values by sound."""

    key: str
    place: int
    value: float | None
    low: float | None
    high: float | None
    points: tuple[float, ...]


def charts(board: Board) -> tuple[Chart, ...]:
    """For each column: the per-prompt values where the metric has them, else the runs' intervals where there
    are several to compare. Beyond MAX_ROWS runs, the first MAX_ROWS of the table."""
    found = []
    for place, column in enumerate(board.columns):
        strands = _strands(board, place)
        if any(len(strand.points) > 1 for strand in strands):
            several = any(row.entrant.record.samples > 1 for row in board.rows)
            found.append(_distribution_chart(column, strands, "sound" if several else "prompt"))
        elif sum(strand.low is not None for strand in strands) > 1:
            found.append(_interval_chart(column, strands))
    return tuple(found)


def _strands(board: Board, place: int) -> list[_Strand]:
    strands = []
    for row in board.rows[:MAX_ROWS]:
        cell, record = row.cells[place], row.entrant.record
        if cell.estimate is None:
            continue
        scores = [item.scores.get(board.columns[place].metric) for item in record.items]
        points = tuple(score for score in scores if score is not None)
        estimate = cell.estimate
        low, high = (estimate.low, estimate.high) if estimate.value is not None else (None, None)
        strands.append(_Strand(row.entrant.key, row.entrant.place, estimate.value, low, high, points))
    return strands


def _toward(column: Column) -> str:
    return {"lower": "Left is better.", "higher": "Right is better."}.get(column.direction, "")


def _level(column: Column) -> str:
    return f"{100 * column.level:g} % " if column.level is not None else ""


def _interval_chart(column: Column, strands: Sequence[_Strand]) -> Chart:
    def draw(axes: Axes, theme: _Theme) -> None:
        for row, strand in enumerate(strands):
            if strand.low is None or strand.high is None or strand.value is None:
                continue
            colour = theme.runs[strand.place % 8]
            axes.plot([strand.low, strand.high], [row, row], color=colour, lw=5, alpha=0.35, solid_capstyle="butt")
            axes.plot([strand.value], [row], "o", color=colour, ms=6)

    caption = f"Value and {_level(column)}interval of each run. {_toward(column)}".strip()
    return _chart(column, caption, strands, draw)


def _distribution_chart(column: Column, strands: Sequence[_Strand], what: str) -> Chart:
    def draw(axes: Axes, theme: _Theme) -> None:
        flat = sum(len(strand.points) for strand in strands) > _VECTOR_POINTS
        for row, strand in enumerate(strands):
            if not strand.points:
                continue
            colour, x = theme.runs[strand.place % 8], np.asarray(strand.points)
            # The golden ratio spreads neighbours apart evenly, and alike at every build.
            lift = ((np.arange(len(x)) * 0.618034) % 1.0 - 0.5) * 0.56
            axes.plot(x, row + lift, "o", color=colour, ms=4, alpha=0.6, mew=0, rasterized=flat)
            if strand.low is not None and strand.high is not None:
                axes.plot(
                    [strand.low, strand.high], [row, row], color=theme.ink, lw=4, alpha=0.55, solid_capstyle="butt"
                )
            if strand.value is not None:
                axes.plot([strand.value, strand.value], [row - 0.34, row + 0.34], color=theme.ink, lw=2)

    what_ranks = f"upright line: the value that ranks; level bar: its {_level(column)}interval"
    caption = f"One dot per {what}; {what_ranks}. {_toward(column)}".strip()
    return _chart(column, caption, strands, draw)


def _chart(column: Column, caption: str, strands: Sequence[_Strand], draw: Callable[[Axes, _Theme], None]) -> Chart:
    title = column.meaning.title
    alt = f"{title}. {caption} Runs from top: {', '.join(strand.key for strand in strands)}."
    return Chart(title, caption, alt, _svg(strands, draw, _LIGHT), _svg(strands, draw, _DARK))


def _svg(strands: Sequence[_Strand], draw: Callable[[Axes, _Theme], None], theme: _Theme) -> str:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    settings = matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "evalkit", "path.simplify": False})
    with own_style(), settings:
        figure = Figure(figsize=(_WIDTH, 0.36 * max(len(strands), 2) + 0.4), dpi=160)
        axes = figure.add_axes((0.07, 0.0, 0.9, 1.0))
        draw(axes, theme)
        for row, strand in enumerate(strands):
            axes.text(-0.03, row, strand.key, color=theme.runs[strand.place % 8], weight="bold", size=10, ha="right",
                      va="center", transform=axes.get_yaxis_transform(), parse_math=False)  # fmt: skip
        axes.set_ylim(len(strands) - 0.4, -0.6)
        axes.set_yticks([])
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.tick_params(axis="x", colors=theme.faint, labelsize=9, length=0)
        axes.grid(axis="x", color=theme.grid, lw=0.8)
        axes.set_axisbelow(True)
        for spine in axes.spines.values():
            spine.set_visible(False)
        out = io.BytesIO()
        figure.savefig(out, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.04,
                       metadata={"Date": None, "Creator": None})  # fmt: skip
    return "data:image/svg+xml;base64," + base64.b64encode(_with_page_font(out.getvalue())).decode("ascii")


def _with_page_font(svg: bytes) -> bytes:
    """Ask for the reader's own sans-serif face first, as the page does."""
    return svg.replace(b"'DejaVu Sans'", b"system-ui, 'Helvetica Neue', Arial, 'DejaVu Sans'")
