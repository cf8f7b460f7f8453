"""Do the intervals of a difference hold? Pairs of runs over the same prompts, compared as board and gate compare them.

Part of `simulations.py`, whose worlds these are; `python tests/stats/differences.py` prints its tables alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evalkit.comparison.difference import Difference, difference
from evalkit.comparison.record import Record
from evalkit.metrics.base import Metric, MetricResult
from evalkit.run.score import as_json

if TYPE_CHECKING:
    from simulations import World

DRAWS = 400
MEAN = "mean of prompts"


@dataclass(frozen=True)
class Paired:
    """How often the 95 % interval of a difference held its expected value where there is a `loss`, and where there is
    none (`still`); how often no difference was excluded there although there is none (`false`); the mean stated error
    over the standard deviation of the difference (`width`), and how much wider the errors of both sides would have
    been, taken as independent (`alone`)."""

    metric: str
    world: str
    method: str
    share: float
    still: float
    false: float
    width: float
    alone: float


def record(world: World, score: dict[str, object], metric: str) -> Record:
    """One scored run of a world, as a run folder would say."""
    suite = dict.fromkeys(("name", "version", "digest", "protocol", "size"), "simulated")
    groups = dict(zip(world.ids, world.groups, strict=True))
    return Record("simulated", "success", suite, {}, "r", groups, {metric: {"per_prompt": {}, **score, "embedder": ""}})


def of_sets(world: World, metric: Metric, loss: float, draws: int = DRAWS, seed: int = 11) -> Paired:
    """A distance between sets. A kernel distance answers for other references too, so each pair has one of its own."""
    rng, redrawn, name = np.random.default_rng(seed), "kad" in metric.card.name, metric.card.name
    reference, found = world.reference(), []
    for draw in range(draws):
        centres = world.centres(rng)
        first, second = world.around(centres, rng), world.around(centres, rng)
        reference = world.reference(1000 + draw) if redrawn else reference
        sides = []
        for rows, moved in ((first, 0.0), (second, 0.0), (second, loss)):
            result = metric.compute(world.inputs(world.features(rows, moved), reference))
            sides.append(record(world, as_json(result, "lower", 0, "simulated", "none"), name))
        found.append(_both(name, sides))
    return _told(world.name, name, found)


def of_means(name: str, world: World, draws: int = DRAWS, seed: int = 12) -> Paired:
    """A mean of prompts, skewed and alike within a source."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        prompt = np.repeat(rng.gamma(2.0, 1.0, world.sources), world.clips)
        values = [prompt + _own(world, rng) for _ in range(2)]
        sides = [_mean(world, each) for each in (*values, values[1] * 1.1 + 0.1)]
        found.append(_both(MEAN, sides))
    return _told(name, MEAN, found)


def _own(world: World, rng: np.random.Generator) -> np.ndarray:
    shared = np.repeat(rng.standard_normal(world.sources), world.clips)
    return math.sqrt(0.3) * (shared + rng.standard_normal(world.sources * world.clips))


def _mean(world: World, values: np.ndarray) -> Record:
    from evalkit.metrics.results import mean_result

    per_prompt = dict(zip(world.ids, values.tolist(), strict=True))
    result: MetricResult = mean_result(per_prompt, world.groups)
    return record(world, {**as_json(result, "lower", 0, "simulated", "none"), "per_prompt": per_prompt}, MEAN)


@dataclass(frozen=True)
class _Pair:
    still: Difference
    moved: Difference
    alone: float


def _both(metric: str, sides: Sequence[Record]) -> _Pair:
    base, same, moved = sides
    errors = [float(side.metrics[metric]["se"]) for side in (base, moved)]
    return _Pair(difference(metric, same, base), difference(metric, moved, base), math.hypot(*errors))


def _told(world: str, metric: str, pairs: Sequence[_Pair]) -> Paired:
    held = []
    for each in ([pair.moved for pair in pairs], [pair.still for pair in pairs]):
        expected = float(np.mean([found.value for found in each])) if each[0] is pairs[0].moved else 0.0
        held.append(np.mean([(found.low or 0) <= expected <= (found.high or 0) for found in each]))
    values = [pair.moved.value for pair in pairs]
    error = float(np.mean([pair.moved.error or math.nan for pair in pairs]))
    return Paired(
        metric,
        world,
        pairs[0].moved.method,
        float(held[0]),
        float(held[1]),
        float(np.mean([pair.still.is_clear for pair in pairs])),
        error / float(np.std(values, ddof=1)),
        float(np.mean([pair.alone for pair in pairs])) / error,
    )


def table(rows: Sequence[Paired]) -> list[str]:
    """As Markdown."""
    heads = ("metric", "world", "how compared", "covered", "covered, no change", "called apart, no change")
    lines = [f"| {' | '.join(heads)} | error / sd | independent / paired |", "|---" * 8 + "|"]
    for row in rows:
        shares = f"{row.share:.3f} | {row.still:.3f} | {row.false:.3f} | {row.width:.2f} | {row.alone:.2f}"
        lines.append(f"| {row.metric} | {row.world} | {row.method} | {shares} |")
    return lines


TEXT = """## The interval of a difference

Pairs of runs over the same prompts, by the one comparison that board, `compare` and `check` have: how
often the 95 % interval holds the expected difference where there is one and where there is none, how often the two are
called apart although nothing changed, the stated error over the standard deviation of the difference, and how much
wider the errors of the two would be, taken as independent. 400 draws tell a share of 0.05 to within 0.022 (two standard
errors), so a row of up to 0.072 without a change is one that they do not tell from 5 %; means of prompts, which cost
little, are drawn ten times as often, and told to within 0.007. A kernel distance is compared as a U-statistic, with a
reference drawn anew for each pair, as its interval answers for that too."""


def told(draws: int = DRAWS) -> list[Paired]:
    """All of the table."""
    from simulations import CAPTIONS, FD, KAD, SONGS, World

    few = World("12 sources, 5 clips each", 1, 12, 5, 1)
    many = World("200 sources, 1 clip each", 1, 200, 1, 1)
    found = [of_means(world.name, world, 10 * draws) for world in (many, few)]
    for metric, loss in ((FD, 0.3), (KAD, 0.3)):
        for world in (SONGS, CAPTIONS):
            found.append(of_sets(world, metric, loss, draws))
            print(found[-1], flush=True)
    return found


if __name__ == "__main__":
    print("\n".join(table(told())))
