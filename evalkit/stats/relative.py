"""Is A nearer to the reference than B? The difference of two kernel discrepancies with its error.

    MMD^2(A, Y) - MMD^2(B, Y) = mean k(a, a') - mean k(b, b') - 2 mean k(a, y) + 2 mean k(b, y)

Each MMD^2 is unbiased, so their difference is too; what the reference has of its own cancels. It is a U-statistic, and
normal in large sets (Bounliphone et al., "A Test of Relative Similarity for Model Selection in Generative Models", ICLR
2016, arXiv 1511.04581). Its error follows from the first-order part of each sound and of each reference sound, which
are taken as differences before they are squared: A and B have the prompts in common, source by source, and all of the
reference, so what is shared cancels. The parts of a source's sounds are added up first, as a source is the unit.

Unlike the jackknife over folds, which takes the reference as given, this answers for other references of the same
origin too; and it rests on as many degrees of freedom as there are sources, not folds. The kernel's bandwidth is taken
as given. Where A and B are alike the first-order parts hold noise of second order twice, which errs to the wide side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.stats.distributions import quantile
from evalkit.stats.intervals import FEWEST_GROUPS, Interval
from evalkit.stats.kernel import KernelSums


@dataclass(frozen=True)
class Influences:
    """How far each source of a set, and each of the m reference rows, moves a statistic to first order: `sources`
    {name: part} and `reference` (m,), each with a sum of 0. The part that the reference has alone is left out, as it
    cancels in every difference."""

    sources: Mapping[str, float]
    reference: Sequence[float]


def kernel_influences(sums: KernelSums, groups: Sequence[str], scale: float = 1.0) -> Influences:
    """The parts of `scale` times the discrepancy; row i is of source groups[i]. Raises ValueError where no two rows are
    of different sources, or the lengths differ."""
    pairs, count = float(sums.row_pairs.sum()), len(sums.row_within)
    if not pairs or len(groups) != count:
        raise ValueError("there are no two rows of different sources, or not one source for each row")
    own, between = float(sums.row_within.sum()) / pairs, float(sums.row_across.sum()) / (count * sums.rows)
    rows = (sums.row_within - own * sums.row_pairs) / pairs - (sums.row_across / sums.rows - between) / count
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    parts = 2 * scale * np.bincount(member, weights=rows, minlength=len(names))
    reference = -2 * scale * (sums.reference_across / count - between) / sums.rows
    return Influences(dict(zip(names.tolist(), parts.tolist(), strict=True)), reference.tolist())


def relative_interval(value: float, here: Influences, there: Influences, level: float = 0.95) -> Interval | None:
    """The interval of a difference `value` of two sets over the same sources against the same reference.

    Its half-width is the t quantile, of one degree less than there are sources (with many, the normal's), times the
    standard error. None under 5 sources. Raises ValueError where the sources or the lengths of the references differ.
    """
    if here.sources.keys() != there.sources.keys() or len(here.reference) != len(there.reference):
        raise ValueError("the two are not of the same sources against the same reference")
    names, count = sorted(here.sources), len(here.reference)
    if len(names) < FEWEST_GROUPS or count < 2:
        return None
    sources = np.array([here.sources[name] - there.sources[name] for name in names])
    reference = np.asarray(here.reference, dtype=np.float64) - np.asarray(there.reference, dtype=np.float64)
    variance = sum(np.square(part).sum() * len(part) / (len(part) - 1) for part in (sources, reference))
    se, freedom = float(np.sqrt(variance)), len(names) - 1
    reach = float(quantile((1 + level) / 2, freedom)) * se
    return Interval(value - reach, value + reach, level, f"U-statistic of {len(names)} sources", se, freedom)
