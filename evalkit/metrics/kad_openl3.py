"""KAD-OpenL3: how far generated sounds are, as a set, from real ones, without taking them for a Gaussian.

Definition
    Each clip is one row: the mean over its OpenL3 frames. With a kernel k(a, b) = exp(-|a - b|^2 / (2 s^2)),
    generated rows x and reference rows y, the score is 100 times the squared maximum mean discrepancy

        100 * ( mean k(x, x') + mean k(y, y') - 2 mean k(x, y) )

    x' being a clip of another source than x, and y' another clip than y. s is the median distance between
    reference rows: the reference alone fixes the kernel, so that every system is measured with the same one.

Direction and unit
    Lower is better. No unit. It is 0 on average where both sets come from one distribution, at any number of
    clips; a single value may then be a little below 0, and is left so. It cannot exceed 200.

Protocol
    The same OpenL3 frames as FD-OpenL3 has (see there, steps 1-3); clip means, as frames of one clip are not
    draws of their own and would make the estimate biased. In float64, over all pairs. It needs the features of
    the reference clips (at most 5,000, a seeded choice of more): statistics that ship as a mean and a
    covariance alone give no number.
    kadtk, the authors' own toolkit, takes all frames, and in its code the bandwidth from the scored set: its
    numbers are not comparable.

Interval
    Delete-a-group jackknife over the clips' sources, at most 25 groups, t quantile; none under 5 sources.
    The reference counts as given. Two runs over the same prompts are compared by the difference of their two
    scores, which is a U-statistic with an error of its own (evalkit/stats/relative.py): it counts the reference as
    drawn too.

What it cannot see
    Whether a clip fits its prompt; how any single clip sounds; what changes within a clip; level. Sets that
    are both far from the reference, against s, all look equally bad: the kernel saturates.

Citation
    Chung et al., "KAD: No More FAD! An Effective and Efficient Evaluation Metric for Audio Generation", ICML
    2025, arXiv 2502.15602; Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012 (the estimator).
"""

from __future__ import annotations

from dataclasses import replace

from evalkit.core.errors import UserError
from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.results import set_result
from evalkit.metrics.sets import clip_means, folds_of, reference_rows, require_features, set_reference, told_of_copies
from evalkit.stats.intervals import FEWEST_GROUPS
from evalkit.stats.kernel import KernelSums, kernel_sums, median_distance
from evalkit.stats.relative import kernel_influences

CARD = MetricCard(
    name="kad_openl3",
    title="KAD-OpenL3",
    direction="lower",
    unit="",
    family="openl3",
    reference="set",
    text=False,
    citation="Chung et al. 2025, arXiv 2502.15602; Gretton et al. 2012 (estimator); Cramer et al. 2019 (OpenL3)",
    blind_to="the prompt, single clips, change within a clip, level, and how much worse a set is once it is far off",
    hears={"noise": "up", "low_pass": "up", "mp3": "up", "dropped": "up", "repeated": "up"},
    deaf_to=("gain", "captions"),
    headline=False,
    general=True,
    needs_clips=True,
)

SCALE = 100.0


class KadOpenl3:
    """The metric object; `compute` takes features (frames, d) per clip and a set reference with `rows` (m, d)."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without a reference's rows, without clips of two sources, or where they do not fit."""
        reference = reference_rows(CARD.name, set_reference(CARD.name, inputs))
        require_features(CARD.name, inputs, reference.shape[1])
        try:
            folds = folds_of(inputs)
            sums = kernel_sums(clip_means(inputs), inputs.groups, folds, reference, median_distance(reference))
            value = SCALE * sums.discrepancy()
            influences = kernel_influences(sums, inputs.groups, SCALE)
        except ValueError as error:
            raise UserError(f"{CARD.name}: {error}", "score more clips, against more reference clips") from None
        result = set_result(value, _leave_outs(sums), inputs, len(reference), told_of_copies(reference))
        return replace(result, influences=influences)


METRIC = KadOpenl3()


def _leave_outs(sums: KernelSums) -> list[float]:
    folds = len(sums.counts)
    return [SCALE * sums.discrepancy(fold) for fold in range(folds)] if folds >= FEWEST_GROUPS else []
