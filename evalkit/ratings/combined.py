"""Ratings of a few clips combined with a metric of all of them: `evalkit agree --estimate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from evalkit.core.errors import UserError
from evalkit.ratings.base import Rating, Ratings
from evalkit.ratings.describe import clip_means
from evalkit.ratings.measured import Measured
from evalkit.stats.powered import Powered, more_to_decide, powered_mean


@dataclass(frozen=True)
class Estimated:
    """A system's mean rating over all of its clips."""

    scale: str
    metric: str
    system: str
    found: Powered


@dataclass(frozen=True)
class Gap:
    """How much better `first` is rated than `second` over all prompts that both have; `decided` where the interval
    stays clear of zero, else `more` ratings would find a gap of this size 4 times of 5 (None where that cannot be
    told)."""

    scale: str
    metric: str
    first: str
    second: str
    found: Powered
    decided: bool
    more: float | None


def estimated(ratings: Ratings, metrics: Sequence[Measured]) -> tuple[list[Estimated], list[Gap]]:
    """Every system, and every two systems with rated prompts in common, by each metric and scale.

    Raises UserError where a metric has no clip in common with the ratings.
    """
    alone, gaps = [], []
    for scale in ratings.scales:
        rows = ratings.of(scale.name)
        for metric in metrics:
            if metric.by_system or not any(row.clip in metric.values for row in rows):
                raise UserError(f"{metric.metric}: has no rated clip", "an estimate needs its values by clip")
            systems = _systems(rows, metric)
            alone += [
                Estimated(scale.name, metric.metric, name, one)
                for name, own in systems.items()
                if (one := _mean(own, metric)) is not None
            ]
            pairs = (_gap(scale.name, metric, first, second, systems) for first, second in combinations(systems, 2))
            gaps += [gap for gap in pairs if gap is not None]
    return alone, gaps


@dataclass(frozen=True)
class _System:
    """The `rows` of rated clips with a value, and the `others`: {prompt: clip} of those without a rating."""

    rows: list[Rating]
    others: Mapping[str, str]


def _systems(rows: Sequence[Rating], metric: Measured) -> dict[str, _System]:
    rated = {row.clip for row in rows}
    own: dict[str, list[Rating]] = {}
    for row in rows:
        if row.clip in metric.values:
            own.setdefault(row.system, []).append(row)
    others: dict[str, dict[str, str]] = {}
    for clip, (system, prompt) in metric.unrated.items():
        if clip not in rated and clip in metric.values:
            others.setdefault(system, {})[prompt] = clip
    return {system: _System(each, others.get(system, {})) for system, each in own.items()}


def _mean(own: _System, metric: Measured) -> Powered | None:
    clips = list(dict.fromkeys(row.clip for row in own.rows))
    raters = [row.rater for row in own.rows]
    return powered_mean(
        [row.score for row in own.rows],
        [row.clip for row in own.rows],
        raters if all(raters) else None,
        [metric.values[clip] for clip in clips],
        [metric.values[clip] for clip in own.others.values()],
    )


def _gap(scale: str, metric: Measured, first: str, second: str, systems: Mapping[str, _System]) -> Gap | None:
    """By the differences of two systems' clips on one prompt: what the prompt decides cancels."""
    sides = [systems[first], systems[second]]
    means = [{row.prompt: (mean, row.clip) for mean, row in clip_means(side.rows).values()} for side in sides]
    prompts = [prompt for prompt in means[0] if prompt in means[1]]
    if len(prompts) < 3:
        return None
    rated = [metric.values[means[0][p][1]] - metric.values[means[1][p][1]] for p in prompts]
    both = [prompt for prompt in sides[0].others if prompt in sides[1].others]
    unrated = [metric.values[sides[0].others[p]] - metric.values[sides[1].others[p]] for p in both]
    found = powered_mean([means[0][p][0] - means[1][p][0] for p in prompts], prompts, None, rated, unrated)
    interval = found.interval
    decided = interval is not None and (interval.low > 0 or interval.high < 0)
    ratings = sum(len(side.rows) for side in sides)
    more = None if interval is None or decided else more_to_decide(found.value, interval.se, ratings)
    return Gap(scale, metric.metric, first, second, found, decided, more)
