"""The notes under a board: what its scores warn of, each said once, and first what sets some of its runs apart.

A warning that several columns carry is one note. Those of one column that differ in their numbers alone, as each run
has its own, are one too, with the range of each number; the exact ones stand in each run's scores.json.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"'[^']*'|\"[^\"]*\"|(?<![\w.\-−])(\d+(?:,\d{3})*(?:\.\d+)?)(?![\w\-]|[.,]\d)")
"""A number that stands by itself, and, so that none in it counts as one, a quoted name."""

ALL = "all runs"


@dataclass(frozen=True)
class Warned:
    """A warning of one score: `column` is the column's place on the board, `title` its heading, `run` the letter."""

    column: int
    title: str
    run: str
    text: str


@dataclass(frozen=True)
class Notes:
    """`texts` in the order in which they stand, and {(column, run): the numbers of its notes, from 1}."""

    texts: tuple[str, ...]
    numbers: Mapping[tuple[int, str], tuple[int, ...]]


@dataclass(frozen=True)
class _Note:
    text: str
    warnings: tuple[Warned, ...]

    @property
    def runs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.run for each in self.warnings))


def notes_of(warnings: Iterable[Warned], runs: Sequence[str], before: Sequence[str] = ()) -> Notes:
    """The notes of a board of `runs`, after those that stand `before` them."""
    found = _across_columns(_within_columns(warnings))
    found.sort(key=lambda note: len(note.runs) == len(runs))
    numbers: dict[tuple[int, str], list[int]] = {}
    for number, note in enumerate(found, start=len(before) + 1):
        for each in dict.fromkeys((warned.column, warned.run) for warned in note.warnings):
            numbers.setdefault(each, []).append(number)
    texts = (f"{_of_whom(note, runs)}: {note.text}" for note in found)
    return Notes((*before, *texts), {each: tuple(known) for each, known in numbers.items()})


def _within_columns(warnings: Iterable[Warned]) -> list[_Note]:
    """Warnings of one column and kind as one; of one run each is told by itself."""
    kinds: dict[tuple[int, str, int], list[Warned]] = {}
    seen: Counter[tuple[int, str, str]] = Counter()
    for each in warnings:
        kind = _NUMBER.sub(_masked, each.text)
        kinds.setdefault((each.column, kind, seen[each.column, kind, each.run]), []).append(each)
        seen[each.column, kind, each.run] += 1
    return [_Note(_ranged([each.text for each in those]), tuple(those)) for those in kinds.values()]


def _across_columns(notes: Iterable[_Note]) -> list[_Note]:
    """Those of one text as one."""
    texts: dict[str, list[Warned]] = {}
    for note in notes:
        texts.setdefault(note.text, []).extend(note.warnings)
    return [_Note(text, tuple(every)) for text, every in texts.items()]


def _masked(found: re.Match[str]) -> str:
    return found[0] if found[1] is None else "\0"


def _ranged(texts: Sequence[str]) -> str:
    """The first text, each number of it with the span that the others have in its place."""
    slots = [[found[1] for found in _NUMBER.finditer(text) if found[1] is not None] for text in texts]
    spans = iter(zip(*slots, strict=True))
    return _NUMBER.sub(lambda found: found[0] if found[1] is None else _span(next(spans)), texts[0])


def _span(numbers: Sequence[str]) -> str:
    least, most = (end(numbers, key=lambda each: float(each.replace(",", ""))) for end in (min, max))
    return least if least == most else f"{least} to {most}"


def _of_whom(note: _Note, runs: Sequence[str]) -> str:
    """ "A, B · FD-OpenL3", "all runs · FD-VGG, FD-PANN"; columns that concern other runs after a semicolon."""
    columns: dict[tuple[int, str], list[str]] = {}
    for each in note.warnings:
        columns.setdefault((each.column, each.title), []).append(each.run)
    titles: dict[str, list[str]] = {}
    for (_, title), those in columns.items():
        who = ALL if len(runs) > 1 and set(those) == set(runs) else ", ".join(dict.fromkeys(those))
        titles.setdefault(who, []).append(title)
    return "; ".join(f"{who} · {', '.join(dict.fromkeys(named))}" for who, named in titles.items())
