"""Ratings in long form, as people write them: a table with the columns clip, system, rater, scale and score.

    clip,system,rater,scale,score[,prompt]
    p1-a,model-a,anna,quality,4
    p1-b,model-b,anna,quality,3

Separated by commas, semicolons or tabs. `rater` may be left out or empty throughout (then nobody knows who rated), and
so may `scale` (then there is one, "score"); `prompt` names what clips of several systems have in common, else each clip
stands alone. A rater rates a clip once per scale: twice is a fault, as nobody can say which counts."""

from __future__ import annotations

from pathlib import Path

from evalkit.ratings.base import Rating, Ratings, scales_seen
from evalkit.ratings.delimited import lines, named, number, separator
from evalkit.suites.rows import Faults

COLUMNS = {"clip": True, "system": True, "rater": False, "scale": False, "score": True, "prompt": False}
"""The columns, and whether each must be there."""


def fits(path: Path, columns: list[str]) -> bool:
    """Are these the columns of such a table?"""
    return {"clip", "score"} <= set(columns)


def read(path: Path) -> Ratings:
    """Read such a table. Raises UserError, naming line and column, for all that does not fit."""
    faults, rows = Faults(path), []
    first: dict[tuple[str, ...], int] = {}
    home: dict[str, tuple[str, str]] = {}
    for line, cells in lines(path, separator(path), COLUMNS, faults):
        clip, system = named(cells, "clip", line, faults), named(cells, "system", line, faults)
        score = number(cells, "score", line, faults)
        rater = named(cells, "rater", line, faults) if cells.get("rater") else ""
        scale = named(cells, "scale", line, faults) if cells.get("scale") else "score"
        prompt = named(cells, "prompt", line, faults) if cells.get("prompt") else clip
        if score is None or not clip or not system:
            continue
        if home.setdefault(clip, (system, prompt)) != (system, prompt):
            faults.add(
                line, "column clip: stands under another system or prompt before", "give each sound its own name"
            )
        if rater and (known := first.setdefault((clip, rater, scale), line)) != line:
            faults.add(
                line, f"column rater: has rated this clip on line {known:,} already", "keep the rating that counts"
            )
        rows.append(Rating(clip, prompt, system, rater, scale, score))
    if not rows and not faults:
        faults.add(None, "holds no ratings")
    some = sum(bool(row.rater) for row in rows)
    if 0 < some < len(rows):
        faults.add(
            None, f"column rater: is filled in {some:,} of {len(rows):,} rows", "fill it in all of them or in none"
        )
    faults.refuse()
    return Ratings(path.stem, rows, scales_seen(rows))
