"""How much of each score's variance lies between prompts and how much between the sounds of one, in words.

`stats/variance.py` has the formulas; the figures are those of scores.json, where prompts have several sounds.
"""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.report.board import Board
from evalkit.report.entrants import Entrant
from evalkit.report.records import Split
from evalkit.report.text import decimals, fixed

HEADINGS = (
    "between prompts", "between sounds of a prompt", "standard error", "with twice the prompts",
    "with twice the sounds",
)  # fmt: skip
"""What the cells of a row are."""

CUT = "the estimate between prompts fell below 0 and is cut there"


@dataclass(frozen=True)
class Spread:
    """The row of one score of one run: a text for each of `HEADINGS`. `cut` says that the part between prompts was
    estimated below 0."""

    entrant: Entrant
    title: str
    headline: bool
    cells: tuple[str, ...]
    cut: bool


def splits(board: Board) -> tuple[Spread, ...]:
    """The rows of the runs whose prompts have several sounds, for each metric with a value per sound that varies."""
    columns = (*board.columns, *board.further)
    rows = sorted(board.rows, key=lambda row: row.entrant.place)
    found = []
    for place, column in enumerate(columns):
        for row in rows:
            estimate = (*row.cells, *row.further)[place].estimate
            split = None if estimate is None else estimate.split
            if estimate is not None and split is not None and split.share is not None:
                cells = (*_parts(split), *_errors(estimate.se, split.twice_prompts, split.twice_samples))
                found.append(Spread(row.entrant, column.meaning.title, column.headline, cells, split.cut))
    return tuple(found)


def sentence(split: Split, se: float | None) -> str:
    """ "82 % of the variance lies between prompts, 18 % between sounds of a prompt; twice as many prompts: ±0.106
    instead of ±0.150 (standard error); twice as many sounds a prompt: ±0.145"; "" where nothing varies."""
    if split.share is None:
        return ""
    between, within = _parts(split)
    told = f"{between} of the variance lies between prompts, {within} between sounds of a prompt"
    told += f" ({CUT})" if split.cut else ""
    if se is None or split.twice_prompts is None or split.twice_samples is None:
        return told
    now, prompts, sounds = _errors(se, split.twice_prompts, split.twice_samples)
    more = f"twice as many prompts: ±{prompts} instead of ±{now} (standard error)"
    return f"{told}; {more}; twice as many sounds a prompt: ±{sounds}"


def _parts(split: Split) -> tuple[str, str]:
    share = split.share or 0.0
    return f"{100 * share:.0f} %", f"{100 - round(100 * share)} %"


def _errors(*errors: float | None) -> tuple[str, ...]:
    """With three digits of the smallest: what more sounds buy may show in the third alone."""
    places = decimals([each / 10 for each in errors if each], ())
    return tuple(fixed(each, places) for each in errors)
