"""What the first screen answers: who is ahead and whether that is certain, and what is wrong with the sounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.audio.verdicts import VERDICTS
from evalkit.report.board import Board, Cell
from evalkit.report.entrants import Entrant
from evalkit.report.prompts import Entry


@dataclass(frozen=True)
class Finding:
    """One verdict on the audio: its name, when it is given, and how many sounds of each run carry it ("12 of 64")."""

    verdict: str
    when: str
    counts: tuple[str, ...]


def ahead(board: Board) -> tuple[str, ...]:
    """For each metric that ranks several runs (for those of which the same is to be said, together): the run that is
    separated from all others, or those that may hold the first place."""
    said: dict[str, list[str]] = {}
    for place, column in enumerate(board.columns):
        ranked = [(row.entrant.key, row.cells[place]) for row in board.rows if row.cells[place].standing is not None]
        if len(ranked) > 1:
            said.setdefault(_first(ranked), []).append(column.meaning.title)
    return tuple(f"{', '.join(titles)}: {told}" for told, titles in said.items())


def _first(ranked: Sequence[tuple[str, Cell]]) -> str:
    best = next((key for key, cell in ranked if cell.best), "")
    first = [key for key, cell in ranked if cell.standing is not None and cell.standing.best == 1]
    if best:
        return f"{best} is ahead, separated from every other run."
    if len(first) == len(ranked):
        return "nobody is ahead for certain; any of the runs may be the first."
    return f"nobody is ahead for certain; the first may be {_any_of(first)}."


def _any_of(keys: Sequence[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} or {keys[-1]}"


def typical(entries: Sequence[Entry]) -> Entry | None:
    """The prompt of which most can be heard, runs and the reference, and of these the one in the middle by all that
    ranks, so that it speaks neither for nor against the models; None where none can be heard."""
    heard = {entry.anchor: _heard(entry) for entry in entries}
    most = max(heard.values(), default=0)
    if not most:
        return None
    known = [entry for entry in entries if heard[entry.anchor] == most]
    places = dict.fromkeys((entry.anchor for entry in known), 0)
    for metric in range(len(known[0].order)):
        for place, entry in enumerate(sorted(known, key=lambda entry: entry.order[metric] or 0.0)):
            places[entry.anchor] += place
    return sorted(known, key=lambda entry: places[entry.anchor])[(len(known) - 1) // 2]


def _heard(entry: Entry) -> int:
    runs = {take.entrant.key for take in entry.takes if take.media.sound}
    return len(runs) + (entry.reference is not None and bool(entry.reference.sound))


def findings(entrants: Sequence[Entrant]) -> tuple[Finding, ...]:
    """The verdicts that any run's sounds carry, in the order of `VERDICTS`, then others that its files name."""
    counts = [Counter(name for item in each.record.items for name in set(item.verdicts)) for each in entrants]
    present = {name for each in counts for name in each}
    names = [*(name for name in VERDICTS if name in present), *sorted(present - set(VERDICTS))]
    sizes = [len(each.record.items) for each in entrants]
    return tuple(
        Finding(name, VERDICTS.get(name, ""), tuple(_of(each[name], n) for each, n in zip(counts, sizes, strict=True)))
        for name in names
    )


def _of(times: int, n: int) -> str:
    return f"{times} of {n:,}" if times else "none"
