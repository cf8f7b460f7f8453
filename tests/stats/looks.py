"""How often a gate that looks after every prompt is wrong, and how soon it decides: part of `simulations.py`.

Paired differences of an unchanged model, and of one that is worse by a part of their standard deviation: normal ones,
ones with heavy tails as differences of skewed scores have, and sources of three prompts that move together. *Naive*
takes the 95 % interval of `stats.paired` anew at every look; the other is `comparison.early`, which is what the gate
calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from evalkit.comparison.early import decided

DRAWS = 400
NAIVE_FROM, NAIVE_EVERY = 20, 50

Draw = Callable[[np.random.Generator, int], np.ndarray]
KINDS: Mapping[str, Draw] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "heavy tails": lambda rng, n: (rng.exponential(size=n) - rng.exponential(size=n)) / np.sqrt(2),
    "sources of 3 prompts": lambda rng, n: _alike(rng, n // 3 + 1)[:n],
}


@dataclass(frozen=True)
class Looks:
    """Of `draws` runs of `n` prompts whose difference is `effect` standard deviations: the shares that the sequence and
    the naive looks called worse, or better, and the median of the prompts that the sequence took (n where it was
    open)."""

    kind: str
    n: int
    effect: float
    sequence: float
    naive: float
    median: float


def looks(kind: str, n: int, effect: float, draws: int = DRAWS, seed: int = 7) -> Looks:
    """Many runs, each looked at from the first prompts to the last."""
    rng, size = np.random.default_rng(seed), 3 if kind.startswith("sources") else 1
    groups = {f"p{place}": f"s{place // size}" for place in range(n)}
    ways, naive, after = [], [], []
    for _ in range(draws):
        values = KINDS[kind](rng, n) + effect
        found = decided(dict(zip(groups, values.tolist(), strict=True)), groups, "lower")
        ways.append(bool(found.way))
        after.append(found.prompts)
        naive.append(_peeked(values[: n - n % size].reshape(-1, size).mean(axis=1)))
    return Looks(kind, n, effect, float(np.mean(ways)), float(np.mean(naive)), float(np.median(after)))


def _alike(rng: np.random.Generator, sources: int) -> np.ndarray:
    shared = np.repeat(rng.standard_normal(sources), 3)
    return np.sqrt(0.5) * (shared + rng.standard_normal(3 * sources))


def _peeked(values: np.ndarray) -> bool:
    """Would a plain interval, taken anew at every look, have been off 0 at any?"""
    t = np.arange(1, len(values) + 1)
    mean = np.cumsum(values) / t
    error = np.sqrt(np.maximum(np.cumsum(values**2) - t * mean**2, 0) / np.maximum(t - 1, 1) / t)
    seen = (t >= NAIVE_FROM) & ((t % max(1, len(values) // NAIVE_EVERY) == 0) | (t == len(values)))
    return bool((np.abs(mean) > scipy.stats.t.ppf(0.975, np.maximum(t - 1, 1)) * error)[seen].any())


def all_looks(draws: int = DRAWS) -> list[Looks]:
    """Without a change, of few prompts and of many; with one, of a thousand."""
    still = [looks(kind, n, 0.0, draws) for n in (64, 200, 1000) for kind in KINDS]
    return still + [looks("normal", 1000, effect, draws) for effect in (0.1, 0.2, 0.3, 0.5)]


def table(rows: Sequence[Looks]) -> list[str]:
    lines = ["| differences | prompts | effect in sd | decided | naive looks | prompts it took (median) |"]
    lines.append("|---|---|---|---|---|---|")
    for r in rows:
        lines.append(f"| {r.kind} | {r.n} | {r.effect:g} | {r.sequence:.3f} | {r.naive:.3f} | {r.median:.0f} |")
    return lines


TEXT = """## The gate that may stop early

`evalkit check --stop-early` looks after every source. *Decided* is how often its confidence sequence left 0 at any
look, *naive looks* how often a plain 95 % interval did at one of 50: without an effect both are false alarms, either
way. 400 draws measure 0.05 to within 0.02 (two standard errors)."""
