"""Ratings: do intervals by listener and clip hold, where those that take each rating as a draw of its own do not?

Part of `simulations.py`, which writes its tables. A rating is of a listener, mild or strict, and of a clip, good or
bad, both drawn anew each time; a vote follows the listener's own taste of the runs. The code under test is what
`evalkit listen --collect` and `evalkit agree --estimate` print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.stats.bradley_terry import Votes, bradley_terry
from evalkit.stats.powered import powered_mean
from evalkit.stats.two_way import clustered_error, two_way_mean


@dataclass(frozen=True)
class Panel:
    """`listeners` rate `each` of `clips` clips, every clip about equally often. A rating's standard deviations are
    `mild` between listeners, `good` between clips and 1 within; `scale` rounds to whole points from 1 to 5."""

    listeners: int
    clips: int
    each: int
    mild: float
    good: float
    scale: bool = False

    @property
    def name(self) -> str:
        told = "whole points 1-5" if self.scale else "any number"
        return f"{self.listeners} listeners, {self.clips} clips, {self.each} each, {self.mild}/{self.good}/1, {told}"

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, list[int], list[int]]:
        """Ratings around a true mean of 3, their listeners and clips."""
        total = self.listeners * self.each
        order = np.concatenate([rng.permutation(self.clips) for _ in range(total // self.clips + 1)])[:total]
        who = np.repeat(np.arange(self.listeners), self.each)
        own = self.mild * rng.standard_normal(self.listeners)
        ratings = 3 + own[who] + self.good * rng.standard_normal(self.clips)[order] + rng.standard_normal(total)
        return (np.clip(np.round(ratings), 1, 5) if self.scale else ratings), who.tolist(), order.tolist()


PANELS = (
    Panel(20, 24, 24, 0.6, 0.8),
    Panel(20, 24, 12, 0.6, 0.8, scale=True),
    Panel(8, 24, 24, 0.3, 0.8),
    Panel(40, 100, 25, 0.5, 0.8),
    Panel(60, 10, 5, 0.5, 0.8),
    Panel(12, 12, 12, 0.6, 0.6),
    Panel(20, 30, 30, 0.05, 0.05),
    Panel(4, 24, 24, 0.6, 0.8),
    Panel(4, 24, 24, 0.3, 0.8, scale=True),
    Panel(10, 4, 4, 0.6, 0.8),
)


@dataclass(frozen=True)
class Held:
    """How often 95 % intervals held the truth: the one of evalkit, others beside it, and how wide evalkit's was over
    1.96 standard deviations of the estimate."""

    world: str
    told: float
    others: tuple[float, ...]
    width: float


def panel_coverage(panel: Panel, draws: int, seed: int = 21) -> Held:
    """The mean rating; beside it the interval of independent ratings, and the one clustered by listener alone."""
    rng, held, widths, means = np.random.default_rng(seed), [], [], []
    for _ in range(draws):
        ratings, who, clips = panel.draw(rng)
        mean = float(ratings.mean())
        found = two_way_mean(ratings, who, clips)
        naive = 1.96 * float(ratings.std(ddof=1)) / math.sqrt(len(ratings))
        one = clustered_error((ratings - mean) / len(ratings), who)
        assert found is not None and one is not None
        held.append((found.low <= 3 <= found.high, abs(mean - 3) <= naive, abs(mean - 3) <= 1.96 * one.se))
        widths.append((found.high - found.low) / 2)
        means.append(mean)
    told, *others = np.mean(held, axis=0).tolist()
    return Held(panel.name, told, tuple(others), float(np.mean(widths) / (1.96 * np.std(means))))


@dataclass(frozen=True)
class Ballot:
    """`listeners` cast `each` votes between `runs` runs, of evenly spaced scores; a listener's own scores scatter
    around them by `taste`, and ties are as likely as `tie` says."""

    listeners: int
    runs: int
    each: int
    taste: float
    tie: float = 0.5

    @property
    def name(self) -> str:
        return f"{self.listeners} listeners, {self.each} votes each, {self.runs} runs, tastes apart by {self.taste}"

    def draw(self, rng: np.random.Generator, listeners: int = 0) -> Votes:
        listeners = listeners or self.listeners
        own = np.linspace(-0.7, 0.7, self.runs) + self.taste * rng.standard_normal((listeners, self.runs))
        who = np.repeat(np.arange(listeners), self.each)
        pairs = np.array([(one, other) for one in range(self.runs) for other in range(one)])
        first, second = pairs[rng.permutation(len(who)) % len(pairs)].T
        one, other = own[who, first], own[who, second]
        logits = np.stack([one, other, math.log(self.tie) + (one + other) / 2], axis=1)
        return Votes(first, second, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1), who.tolist())


BALLOTS = (
    Ballot(20, 4, 24, 0.8),
    Ballot(10, 4, 24, 0.8),
    Ballot(40, 4, 12, 0.5),
    Ballot(12, 3, 30, 1.0),
    Ballot(20, 4, 24, 0.0),
    Ballot(4, 3, 24, 0.8),
)


def ballot_coverage(ballot: Ballot, draws: int, seed: int = 22) -> Held:
    """Each run's score; the truth is that of twenty thousand listeners. Beside it the model's own interval."""
    rng = np.random.default_rng(seed)
    truth = bradley_terry(ballot.draw(rng, 20_000), ballot.runs).scores
    held, widths, scores = [], [], []
    for _ in range(draws):
        found = bradley_terry(ballot.draw(rng), ballot.runs)
        if found.naive is None:
            continue  # a run without an end: no interval is told
        scores.append(found.scores)
        for run in range(ballot.runs):
            own = found.interval(run)
            assert own is not None
            naive = 1.96 * math.sqrt(found.naive[run, run])
            held.append((own.low <= truth[run] <= own.high, abs(found.scores[run] - truth[run]) <= naive))
            widths.append((own.high - own.low) / 2)
    told, *others = np.mean(held, axis=0).tolist()
    return Held(ballot.name, told, tuple(others), float(np.mean(widths) / (1.96 * np.std(scores, axis=0).mean())))


@dataclass(frozen=True)
class Combined:
    """`rated` of `rated + unrated` clips are heard by each of `listeners`; the metric correlates with a clip's true
    quality so that `correlation` is that with its mean rating."""

    listeners: int
    rated: int
    unrated: int
    correlation: float

    @property
    def name(self) -> str:
        sizes = f"{self.rated} of {self.rated + self.unrated} clips rated by {self.listeners}"
        return f"{sizes}, correlation {self.correlation}"


COMBINED = (*(Combined(12, 30, 270, each) for each in (0.0, 0.4, 0.6, 0.9)), Combined(20, 60, 60, 0.8))


def combined_coverage(world: Combined, draws: int, seed: int = 23) -> Held:
    """The combined estimate's coverage; beside it that of the ratings' mean alone, and the ratio of their
    half-widths."""
    rng, held, values, widths, ratios = np.random.default_rng(seed), [], [], [], []
    who = np.tile(np.arange(world.listeners), world.rated).tolist()
    clips = np.repeat(np.arange(world.rated), world.listeners).tolist()
    noise = 1.0 + 1.0 / world.listeners
    load = world.correlation * math.sqrt(noise)
    for _ in range(draws):
        quality = rng.standard_normal(world.rated + world.unrated)
        metric = load * quality + math.sqrt(max(0.0, 1 - load**2)) * rng.standard_normal(len(quality))
        mild = 0.3 * rng.standard_normal(world.listeners)
        ratings = 3 + quality[clips] + mild[who] + rng.standard_normal(len(who))
        found = powered_mean(ratings, clips, who, metric[: world.rated], metric[world.rated :])
        assert found.interval is not None and found.plain is not None
        held.append((found.interval.low <= 3 <= found.interval.high, found.plain.low <= 3 <= found.plain.high))
        values.append(found.value)
        widths.append((found.interval.high - found.interval.low) / 2)
        ratios.append(widths[-1] * 2 / (found.plain.high - found.plain.low))
    told, plain = np.mean(held, axis=0).tolist()
    width = float(np.mean(widths) / (1.96 * np.std(values)))
    return Held(world.name, told, (plain, float(np.mean(ratios))), width)


def tables(draws: int) -> list[list[str]]:
    """The three tables."""
    panels = [panel_coverage(panel, draws) for panel in PANELS]
    ballots = [ballot_coverage(ballot, draws) for ballot in BALLOTS]
    both = [combined_coverage(world, draws) for world in COMBINED]
    return [
        _table(["ratings", "two-way", "each rating on its own", "by listener alone"], panels),
        _table(["votes", "sandwich by listener", "the model's own"], ballots),
        _table(["clips", "combined", "ratings alone", "combined / alone, width"], both),
    ]


def _table(heads: Sequence[str], rows: Sequence[Held]) -> list[str]:
    lines = [f"| {' | '.join([*heads, 'half-width / (1.96 sd)'])} |", "|---" * (len(heads) + 1) + "|"]
    for row in rows:
        others = " | ".join(f"{each:.3f}" for each in row.others)
        lines.append(f"| {row.world} | {row.told:.3f} | {others} | {row.width:.2f} |")
    return lines


TEXTS = (
    """## Ratings by listeners

How often the 95 % interval of a mean rating holds the true one, for new listeners and new clips; numbers like 0.6/0.8/1
are standard deviations between listeners, between clips and within. Ten times as many draws.""",
    """How often the 95 % interval of a run's Bradley-Terry score holds that of all listeners.""",
    """How often that of the prediction-powered mean does, and how its width compares with that of the ratings alone:
    with a
correlation of 0.4 it saves next to nothing.""",
)
