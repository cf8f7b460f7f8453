"""A confidence sequence: an interval after every unit, all of which hold together, so that looking early is allowed.

An interval at 95 % holds at one n that was fixed before. Who looks after every prompt and stops at the first interval
without 0 raises a false alarm in a quarter of all unchanged models. The asymptotic confidence sequence of Waudby-Smith,
Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central limit theory and asymptotic confidence sequences", Annals of
Statistics 52, 2024; Theorem 2.2, after Robbins' normal mixture) is two-sided and holds at all t at once:

    mean_t +- sigma_t * sqrt( 2 (t rho^2 + 1) / (t^2 rho^2) * log( sqrt(t rho^2 + 1) / alpha ) )

rho says at which t it is narrowest. With x = t rho^2 the half-width is least where x = log(1 + x) + 2 log(1 / alpha),
so

    rho^2 = (-W(-alpha^2 / e) - 1) / t,    W the lower branch of Lambert's function

(their appendix on optimising the mixture). Here it is narrowest after a quarter of the planned units, where an effect
that is worth an early end is seen. It is asymptotic, as if sigma_t were known: hence `LEAST` units before the first
look, and a width that is larger by as much as Student's t reaches further than the normal three deviations out. Units
of unlike size (sources with several prompts) count by their sums, as in `stats.paired`: the mean is that of all values,
and its error that of the units' sums around it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special
from numpy.typing import NDArray

from evalkit.stats.distributions import quantile, tail

LEAST = 20
"""Units before the first look: the spread of fewer is too uncertain to be taken as known."""

_EARLY = 4
"""The sequence is narrowest after one in so many of the planned units."""
_ROUNDING = 1e-7
_FAR_OUT = float(tail(-3.0))


@dataclass(frozen=True)
class ConfidenceSequence:
    """Of t = 1 ... units: the `mean` of all values up to there and the interval `low` to `high`, each (units,);
    `counts` (units,) is how many values that is. Where there is no interval yet, `low` is -inf and `high` inf."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    counts: NDArray[np.int64]


def tuned_rho(planned: int, level: float = 0.95) -> float:
    """The rho for which the sequence is narrowest after `planned` units. Raises ValueError under one unit."""
    if planned < 1 or not 0 < level < 1:
        raise ValueError(f"{planned} planned units at level {level}")
    alpha = 1 - level
    return math.sqrt((-float(scipy.special.lambertw(-(alpha**2) / math.e, -1).real) - 1) / planned)


def confidence_sequence(
    values: Sequence[float], units: Sequence[str], planned: int, level: float = 0.95, least: int = LEAST
) -> ConfidenceSequence:
    """The sequence for the mean of `values`, each of the unit named at its place, over units in order of first mention,
    of which there are `planned` in the end.

    Raises ValueError on lengths that differ, no value, or one that is not finite.
    """
    data = np.asarray(values, dtype=np.float64)
    if len(data) != len(units) or not len(data):
        raise ValueError(f"{len(data)} values of {len(units)} units")
    if not np.isfinite(data).all():
        raise ValueError("NaN or infinity among the values")
    places = {unit: place for place, unit in enumerate(dict.fromkeys(units))}
    member = [places[unit] for unit in units]
    middle = float(data.mean())  # taken away first, so that squares of large values do not swallow their spread
    sums, sizes = np.bincount(member, weights=data - middle), np.bincount(member).astype(np.float64)
    t, counts = np.arange(1, len(places) + 1), np.cumsum(sizes)
    mean = np.cumsum(sums) / counts
    squares = np.cumsum(sums**2) - 2 * mean * np.cumsum(sums * sizes) + mean**2 * np.cumsum(sizes**2)
    variance = np.maximum(squares, 0.0) / np.maximum(t - 1, 1) / (counts / t) ** 2
    x = t * tuned_rho(max(1, planned // _EARLY), level) ** 2
    reach = np.sqrt(variance * 2 * (x + 1) / (t * x) * (np.log1p(x) / 2 - math.log(1 - level)))
    reach *= quantile(_FAR_OUT, np.maximum(t - 1, 1)) / 3.0
    mean = mean + middle
    settled = (t >= least) & (np.sqrt(variance / t) > _ROUNDING * np.abs(mean))
    reach = np.where(settled, reach, np.inf)
    return ConfidenceSequence(mean, mean - reach, mean + reach, counts.astype(np.int64))
