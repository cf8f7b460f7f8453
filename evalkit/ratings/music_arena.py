"""Music Arena's monthly leaderboards (gclef-cmu/music-arena, MIT; Kim et al., arXiv 2507.20900): TSV of Bradley-Terry
scores of systems by live votes, on the scale of Elo, with intervals and numbers of votes.

A board has a score a system, no ratings of clips: what can be asked of it is whether a metric puts systems in that
order. Intervals are written as `±71` or `+68.9 / -35.1`. Its real-time factor is duration over time, so that more is
faster."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.faults import shown
from evalkit.ratings.delimited import lines, named, number
from evalkit.suites.rows import Faults

COLUMNS = {"Rank": True, "Model": True, "Arena Score": True, "95% CI": True, "# Votes": True} | {
    "Generation Speed (RTF)": False
}
_NUMBER = r"(\d{1,6}(?:\.\d{1,6})?)"
_EVEN, _UNEVEN = re.compile(rf"± ?{_NUMBER}"), re.compile(rf"\+{_NUMBER} ?/ ?-{_NUMBER}")


@dataclass(frozen=True)
class Standing:
    """A system's score between `low` and `high`, of so many votes; `speed` is seconds of sound per second, or None."""

    system: str
    score: float
    low: float
    high: float
    votes: int
    speed: float | None


@dataclass(frozen=True)
class Leaderboard:
    """One month's board, best first; the rest is as of `Ratings`."""

    name: str
    rows: tuple[Standing, ...]
    source: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    title: str = ""


def fits(path: Path, columns: list[str]) -> bool:
    """Are these the columns of such a board?"""
    return {"Model", "Arena Score"} <= set(columns)


def read(path: Path) -> Leaderboard:
    """Read such a file. Raises UserError, naming line and column, for all that does not fit."""
    faults, rows = Faults(path), []
    seen: dict[str, int] = {}
    for line, cells in lines(path, "\t", COLUMNS, faults):
        system, score = named(cells, "Model", line, faults), number(cells, "Arena Score", line, faults)
        votes, ends = number(cells, "# Votes", line, faults), _ends(cells["95% CI"])
        if ends is None:
            faults.add(line, f"column 95% CI: {shown(cells['95% CI'])} is neither ±N nor +N / -N")
        if votes is not None and (votes < 0 or votes != int(votes)):
            faults.add(line, "column # Votes: is no whole number")
        if system and (known := seen.setdefault(system, line)) != line:
            faults.add(line, f"column Model: stands on line {known:,} already")
        said = cells.get("Generation Speed (RTF)", "")
        speed = number(cells, "Generation Speed (RTF)", line, faults) if said else None
        if system and score is not None and votes is not None and ends is not None:
            rows.append(Standing(system, score, score - ends[0], score + ends[1], int(votes), speed))
    if not rows and not faults:
        faults.add(None, "holds no systems")
    faults.refuse()
    return Leaderboard(path.stem, tuple(sorted(rows, key=lambda row: -row.score)))


def _ends(said: str) -> tuple[float, float] | None:
    """How far the interval reaches down and up."""
    if even := _EVEN.fullmatch(said):
        return float(even[1]), float(even[1])
    uneven = _UNEVEN.fullmatch(said)
    return (float(uneven[2]), float(uneven[1])) if uneven else None
