"""The results of webMUSHRA (Schoeffler et al., Journal of Open Research Software 2018): its `mushra.csv`.

One row per stimulus of a page: `session_uuid` is the listener, `trial_id` the page and so the prompt, `rating_stimulus`
the condition and so the system (`reference` the hidden one, `anchor35` and `anchor70` the low-passed ones),
`rating_score` 0 to 100. Comments, times and what is asked of participants are not read."""

from __future__ import annotations

from pathlib import Path

from evalkit.ratings.base import Rating, Ratings, Scale
from evalkit.ratings.delimited import lines, named, number, separator
from evalkit.suites.rows import Faults

COLUMNS = {"session_uuid": True, "trial_id": True, "rating_stimulus": True, "rating_score": True}
LOW, HIGH = 0, 100


def fits(path: Path, columns: list[str]) -> bool:
    """Are these the columns of such a file?"""
    return {"rating_stimulus", "rating_score"} <= set(columns)


def read(path: Path) -> Ratings:
    """Read such a file. Raises UserError, naming line and column, for all that does not fit."""
    faults, rows = Faults(path), []
    first: dict[tuple[str, str, str], int] = {}
    for line, cells in lines(path, separator(path), COLUMNS, faults):
        rater, page, stimulus = (named(cells, c, line, faults) for c in ("session_uuid", "trial_id", "rating_stimulus"))
        score = number(cells, "rating_score", line, faults)
        if score is None or not (rater and page and stimulus):
            continue
        if not LOW <= score <= HIGH:
            faults.add(line, f"column rating_score: is not within {LOW} and {HIGH}")
        if (known := first.setdefault((rater, page, stimulus), line)) != line:
            faults.add(line, f"column rating_stimulus: this listener rated it on line {known:,} already")
        rows.append(Rating(f"{page}/{stimulus}", page, stimulus, rater, "mushra", score))
    if not rows and not faults:
        faults.add(None, "holds no ratings")
    faults.refuse()
    return Ratings(path.stem, rows, (Scale("mushra", "MUSHRA", LOW, HIGH),))
