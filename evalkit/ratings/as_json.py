"""Ratings and agreement for machines: what `evalkit agree --json` and `evalkit listen --collect --json` print. Every
number with its interval, None where none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from evalkit.ratings.against import Held
from evalkit.ratings.collected import Collected
from evalkit.ratings.combined import Estimated, Gap
from evalkit.ratings.describe import Described
from evalkit.ratings.heard import HeardScale
from evalkit.ratings.music_arena import Leaderboard
from evalkit.stats.intervals import Interval
from evalkit.stats.powered import Powered
from evalkit.stats.rank_agreement import Figure


def described(one: Described) -> dict[str, Any]:
    """A scale's reliability, means and smallest differences."""
    own = one.reliability
    return {
        "scale": one.scale.name,
        "low": one.scale.low,
        "high": one.scale.high,
        "ratings": one.ratings,
        "raters": one.raters or None,
        "reliability": None
        if own is None
        else {"single": own.single, "raters": own.raters, **ends(own.value, own.interval)},
        "alpha": one.alpha,
        "icc": one.icc,
        "ceilings": {"clips": one.ceilings.clips, "within": one.ceilings.within, "between": one.ceilings.between},
        "systems": [
            {"system": each.system, "clips": each.clips, "ratings": each.ratings, **ends(each.mean, each.interval)}
            for each in one.systems
        ],
        "same_prompts": one.shared,
        "smallest_differences": [
            {"clips": n, "raters": k, "difference": each} for (n, k), each in one.detectable.items()
        ],
    }


def held(one: Held) -> dict[str, Any]:
    """A metric against a scale."""
    return {
        "metric": one.metric,
        "direction": one.direction,
        "direction_stated": one.stated,
        "scale": one.scale,
        "clips": one.agreement.clips,
        "systems": one.agreement.systems,
        "within": _figures(one.agreement.within),
        "between": _figures(one.agreement.between),
        "ceiling_within": one.ceilings.within,
        "ceiling_between": one.ceilings.between,
        "rated_without_a_value": one.missing,
        "values_without_a_rating": one.unrated,
    }


def estimated(one: Estimated) -> dict[str, Any]:
    """A system's estimate."""
    return {"system": one.system, "scale": one.scale, "metric": one.metric, **_powered(one.found)}


def gap(one: Gap) -> dict[str, Any]:
    """A difference of two systems."""
    names = {"first": one.first, "second": one.second, "scale": one.scale, "metric": one.metric}
    return {**names, **_powered(one.found), "decided": one.decided, "more_ratings": one.more}


def standings(board: Leaderboard) -> list[dict[str, Any]]:
    """A leaderboard's systems."""
    return [
        {
            "system": row.system,
            "value": row.score,
            "low": row.low,
            "high": row.high,
            "votes": row.votes,
            "speed": row.speed,
        }
        for row in board.rows
    ]


def ends(value: float | None, interval: Interval | None) -> dict[str, Any]:
    """A value and the ends of its interval."""
    low, high, method = (None, None, None) if interval is None else (interval.low, interval.high, interval.method)
    return {"value": value, "low": low, "high": high, "method": method}


def _figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: ends(each.value, each.interval) for name, each in figures.items()}


def _powered(found: Powered) -> dict[str, Any]:
    return {
        **ends(found.value, found.interval),
        "ratings_alone": ends(found.mean, found.plain),
        "correlation": found.correlation,
        "weight": found.weight,
        "ratings": found.ratings,
        "effective_ratings": found.effective if math.isfinite(found.effective) else None,
        "rated": found.rated,
        "unrated": found.unrated,
        "helps": found.helps,
    }


def heard(found: Collected, scales: Sequence[HeardScale]) -> dict[str, Any]:
    """What `evalkit listen --collect` came to."""
    return {
        "study": found.study,
        "form": found.form,
        "listeners": found.listeners,
        "incomplete": found.incomplete,
        "left_out": [asdict(each) for each in found.left_out],
        "scales": [
            {
                "scale": scale.asked.name,
                "votes": scale.votes,
                "systems": [
                    {
                        "system": each.system,
                        "name": found.names[each.system],
                        **ends(each.value, each.interval),
                        "listeners": each.listeners,
                        "ratings": each.ratings,
                        "counts": dict(each.counts),
                    }
                    for each in scale.heard
                ],
                "differences": [
                    {"first": one, "second": other, "value": d.value, "low": d.low, "high": d.high, "p": d.p}
                    for (one, other), d in scale.differences.items()
                ],
                "agreement": None if scale.described is None else described(scale.described),
                "notes": list(scale.notes),
            }
            for scale in scales
        ],
    }
