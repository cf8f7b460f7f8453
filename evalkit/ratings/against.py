"""Metrics held against listeners: `evalkit agree`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.core.errors import UserError
from evalkit.ratings.base import Rating, Ratings
from evalkit.ratings.describe import Ceilings, ceilings_of, clip_means
from evalkit.ratings.measured import Measured
from evalkit.ratings.music_arena import Leaderboard
from evalkit.stats.rank_agreement import Agreement, Figure, agreement


@dataclass(frozen=True)
class Held:
    """One metric against one scale; `ceilings` are those of the clips that have both. `missing` rated clips have no
    value, and `unrated` values no rating."""

    metric: str
    direction: str
    stated: bool
    scale: str
    agreement: Agreement
    ceilings: Ceilings
    missing: int
    unrated: int


def held_against(ratings: Ratings, metrics: Sequence[Measured]) -> list[Held]:
    """Each metric against each scale. Raises UserError where a metric has not one clip in common with the ratings."""
    found = []
    for scale in ratings.scales:
        rows = ratings.of(scale.name)
        means = clip_means(rows)
        for metric in metrics:
            key = "system" if metric.by_system else "clip"
            both = [clip for clip, (_, row) in means.items() if getattr(row, key) in metric.values]
            if not both:
                names = ", ".join(list(metric.values)[:2])
                of = ", ".join(dict.fromkeys(getattr(row, key) for _, row in list(means.values())[:2]))
                raise UserError(
                    f"{metric.metric}: has no {key} in common with the ratings",
                    f"it has {names}, the ratings have {of}",
                )
            found.append(_held(metric, scale.name, both, means, rows))
    return found


def _held(
    metric: Measured, scale: str, both: Sequence[str], means: Mapping[str, tuple[float, Rating]], rows: Sequence[Rating]
) -> Held:
    sign = -1.0 if metric.direction == "lower" else 1.0
    key = "system" if metric.by_system else "clip"
    kept = [means[clip][1] for clip in both]
    values = [sign * metric.values[getattr(row, key)] for row in kept]
    told = agreement(values, [means[clip][0] for clip in both], [r.system for r in kept], [r.prompt for r in kept])
    if metric.by_system:
        told = Agreement(told.between, dict.fromkeys(told.within, Figure(None, None)), told.systems, 0, told.clips)
    own = set(both)
    ceilings = ceilings_of([row for row in rows if row.clip in own])
    unrated = len(metric.values.keys() - {getattr(row, key) for _, row in means.values()})
    return Held(metric.metric, metric.direction, metric.stated, scale, told, ceilings, len(means) - len(both), unrated)


def held_against_board(board: Leaderboard, metrics: Sequence[Measured]) -> list[Held]:
    """Each metric's systems against a leaderboard's. Raises UserError as `held_against` does."""
    found = []
    scores = {row.system: row.score for row in board.rows}
    for metric in metrics:
        both = [system for system in scores if system in metric.values]
        if not metric.by_system or not both:
            why = "has no system in common with the leaderboard" if metric.by_system else "has values of clips"
            raise UserError(f"{metric.metric}: {why}", f"the leaderboard has {', '.join(list(scores)[:4])} ...")
        sign = -1.0 if metric.direction == "lower" else 1.0
        values = np.array([sign * metric.values[system] for system in both])
        told = agreement(values, [scores[system] for system in both], both, both)
        alone = Agreement(told.between, dict.fromkeys(told.within, Figure(None, None)), told.systems, 0, told.clips)
        unrated = len(metric.values) - len(both)
        missing = len(scores) - len(both)
        none = Ceilings(None, None, None)
        found.append(Held(metric.metric, metric.direction, metric.stated, "arena", alone, none, missing, unrated))
    return found
