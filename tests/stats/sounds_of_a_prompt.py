"""Several sounds a prompt: are the parts of the variance right, and does more of either buy what is said?

Part of `simulations.py`, which writes its tables. In these worlds a sound's value is the sum of what its source, its
prompt and it alone contribute; the shares of variance are known, and so is the error of a mean with twice as many
prompts or sounds. The code under test is a run's: the metric's mean over prompts, and the block `variance` of its
scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.metrics.base import MetricResult
from evalkit.metrics.results import mean_result
from evalkit.run.score import variance_of


@dataclass(frozen=True)
class Sounds:
    """`prompts` prompts, `each` of one source, of `samples` sounds; the variance of a value is `between` prompts
    (half of it between sources where a source has several) and `within` one. `lost` is how often a sound fails;
    `skewed` draws from exponentials instead of Gaussians."""

    name: str
    prompts: int
    samples: int
    between: float
    within: float
    each: int = 1
    lost: float = 0.0
    skewed: bool = False

    @property
    def source(self) -> float:
        """The variance between sources."""
        return self.between / 2 if self.each > 1 else self.between

    def error(self, prompts: float = 1, samples: float = 1) -> float:
        """The standard error of the mean with so many times the prompts and sounds, where no sound fails."""
        inner = (self.between - self.source) + self.within / (self.samples * samples)
        return math.sqrt((self.source * self.each + inner) / (self.prompts * prompts))

    def draw(self, rng: np.random.Generator) -> tuple[dict[str, float], list[str], list[str]]:
        """({name of a sound: value}, their groups, their prompts); the mean of all is 0."""

        def noise(*shape: int) -> np.ndarray:
            return rng.exponential(size=shape) - 1 if self.skewed else rng.standard_normal(shape)

        sources = np.repeat(math.sqrt(self.source) * noise(self.prompts // self.each), self.each)
        centres = sources + math.sqrt(self.between - self.source) * noise(self.prompts)
        sounds = centres[:, None] + math.sqrt(self.within) * noise(self.prompts, self.samples)
        kept = rng.uniform(size=sounds.shape) >= self.lost
        values = {f"p{p}#{k}": float(sounds[p, k]) for p, k in zip(*np.nonzero(kept), strict=True)}
        prompts = [name.partition("#")[0] for name in values]
        return values, [f"s{int(prompt[1:]) // self.each}" for prompt in prompts], prompts


@dataclass(frozen=True)
class Told:
    """What the scores said on average, and what was so: each of the pairs (said, true). `share` is how often the 95 %
    interval held the mean, `alone` how often it would have, had every sound been taken for a source of its own."""

    world: str
    between: tuple[float, float]
    within: tuple[float, float]
    now: tuple[float, float]
    twice_prompts: tuple[float, float]
    twice_samples: tuple[float, float]
    share: float
    alone: float


def told(world: Sounds, draws: int, seed: int = 7) -> Told:
    """Draw the world often, score each draw, and hold what was said against the truth."""
    rng = np.random.default_rng(seed)
    said, held = [], []
    for _ in range(draws):
        values, groups, prompts = world.draw(rng)
        result = mean_result(values, groups, prompts=prompts)
        block = variance_of(result, dict(zip(values, prompts, strict=True)))["variance"]
        said.append([
            block["between_prompts"], block["within_prompts"],
            result.se, block["se_twice_prompts"], block["se_twice_samples"],
        ])  # fmt: skip
        held.append([_holds(result), _holds(mean_result(values, list(values)))])
    means = np.array(said, dtype=float)
    # An error is unbiased in its square.
    middle = [*means[:, :2].mean(axis=0), *np.sqrt(np.square(means[:, 2:]).mean(axis=0))]
    truth = [world.between, world.within, world.error(), world.error(prompts=2), world.error(samples=2)]
    pairs = [(float(a), float(b)) for a, b in zip(middle, truth, strict=True)]
    share, alone = np.array(held).mean(axis=0)
    return Told(world.name, pairs[0], pairs[1], pairs[2], pairs[3], pairs[4], float(share), float(alone))


def _holds(result: MetricResult) -> bool:
    return result.low is not None and result.high is not None and result.low <= 0.0 <= result.high


WORLDS = (
    Sounds("100 prompts of 3 sounds, most between prompts", 100, 3, 0.8, 0.2),
    Sounds("100 prompts of 3 sounds, most within a prompt", 100, 3, 0.2, 0.8),
    Sounds("100 prompts of 2 sounds, all within", 100, 2, 0.0, 1.0),
    Sounds("100 prompts of 4 sounds, skewed values", 100, 4, 0.5, 0.5, skewed=True),
    Sounds("100 prompts of 3 sounds, 5 prompts a source", 100, 3, 0.6, 0.4, each=5),
    Sounds("100 prompts of 3 sounds, one in five failed", 100, 3, 0.5, 0.5, lost=0.2),
    Sounds("12 prompts of 3 sounds", 12, 3, 0.5, 0.5),
)


def table(rows: Sequence[Told]) -> list[str]:
    """As Markdown: said / true of each."""
    heads = ("world", "between prompts", "within one", "error now", "twice the prompts", "twice the sounds")
    lines = [f"| {' | '.join(heads)} | covered | covered, sounds taken as sources |", "|---" * 8 + "|"]
    for row in rows:
        pairs = (row.between, row.within, row.now, row.twice_prompts, row.twice_samples)
        cells = " | ".join(f"{said:.4f} / {true:.4f}" for said, true in pairs)
        lines.append(f"| {row.world} | {cells} | {row.share:.3f} | {row.alone:.3f} |")
    return lines


TEXT = """## Several sounds a prompt

What `scores.json` says of a mean over prompts of several sounds, on average over the draws (errors by their squares),
and after the stroke what is so: the variance between prompts and within one, the standard error, and the error with
twice as many prompts and with twice as many sounds of each. Where nothing lies between prompts the estimate is cut at
0, which shows as a little too much. Where sounds fail, the truth is that of a run without failures, so the errors that
are said are a little larger. Last, how often the 95 % interval held the mean, and how often it would have, had each
sound been taken for a source of its own. Five times as many draws. Distances over sets of several sounds a prompt are
in the tables above: their worlds of several clips a source are these."""
