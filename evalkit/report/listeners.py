"""The part of the page that is the listeners': a section for each scale, how far the metrics agree with it, who was
left out, and what they wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.core.errors import UserError
from evalkit.ratings import told
from evalkit.ratings.against import held_against
from evalkit.ratings.collected import Collected, Comment, as_ratings
from evalkit.ratings.collected import told as who_counts
from evalkit.ratings.measured import measured_of_runs
from evalkit.ratings.parts import Part, parts
from evalkit.report.ears import Ears
from evalkit.report.records import RunRecord


@dataclass(frozen=True)
class Listeners:
    """What the template lays out."""

    title: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    comments: tuple[Comment, ...]


def listeners(ears: Ears, records: Sequence[RunRecord]) -> Listeners:
    """The section of a page of these runs."""
    found = ears.collected
    own = parts(found, ears.scales)
    agreement = _agreement(found, records)
    every = (*own, agreement) if agreement is not None else tuple(own)
    levels = [f"levels: {found.loudness}"] if found.loudness else []
    return Listeners(found.title or f"Study {found.study}", every, (*who_counts(found), *levels), found.comments)


def _agreement(found: Collected, records: Sequence[RunRecord]) -> Part | None:
    """How far each metric with a value per prompt agrees with these ratings; None where there is nothing to hold."""
    sides = [record.side for record in records if record.side is not None]
    if not found.scores:
        return None
    held = []
    for metric in measured_of_runs(sides):
        try:
            held += held_against(as_ratings(found, found.study), [metric])
        except UserError:  # no clip that was rated has a value of it
            continue
    if not held:
        return None
    return Part(
        "Metrics against these listeners", "", (told.agreement_sheet(held),), tuple(told.agreement_notes(held, ""))
    )


def require_heard(found: Collected, records: Sequence[RunRecord]) -> None:
    """Raises UserError where the listeners heard none of the runs."""
    runs = [record.run_id for record in records]
    if not set(runs) & set(found.names):
        raise UserError(
            f"the listeners heard none of these runs: {', '.join(runs[:3])}",
            f"the study was of {', '.join(list(found.names)[:3])}",
        )
