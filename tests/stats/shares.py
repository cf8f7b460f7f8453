"""Means of shares: how often does an interval that knows the ends of its range hold the truth?

Part of `simulations.py`, which writes its table. Shares (of silence, of correlation between channels) lie between 0 and
1, and near one end their mean is skewed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.stats.intervals import UNBOUNDED, clustered_mean

DRAWS = 2000


@dataclass(frozen=True)
class Shares:
    """How often 95 % intervals of the mean of `sources` values between 0 and 1 held its true value: the `plain` one,
    and the one that stays `inside`."""

    world: str
    sources: int
    plain: float
    inside: float


SILENCE: Mapping[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "silent to a varying part in 2 of 5 clips": lambda rng, n: (rng.uniform(size=n) < 0.4) * rng.beta(2, 5, n),
    "silent to a varying part, mostly little": lambda rng, n: rng.beta(0.5, 3, n),
    "around the middle": lambda rng, n: rng.beta(2, 2, n),
    "nearly mono (8 of 9 of the range)": lambda rng, n: rng.beta(8, 1, n),
}
SILENCE_MEANS = (0.4 * 2 / 7, 0.5 / 3.5, 0.5, 8 / 9)


def told(draws: int = DRAWS, seed: int = 6) -> list[Shares]:
    """Means of shares, as silence and stereo correlation, of few clips and of many."""
    found = []
    for (name, draw), truth in zip(SILENCE.items(), SILENCE_MEANS, strict=True):
        for sources in (10, 30, 100):
            rng, groups = np.random.default_rng(seed), [str(place) for place in range(sources)]
            held = []
            for _ in range(draws):
                values = draw(rng, sources).tolist()
                ends = [clustered_mean(values, groups, bounds=bounds) for bounds in (UNBOUNDED, (0.0, 1.0))]
                held.append([each is not None and each.low <= truth <= each.high for each in ends])
            plain, inside = np.array(held).mean(axis=0)
            found.append(Shares(name, sources, float(plain), float(inside)))
    return found


def table(rows: Sequence[Shares]) -> list[str]:
    lines = ["| values | sources | covered by the plain interval | by the one within 0 and 1 |", "|---|---|---|---|"]
    return lines + [f"| {r.world} | {r.sources} | {r.plain:.3f} | {r.inside:.3f} |" for r in rows]


TEXT = """## The intervals of means of shares

A share has two ends, and near one of them its mean is skewed: a plain interval leaves the range, and misses more often
than it says. Ten times as many draws."""
