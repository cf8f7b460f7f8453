"""What `evalkit verify --against originals` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli.complaints import complain
from evalkit.cli.output import print_json, print_table, say, warn
from evalkit.core.faults import Gathering
from evalkit.core.text import short_digest

if TYPE_CHECKING:
    from evalkit.originals.compare import ClipRow, Comparison, Row
    from evalkit.originals.quantities import Quantity

_MOST_CLIPS = 12


def against_originals(
    names: Sequence[str], clips: Path | None, weights: Sequence[str], as_json: bool, faults: Gathering
) -> None:
    """Compare and print the table; `faults` are what is wrong with the words. Raises typer.Exit: 1 where a bound is
    broken, 2 where an original failed."""
    from evalkit.originals.compare import compare
    from evalkit.run.config import parse_weights

    given = faults.read({}, parse_weights, weights)
    found = compare(names, clips, given, warn, faults.errors)
    if as_json:
        print_json(_record(found))
    else:
        _tell(found)
    for judge, error in found.failed.items():
        complain(error, judge)
    if not found.within or found.failed:
        raise typer.Exit(2 if found.within else 1)


def _tell(found: Comparison) -> None:
    if found.rows:
        headers = ["judge", "quantity", "cases", "absolute", "relative", "bound", "evalkit", "original", "verdict"]
        print_table(headers, [_cells(row) for row in found.rows], numbers=(2, 3, 4, 6, 7))
        say()
    _tell_clips(found.clips)
    for note in dict.fromkeys(row.quantity.note for row in found.rows if row.quantity.note):
        say(f"note: {note}")
    for line in found.left_out:
        say(f"left out: {line}")
    for read in found.read:
        why = f"; {_seeded()}, as {read.why_seeded}" if read.why_seeded else ""
        say(f"{read.judge}: {read.file} (sha256 {short_digest(read.digest)}){why}")
    broken = [row for row in found.rows if row.verdict == "differs"]
    for row in broken:
        say(f"differs: {row.judge}, {row.quantity.title}: {row.difference.reason or 'beyond its bound'}")
    missing = f"; not compared: {', '.join(found.failed)}" if found.failed else ""
    say(f"{len(found.rows) - len(broken)} of {len(found.rows)} within their bounds{missing}")


def _tell_clips(rows: Sequence[ClipRow]) -> None:
    """Per clip, what is bounded of each quantity; of many clips those that differ most."""
    for judge in dict.fromkeys(row.judge for row in rows):
        mine = [row for row in rows if row.judge == judge]
        quantities = list(dict.fromkeys(row.quantity for row in mine))
        by_clip = {clip: [row for row in mine if row.clip == clip] for clip in dict.fromkeys(row.clip for row in mine)}
        worst = sorted(by_clip, key=lambda clip: -max(_share(row) for row in by_clip[clip]))
        shown = [clip for clip in by_clip if clip in worst[:_MOST_CLIPS]]
        cells = [[clip, *(_number(row.difference.bounded) for row in by_clip[clip])] for clip in shown]
        headers = [judge, *(f"{quantity.title} ({quantity.measure})" for quantity in quantities)]
        print_table(headers, cells, numbers=range(1, len(headers)))
        if len(by_clip) > len(shown):
            say(f"and {len(by_clip) - len(shown)} clips that differ less; --json has all")
        say()


def _share(row: ClipRow) -> float:
    """How much of its bound the difference takes."""
    bounded = row.difference.bounded
    return float("inf") if bounded is None else bounded / row.quantity.bound


def _cells(row: Row) -> list[object]:
    found = row.difference
    figures = [_number(found.absolute), _number(found.relative), _bound(row.quantity)]
    values = ["" if value is None else f"{value:.6f}" for value in (row.ours, row.theirs)]
    return [row.judge, row.quantity.title, row.cases, *figures, *values, row.verdict]


def _bound(quantity: Quantity) -> str:
    told = "1 - cosine" if quantity.measure == "cosine" else quantity.measure
    return f"{quantity.bound:.0e} {told}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


def _seeded() -> str:
    from evalkit.originals.weights import SEEDED

    return SEEDED


def _record(found: Comparison) -> dict[str, Any]:
    rows = [{**asdict(row), "verdict": row.verdict} for row in found.rows]
    read = [
        {"judge": each.judge, "file": str(each.file), "sha256": each.digest, "seeded": bool(each.why_seeded)}
        for each in found.read
    ]
    clips = [asdict(row) for row in found.clips]
    failed = {judge: str(error) for judge, error in found.failed.items()}
    ok = found.within and not failed
    return {"ok": ok, "failed": failed, "rows": rows, "clips": clips, "left_out": list(found.left_out), "weights": read}
