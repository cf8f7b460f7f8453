"""A study as it is told, scale by scale: a table of systems, how far listeners agree, who was left out, what they
wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from evalkit.comparison.ranks import Contest, Outcome, outcomes
from evalkit.core.text import count
from evalkit.ratings import told
from evalkit.ratings.collected import Collected
from evalkit.ratings.collected import told as who_counts
from evalkit.ratings.heard import HeardScale
from evalkit.report.tables import Sheet
from evalkit.report.text import MISSING

RANKS = (
    "Rank: the places that a system may hold. Every two are compared by the listeners and prompts that they have in "
    "common, and separated where that stays clear of zero after Holm's adjustment for all comparisons of the study."
)
_BY = {
    False: "Intervals are for new listeners and new prompts.",
    True: "Scores are Bradley-Terry's with ties (Davidson), in logits around 0; intervals are for new listeners.",
}


@dataclass(frozen=True)
class Part:
    """One scale: its title and question, tables, and what is to be known of them."""

    title: str
    question: str
    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...]


def parts(found: Collected, scales: Sequence[HeardScale]) -> list[Part]:
    """Every scale. The references and anchors of MUSHRA stand in the tables and are not ranked."""
    runs = [each.id for each in found.systems if each.id not in _anchors(found)]
    ranked = outcomes([_contest(scale, runs) for scale in scales])
    return [_part(found, scale, runs, outcome) for scale, outcome in zip(scales, ranked, strict=True)]


def _anchors(found: Collected) -> set[str]:
    from evalkit.listening.study import ROLES

    return (
        {each.id for each in found.systems if each.id == each.name and each.id in ROLES}
        if found.form == "mushra"
        else set()
    )


def _contest(scale: HeardScale, runs: Sequence[str]) -> Contest:
    told_of = {each.system for each in scale.heard}
    given = {
        (one, other): scale.differences[runs[one], runs[other]]
        for one, other in combinations(range(len(runs)), 2)
        if runs[one] in told_of and runs[other] in told_of
    }
    return Contest(scale.asked.name, [None] * len(runs), "higher", given)


def _part(found: Collected, scale: HeardScale, runs: Sequence[str], outcome: Outcome) -> Part:
    asked = scale.asked
    points = "score" if scale.votes else f"mean ({asked.low:g} to {asked.high:g})"
    counted = tuple(label for label, _ in scale.heard[0].counts) if scale.heard else ()
    rows = []
    for each in sorted(scale.heard, key=lambda one: -one.value):
        standing = outcome.standings[runs.index(each.system)] if each.system in runs else None
        rows.append(
            (
                found.labels[each.system],
                told.value(each.value, each.interval),
                MISSING if standing is None else standing.text,
                f"{each.listeners:,}",
                f"{each.ratings:,}",
                *(f"{n:,}" for _, n in each.counts),
            )
        )
    head = ("system", points, "rank", "listeners", "votes" if scale.votes else "ratings", *counted)
    sheets = [Sheet(asked.title, head, tuple(rows)), _gaps(found, scale, outcome, runs)]
    if scale.described is not None:
        sheets.append(told.reliability_sheet([scale.described]))
    notes = [*scale.notes, _BY[scale.votes], RANKS, *([told.CEILING] if scale.described is not None else [])]
    return Part(asked.title, asked.question, tuple(sheet for sheet in sheets if sheet.rows), tuple(notes))


def _gaps(found: Collected, scale: HeardScale, outcome: Outcome, runs: Sequence[str]) -> Sheet:
    """Every two runs."""
    rows = []
    for (one, other), each in outcome.differences.items():
        ends = (
            MISSING if each.low is None or each.high is None else f"{each.value:.2f} [{each.low:.2f}, {each.high:.2f}]"
        )
        p = MISSING if each.p is None else f"{outcome.adjusted[one, other]:.2g}"
        rows.append((f"{found.labels[runs[one]]} − {found.labels[runs[other]]}", ends, p))
    return Sheet(f"{scale.asked.title}: differences", ("", "difference", "p (adj.)"), tuple(rows))


def study_notes(found: Collected) -> list[str]:
    """Who counts, the loudness, and whether there are comments."""
    lines = who_counts(found)
    if found.loudness:
        lines.append(f"levels: {found.loudness}")
    if found.comments:
        lines.append(f"{count(len(found.comments), 'comment')}: on the page of `evalkit report --listeners`")
    return lines
