"""What ratings alone say, scale by scale: how far raters agree, the systems' means, and what a study of this kind can
see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.ratings.base import Rating, Ratings, Scale
from evalkit.stats import variance
from evalkit.stats.intervals import Interval, clustered_mean
from evalkit.stats.paired import smallest_detectable
from evalkit.stats.raters import Reliability, krippendorff_alpha, reliability, spearman_brown
from evalkit.stats.two_way import components, places, two_way_mean

CLIPS = (25, 50, 100, 200, 500)
RATERS = (1, 3, 5, 10)


@dataclass(frozen=True)
class SystemMean:
    """A system's mean rating with its interval, and how many clips, ratings and raters (0: not known) it is of."""

    system: str
    mean: float
    interval: Interval | None
    clips: int
    ratings: int
    raters: int


@dataclass(frozen=True)
class Ceilings:
    """Beyond what nothing correlates with the mean ratings: of all clips, of clips within a system, of systems' means.
    None where it cannot be told."""

    clips: float | None
    within: float | None
    between: float | None


@dataclass(frozen=True)
class Described:
    """One scale. `reliability` is that of the mean of all ratings of a clip; `alpha` Krippendorff's, of intervals;
    `icc` the ICC(2, 1), where raters are known; `systems` best first; `detectable` maps (clips, raters a clip) to the
    smallest difference of two systems that is found 4 times of 5, on the same prompts where `shared`."""

    scale: Scale
    reliability: Reliability | None
    alpha: float | None
    icc: float | None
    ceilings: Ceilings
    systems: tuple[SystemMean, ...]
    detectable: dict[tuple[int, int], float]
    shared: bool
    ratings: int
    raters: int


def describe(ratings: Ratings) -> list[Described]:
    """Every scale of the ratings, in their order."""
    return [_described(scale, ratings.of(scale.name)) for scale in ratings.scales]


def _described(scale: Scale, rows: Sequence[Rating]) -> Described:
    scores, clips = np.array([row.score for row in rows]), [row.clip for row in rows]
    raters = {row.rater for row in rows} - {""}
    known = all(row.rater for row in rows)
    found = components(scores, clips, [row.rater for row in rows]) if known and rows else None
    detectable, shared = smallest_differences(rows)
    return Described(
        scale,
        reliability(scores, clips),
        krippendorff_alpha(scores, clips, "interval"),
        None if found is None else found.agreement(),
        ceilings_of(rows),
        tuple(sorted(system_means(rows), key=lambda each: -each.mean)),
        detectable,
        shared,
        len(rows),
        len(raters) if known else 0,
    )


def system_means(rows: Sequence[Rating]) -> list[SystemMean]:
    """Each system's mean: of new raters and new clips where raters are known, of new clips where not."""
    found = []
    for system in dict.fromkeys(row.system for row in rows):
        own = [row for row in rows if row.system == system]
        scores, clips, raters = [r.score for r in own], [r.clip for r in own], [r.rater for r in own]
        interval = two_way_mean(scores, raters, clips) if all(raters) else _by_clip(scores, clips)
        several = len(set(raters) - {""})
        found.append(SystemMean(system, float(np.mean(scores)), interval, len(set(clips)), len(own), several))
    return found


def _by_clip(scores: Sequence[float], clips: Sequence[str]) -> Interval | None:
    found = clustered_mean(scores, clips)
    return found if found is None or found.se > 0 else None


def clip_means(rows: Sequence[Rating]) -> dict[str, tuple[float, Rating]]:
    """{clip: (its mean rating, one of its rows)}."""
    member, count = places([row.clip for row in rows])
    sums = np.bincount(member, weights=np.array([row.score for row in rows]), minlength=count)
    sizes = np.bincount(member, minlength=count)
    one = {row.clip: row for row in rows}
    return {
        clip: (float(sums[at] / sizes[at]), one[clip]) for at, clip in enumerate(dict.fromkeys(r.clip for r in rows))
    }


def ceilings_of(rows: Sequence[Rating]) -> Ceilings:
    """The ceilings of these ratings."""
    whole = reliability([row.score for row in rows], [row.clip for row in rows]) if rows else None
    own = {each.system: each.mean for each in system_means(rows)}
    inner = reliability([row.score - own[row.system] for row in rows], [row.clip for row in rows]) if rows else None
    between = system_reliability(rows)
    return Ceilings(
        None if whole is None else whole.ceiling,
        None if inner is None else inner.ceiling,
        None if between is None else math.sqrt(max(0.0, between)),
    )


def system_reliability(rows: Sequence[Rating]) -> float | None:
    """The reliability of systems' means over their clips: with the same prompts, what these decide cancels."""
    means = clip_means(rows)
    values = [mean for mean, _ in means.values()]
    systems, prompts = ([getattr(row, name) for _, row in means.values()] for name in ("system", "prompt"))
    if len(set(systems)) < 3:
        return None
    several = len(values) / len(set(systems))
    crossed = components(values, systems, prompts) if len(set(prompts)) < len(values) else None
    if crossed is not None:
        return crossed.consistency(several)
    nested = variance.components(values, systems)
    return None if nested is None or not nested.share else spearman_brown(nested.share, several)


def smallest_differences(rows: Sequence[Rating]) -> tuple[dict[tuple[int, int], float], bool]:
    """({(clips a system, raters a clip): smallest difference}, whether on the same prompts).

    The variance of one clip's difference is what clips differ by beside their raters' noise, and that noise over the
    raters; with k raters a clip here, the former is the variance seen less 2 / k of the latter. Raters' own mildness
    cancels where each rates both systems, and is in the noise otherwise."""
    noise = variance.components([row.score for row in rows], [row.clip for row in rows]) if rows else None
    means = clip_means(rows)
    by_system: dict[str, dict[str, float]] = {}
    for mean, row in means.values():
        by_system.setdefault(row.system, {})[row.prompt] = mean
    if noise is None or len(by_system) < 2:
        return {}, False
    seen, shared = _seen(list(by_system.values()))
    each = len(means) / float(sum(1 / size for size in np.bincount(places([row.clip for row in rows])[0])))
    clips = max(0.0, seen - 2 * noise.within / each)
    return {
        (n, k): smallest_detectable(math.sqrt((clips + 2 * noise.within / k) / n), freedom=n - 1)
        for n in CLIPS
        for k in RATERS
    }, shared


def _seen(systems: Sequence[dict[str, float]]) -> tuple[float, bool]:
    """The variance of the difference of two systems' clips: of pairs on one prompt, where there are 5 such prompts."""
    pairs = [
        [one[prompt] - other[prompt] for prompt in one.keys() & other.keys()]
        for at, one in enumerate(systems)
        for other in systems[:at]
    ]
    several = [pair for pair in pairs if len(pair) >= 5]
    if several:
        return float(np.average([np.var(p, ddof=1) for p in several], weights=[len(p) - 1 for p in several])), True
    alone = [list(each.values()) for each in systems if len(each) >= 2]
    if not alone:
        return 0.0, False
    return 2 * float(np.average([np.var(a, ddof=1) for a in alone], weights=[len(a) - 1 for a in alone])), False
