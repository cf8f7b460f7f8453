"""Ratings as evalkit has them, whatever file they came in.

A rating is of one clip by one rater on one scale. A *clip* is one system's sound for one *prompt*; the prompts are what
clips of several systems have in common. Where a file does not say who rated, every rater is "": then no interval can
know of mild and strict raters, and every table says so."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from evalkit.core.text import one_line

MOST_BYTES = 96 << 20
"""The largest file of ratings; a million of them in long form have half of it."""

MOST_RATINGS = 1_000_000
LONGEST_NAME = 200


class Rating(NamedTuple):
    """One number, on `scale`; `rater` is "" where nobody says whose."""

    clip: str
    prompt: str
    system: str
    rater: str
    scale: str
    score: float


@dataclass(frozen=True)
class Scale:
    """What was asked: its name, title, and the ends of its points."""

    name: str
    title: str
    low: float
    high: float


@dataclass(frozen=True)
class Ratings:
    """All ratings of a file or a study. `source` and `licence` say where they are from ("" for one's own), `notes` what
    was left out or taken for granted while they were read. `labels` are what systems
    are called in tables. `place` makes (clip, prompt, system) of where a sound lies in the publisher's own folders,
    None of any other path."""

    name: str
    rows: Sequence[Rating]
    scales: Sequence[Scale]
    source: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    title: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    place: Callable[[str], tuple[str, str, str] | None] | None = None

    @property
    def known_raters(self) -> bool:
        """Does every rating say whose it is?"""
        return all(row.rater for row in self.rows)

    def of(self, scale: str) -> list[Rating]:
        """The ratings on one scale."""
        return [row for row in self.rows if row.scale == scale]


def name_of(value: object) -> str | None:
    """Text from outside as a name: on one line, without what a terminal obeys; None where nothing is left of it, or it
    is longer than a name."""
    return _cleaned(value) if isinstance(value, str) and len(value) <= LONGEST_NAME else None


@lru_cache(maxsize=1 << 16)
def _cleaned(value: str) -> str | None:
    """Kept, as a file of ratings has few names, each of them often."""
    return one_line(value, LONGEST_NAME).strip() or None


def score_of(value: object) -> float | None:
    """A finite number as people write it, from text or JSON; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    # float() takes "1_0" and digits of all scripts; a table that has such a thing means something else.
    plain = not isinstance(value, str) or (value.isascii() and "_" not in value)
    return number if plain and math.isfinite(number) else None


def scales_seen(rows: Sequence[Rating], low: float | None = None, high: float | None = None) -> tuple[Scale, ...]:
    """The scales of rows in their order, between the ends that are known, else the least and the largest score."""
    ends: dict[str, list[float]] = {}
    for row in rows:
        known = ends.setdefault(row.scale, [row.score, row.score])
        known[0], known[1] = min(known[0], row.score), max(known[1], row.score)
    return tuple(
        Scale(name, name, found[0] if low is None else low, found[1] if high is None else high)
        for name, found in ends.items()
    )
