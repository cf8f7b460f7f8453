"""How much values vary between units and how much within one, and what more of either would buy.

Several sounds of one prompt differ less among themselves than sounds of different prompts. In the one-way model

    value j of unit i = mean + a_i + e_ij,      var a = between,  var e = within,

with k_i values of unit i, N in all of P units, the two mean squares of the analysis of variance have the expectations
E MSW = within and E MSB = within + n0 * between, n0 = (N - sum k_i^2 / N) / (P - 1), whence

    within = MSW,      between = (MSB - MSW) / n0

(Searle, Casella and McCulloch, "Variance Components", Wiley 1992, section 3.6: unequal numbers, no distribution assumed
for the estimates to be unbiased). Where MSB falls below MSW, `between` would be negative; it is cut at 0, and said.

The mean of the units' means has an error of which `within * sum(1 / k_i) / P^2` comes from within the units. With twice
the units, its square halves as a whole; with twice the values of each, only that part does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Components:
    """The variances `between` units and `within` one, from `values` values of `units` units. `cut` says that the
    estimate of `between` was negative. `spread` is the sum over units of 1 / (their values) / units^2: the share of
    `within` that is in the variance of the mean of the units' means."""

    between: float
    within: float
    cut: bool
    units: int
    values: int
    spread: float

    @property
    def share(self) -> float | None:
        """The part of one value's variance that lies between units, None where nothing varies."""
        total = self.between + self.within
        return self.between / total if total > 0 else None


def components(values: Sequence[float], units: Sequence[str]) -> Components | None:
    """The two variances of `values`, each of the unit named at its place.

    None where there are fewer than 2 units, or no unit with 2 values. Raises ValueError on lengths that differ or a
    value that is not finite.
    """
    data = np.asarray(values, dtype=np.float64)
    if len(data) != len(units):
        raise ValueError(f"{len(data)} values of {len(units)} units")
    if not np.isfinite(data).all():
        raise ValueError("NaN or infinity among the values")
    places = {unit: place for place, unit in enumerate(dict.fromkeys(units))}
    total, several = len(data), len(places)
    if several < 2 or total == several:
        return None
    member = np.array([places[unit] for unit in units])
    counts = np.bincount(member).astype(np.float64)
    means = np.bincount(member, weights=data) / counts
    within = float(np.square(data - means[member]).sum()) / (total - several)
    square = float((counts * np.square(means - data.mean())).sum()) / (several - 1)
    n0 = (total - float(np.square(counts).sum()) / total) / (several - 1)
    between = (square - within) / n0
    spread = float((1 / counts).sum()) / several**2
    return Components(max(0.0, between), within, between < 0, several, total, spread)


@dataclass(frozen=True)
class Prospects:
    """The standard error of the mean of the units' means, as it would be with twice as many units, and with twice as
    many values of each."""

    twice_units: float
    twice_values: float


def prospects(se: float, found: Components) -> Prospects:
    """What the standard error `se` would become. It may be a clustered one: whatever it holds beside the units' inner
    part is halved (in square) by more units, and not touched by more values. By chance it may be smaller than that
    part alone; then all of it counts as that."""
    inner = min(1.0, found.within * found.spread / se**2) if se > 0 else 0.0
    return Prospects(se / math.sqrt(2), se * math.sqrt(1 - inner / 2))
