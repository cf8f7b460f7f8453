"""What listeners found, scale by scale: each system's mean or score with its interval, and which systems are separated.

Ratings: plain means, with intervals by listener and clip; two systems are compared by the difference of their means,
whose influences are summed by listener and by prompt, so that what a listener or a prompt does to both cancels. Votes:
Bradley-Terry scores with ties (`stats/bradley_terry.py`), clustered by listener."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evalkit.comparison.difference import LEVEL, Difference
from evalkit.core.text import count
from evalkit.ratings.base import Rating, Scale
from evalkit.ratings.collected import Asked, Collected, Vote, as_ratings
from evalkit.ratings.describe import Described, describe, system_means
from evalkit.stats.bradley_terry import FIRST, SECOND, TIE, Scores, Votes, apart, bradley_terry
from evalkit.stats.intervals import Interval
from evalkit.stats.paired import two_sided_p, two_sided_quantile
from evalkit.stats.two_way import FEWEST, clustered_error

Pair = tuple[str, str]


@dataclass(frozen=True)
class Heard:
    """One system on one scale: its `value` (mean rating, or score of votes), and by how many. `counts` are its ratings
    at each point, or its votes as won, tied, lost."""

    system: str
    value: float
    interval: Interval | None
    listeners: int
    ratings: int
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class HeardScale:
    """A scale: `votes` says whether its values are scores of votes. `differences` are of every two systems, the first
    minus the second. `described` has the raters' agreement, of ratings; `notes` what is to be known."""

    asked: Asked
    votes: bool
    heard: tuple[Heard, ...]
    differences: Mapping[Pair, Difference]
    described: Described | None
    notes: tuple[str, ...]


def heard(found: Collected) -> list[HeardScale]:
    """All scales that anybody answered."""
    scales = []
    for asked in found.scales:
        votes = [vote for vote in found.votes if vote.scale == asked.name]
        if any(score.scale == asked.name for score in found.scores):
            scales.append(_of_ratings(found, asked))
        elif votes:
            scales.append(_of_votes(found, asked, votes))
    return scales


def _of_ratings(found: Collected, asked: Asked) -> HeardScale:
    ratings = as_ratings(found, found.study)
    rows = ratings.of(asked.name)
    own = {system: [row for row in rows if row.system == system] for system in found.names}
    means = {each.system: each for each in system_means(rows)}
    told = [
        Heard(system, mean.mean, mean.interval, mean.raters, mean.ratings, _points(asked, own[system]))
        for system in found.names
        if (mean := means.get(system)) is not None
    ]
    pairs = {
        (one, other): rating_difference(own[one], own[other])
        for one, other in combinations([each.system for each in told], 2)
    }
    scale = Scale(asked.name, asked.title, asked.low, asked.high)
    (described,) = describe(type(ratings)(ratings.name, rows, (scale,)))
    return HeardScale(asked, False, tuple(told), pairs, described, _few(len({row.rater for row in rows}), rows))


def _points(asked: Asked, rows: Sequence[Rating]) -> tuple[tuple[str, int], ...]:
    """Ratings at each labelled point, or, where a scale has more points than words, in as many equal parts."""
    labels = asked.labels or ("all",)
    step = (asked.high - asked.low) / max(1, len(labels) - 1)
    whole = asked.high - asked.low == len(labels) - 1
    width = (asked.high - asked.low) / len(labels)
    counts = Counter(
        min(len(labels) - 1, int((row.score - asked.low) / step + 0.5 if whole else (row.score - asked.low) / width))
        for row in rows
    )
    return tuple((label, counts[at]) for at, label in enumerate(labels))


def rating_difference(one: Sequence[Rating], other: Sequence[Rating]) -> Difference:
    """The difference of two mean ratings, with the error that listeners and prompts leave of it."""
    rows, scores = [*one, *other], [np.array([row.score for row in each]) for each in (one, other)]
    value = float(scores[0].mean() - scores[1].mean())
    influences = np.concatenate(
        [sign * (each - each.mean()) / len(each) for sign, each in zip((1, -1), scores, strict=True)]
    )
    error = clustered_error(influences, [row.rater for row in rows], [row.prompt for row in rows])
    if error is None or error.se <= 0 or min(error.parts) < FEWEST:
        return Difference(value, None, None, None, "too few listeners or prompts")
    reach = two_sided_quantile(LEVEL, error.freedom) * error.se
    p = two_sided_p(value, error.se, error.freedom)
    return Difference(value, error.se, value - reach, value + reach, "two-way clustered", p, error.freedom)


def _of_votes(found: Collected, asked: Asked, votes: Sequence[Vote]) -> HeardScale:
    names = [system for system in found.names if any(system in (vote.first, vote.second) for vote in votes)]
    place = {system: at for at, system in enumerate(names)}
    outcome = {"first": FIRST, "second": SECOND, "tie": TIE}
    cast = Votes(
        np.array([place[vote.first] for vote in votes]),
        np.array([place[vote.second] for vote in votes]),
        np.array([outcome[vote.chosen] for vote in votes]),
        [vote.listener for vote in votes],
    )
    notes = list(_few(len({vote.listener for vote in votes}), votes))
    groups = apart(cast, len(names))
    if len(groups) > 1:
        sets = "; ".join(", ".join(found.labels[names[at]] for at in group) for group in groups)
        return HeardScale(asked, True, (), {}, None, (f"no scores: these never met one another: {sets}",))
    scores = bradley_terry(cast, len(names))
    if scores.separated:
        sure = ", ".join(found.labels[names[at]] for at in scores.separated)
        notes.append(
            f"{sure}: won or lost all comparisons with the others, so the score has no end; it is told after half a "
            "win and half a loss more of each pair, without an interval"
        )
    told = tuple(_voted(system, at, scores, votes) for at, system in enumerate(names))
    pairs = {(names[i], names[k]): _vote_difference(scores, i, k) for i, k in combinations(range(len(names)), 2)}
    return HeardScale(asked, True, told, pairs, None, tuple(notes))


def _voted(system: str, at: int, scores: Scores, votes: Sequence[Vote]) -> Heard:
    own = [vote for vote in votes if system in (vote.first, vote.second)]
    tied = sum(vote.chosen == "tie" for vote in own)
    won = sum((vote.first if vote.chosen == "first" else vote.second) == system for vote in own if vote.chosen != "tie")
    counts = (("won", won), ("tied", tied), ("lost", len(own) - won - tied))
    listeners = len({vote.listener for vote in own})
    return Heard(system, float(scores.scores[at]), scores.interval(at), listeners, len(own), counts)


def _vote_difference(scores: Scores, one: int, other: int) -> Difference:
    value = float(scores.scores[one] - scores.scores[other])
    found = scores.difference(one, other)
    if found is None or found.se <= 0:
        return Difference(value, None, None, None, "too few listeners, or no end")
    p = two_sided_p(value, found.se, found.freedom)
    return Difference(value, found.se, found.low, found.high, "Bradley-Terry sandwich", p, found.freedom)


def _few(listeners: int, rows: Sequence[Rating] | Sequence[Vote]) -> tuple[str, ...]:
    if listeners < FEWEST:
        these = count(listeners, "listener")
        return (f"{these}: under {FEWEST} there are no intervals, as nothing tells how others differ",)
    prompts = len({row.prompt for row in rows})
    if prompts < FEWEST:
        return (f"{count(prompts, 'prompt')}: under {FEWEST} there are no intervals of ratings",)
    return ()
