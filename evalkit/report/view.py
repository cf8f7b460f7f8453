"""Everything the page shows, as frozen plain data; the template only lays it out.

A section is one board (one table of comparable runs) with its failures, prompts and provenance. Texts here
are harmless to look at (`records` saw to that) but not escaped: that is the template engine's part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evalkit.core.text import count, part_of
from evalkit.report.answers import Finding, ahead, findings, typical
from evalkit.report.board import RANDOM, Board, boards, heading
from evalkit.report.charts import Chart, charts
from evalkit.report.entrants import Entrant
from evalkit.report.prompts import Entry, prompts_of
from evalkit.report.provenance import Provenance, provenance
from evalkit.report.published import Figure
from evalkit.report.records import RunRecord
from evalkit.report.sampling import Audio
from evalkit.report.shelf import WITHIN, Shelf
from evalkit.report.slice_view import Slices, slices_of
from evalkit.report.speed import Pace, paces
from evalkit.report.variance import Spread, splits

if TYPE_CHECKING:
    from evalkit.report.ears import Ears
    from evalkit.report.listeners import Listeners

MAX_FAILURES = 200
MINI = (
    "These numbers come from evalkit's mini networks, about 1/100 of the published size. "
    "They compare runs under this same protocol only, and say nothing beside published figures."
)
RANDOM_WEIGHTS = (
    "These networks have random weights: they were run to see how fast they are. Their sounds and scores say "
    "nothing about the model whose architecture they have."
)


@dataclass(frozen=True)
class Failure:
    entrant: Entrant
    number: int
    prompt: str
    sound: str
    anchor: str
    reason: str
    verdicts: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """One board and everything under it. `typical` is the prompt that the first screen plays, None where
    nothing can be played; `sorts` names the headline metrics by prompt, as (title, worst end); `several`
    says that prompts have more than one sound of a run, `pictures` that any is shown; `common` are verdicts that nearly
    every sound has."""

    anchor: str
    board: Board
    heading: str
    mini: bool
    random: bool
    summary: str
    ahead: tuple[str, ...]
    typical: Entry | None
    findings: tuple[Finding, ...]
    charts: tuple[Chart, ...]
    failures: tuple[Failure, ...]
    failure_counts: tuple[tuple[str, int], ...]
    failure_total: int
    flagged: int
    entries: tuple[Entry, ...]
    sorts: tuple[tuple[str, Literal["ascending", "descending"]], ...]
    several: bool
    common: tuple[tuple[str, int, int], ...]
    pictures: bool
    audio_note: str
    splits: tuple[Spread, ...]
    slices: Slices
    provenance: tuple[Provenance, ...]
    paces: tuple[Pace, ...]


@dataclass(frozen=True)
class ReportView:
    """`listeners` is what was said in a study of these runs, None where there is none."""

    title: str
    summary: str
    sections: tuple[Section, ...]
    listeners: Listeners | None = None


def build(
    records: Sequence[RunRecord],
    audio: Audio,
    published: Sequence[Figure] = (),
    choice: frozenset[str] | None = None,
    reference: bool = True,
    ears: Ears | None = None,
    shelf: Shelf = WITHIN,
) -> ReportView:
    """The whole page of the given runs; `published` are the figures of papers to choose from, `choice` the ids of the
    prompts that are shown with sound, where that is not left to the ranking, `reference` asks for the reference
    recordings where they are known, and `ears` are what listeners said. Sounds and pictures go onto `shelf`."""
    asked = audio, choice, reference, shelf
    sections = tuple(_section(place, board, *asked) for place, board in enumerate(boards(records, published, ears)))
    if len(records) == 1:
        board = sections[0].board
        title = f"{board.rows[0].entrant.name} on {board.title}"
    elif len(sections) == 1:
        title = f"{count(len(records), 'run')} on {sections[0].board.title}"
    else:
        title = f"{count(len(records), 'run')} in {count(len(sections), 'table')}"
    summary = (
        sections[0].heading
        if len(sections) == 1
        else "Runs of different suites, protocols, sizes or sets of prompts stand apart."
    )
    return ReportView(title, summary, sections, None if ears is None else _listeners(ears, records))


def _listeners(ears: Ears, records: Sequence[RunRecord]) -> Listeners:
    from evalkit.report.listeners import listeners

    return listeners(ears, records)


def _section(
    place: int, board: Board, audio: Audio, choice: frozenset[str] | None, reference: bool, shelf: Shelf
) -> Section:
    entrants = board.entrants
    anchor = f"s{place + 1}"
    prompts = prompts_of(board, f"{anchor}-p", audio, choice, reference, shelf)
    entries = prompts.entries
    failures = _failures(entries)
    return Section(
        anchor=anchor,
        board=board,
        heading=heading(board),
        mini=board.size == "mini",
        random=board.size == RANDOM,
        summary=_summary(entrants, len(failures)),
        ahead=ahead(board),
        typical=typical(entries),
        findings=findings(entrants),
        charts=charts(board),
        failures=failures[:MAX_FAILURES],
        failure_counts=tuple(Counter(failure.reason for failure in failures).most_common(8)),
        failure_total=len(failures),
        flagged=sum(not take.failed and bool(take.verdicts) for entry in entries for take in entry.takes),
        entries=entries,
        sorts=prompts.sorts,
        several=prompts.several,
        common=prompts.common,
        pictures=any(take.media.picture for entry in entries for take in entry.takes),
        audio_note=" ".join(
            filter(None, (_audio_note(prompts.full, len(entries), audio), shelf.told, prompts.recordings))
        ),
        splits=splits(board),
        slices=slices_of(board),
        provenance=tuple(provenance(entrant) for entrant in entrants),
        paces=paces(entrants),
    )


def _failures(entries: Sequence[Entry]) -> tuple[Failure, ...]:
    return tuple(
        Failure(
            take.entrant, entry.number, entry.text or entry.id, take.sound, entry.anchor, take.reason, take.verdicts
        )
        for entry in entries
        for take in entry.takes
        if take.failed
    )


def _summary(entrants: Sequence[Entrant], failures: int) -> str:
    unfinished = sum(bool(entrant.record.unfinished) for entrant in entrants)
    told = [count(len(entrants), "run"), f"{unfinished} of them not finished" if unfinished else ""]
    if unfinished < len(entrants):
        told.append(f"{count(failures, 'item')} failed" if failures else "no failed items")
    return " · ".join(filter(None, told))


def _audio_note(full: int, prompts: int, audio: Audio) -> str:
    if audio == "none":
        return "This report was made without audio."
    preview = (
        "Players hold lossy previews (Opus at about 80 kbit/s, 54 in mono); the scored files and their sha256 are in "
        "the run folder."
    )
    if full < prompts:
        spread = "a spread over the whole ranking, worst and best included, and some of the failed items"
        more = "So the page stays one file; --audio all puts the sound of every prompt into a folder beside it."
        return f"Audio for {part_of(full, prompts, 'prompt')}: {spread}. {more} {preview}"
    return preview
