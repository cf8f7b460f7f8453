"""JSON lines with ten ratings a clip on the four axes of Audiobox Aesthetics: what AES-PAM and AudioMOS have in common.

    {"data_path": "...", "Production_Quality": [8.0, 7.0, ...], "Production_Complexity": [...],
     "Content_Enjoyment": [...], "Content_Usefulness": [...]}

(Tjandra et al., "Meta Audiobox Aesthetics", arXiv 2502.05139.) The lists do not say whose a rating is: the first ones
of a list are higher on the whole than the last, so that a place is no rater either."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.faults import shown
from evalkit.core.jsonio import parse_json
from evalkit.core.reading import read_bytes
from evalkit.ratings.base import MOST_BYTES, MOST_RATINGS, Rating, Scale, score_of
from evalkit.suites.rows import Faults

LOW, HIGH = 0, 10
MOST_RATERS = 1000
AXES = {
    "Production_Quality": Scale("PQ", "production quality", LOW, HIGH),
    "Production_Complexity": Scale("PC", "production complexity", LOW, HIGH),
    "Content_Enjoyment": Scale("CE", "content enjoyment", LOW, HIGH),
    "Content_Usefulness": Scale("CU", "content usefulness", LOW, HIGH),
}

Placed = tuple[str, str, str]
"""A clip, its prompt and its system."""


def read_axes(path: Path, place: Callable[[str], Placed | None], form: str) -> list[Rating]:
    """The ratings of such a file; `place` makes clip, prompt and system of a data_path, None where it cannot, which
    `form` describes. Raises UserError, naming line and field, for all that does not fit."""
    faults, rows = Faults(path), []
    seen: dict[str, int] = {}
    for line, text in enumerate(read_bytes(path, MOST_BYTES, "file of ratings").split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            record = parse_json(text, "it", finite=True, once=True)
        except UserError as error:
            faults.add(line, f"is no JSON: {error.message.partition('JSON: ')[2]}")
            continue
        if not isinstance(record, dict):
            faults.add(line, "is no JSON object")
            continue
        rows += _of_line(record, line, place, form, seen, faults)
        if len(rows) > MOST_RATINGS:
            raise UserError(f"{path}: holds more than {MOST_RATINGS:,} ratings", "split it")
    if not rows and not faults:
        faults.add(None, "holds no ratings")
    faults.refuse()
    return rows


def _of_line(
    record: dict[str, object],
    line: int,
    place: Callable[[str], Placed | None],
    form: str,
    seen: dict[str, int],
    faults: Faults,
) -> list[Rating]:
    said = record.get("data_path")
    placed = place(said) if isinstance(said, str) and len(said) < 1000 else None
    if placed is None:
        faults.add(line, f"data_path: is not {form}")
    elif (known := seen.setdefault(placed[0], line)) != line:
        faults.add(line, f"data_path: this clip stands on line {known:,} already")
    found = []
    for axis, scale in AXES.items():
        values = record.get(axis)
        if not isinstance(values, list) or not 1 <= len(values) <= MOST_RATERS:
            faults.add(line, f"{axis}: is no list of ratings")
            continue
        for value in values:
            score = None if isinstance(value, str) else score_of(value)
            if score is None:
                faults.add(line, f"{axis}: {shown(value)} is no number")
            elif not LOW <= score <= HIGH:
                faults.add(line, f"{axis}: {shown(value)} is not within {LOW} and {HIGH}")
            elif placed is not None:
                found.append(Rating(*placed, "", scale.name, score))
    return found
