"""IS-PaSST: how sure the classes of single clips are, and how varied they are over the set.

Definition
    PaSST gives each clip a probability over its classes (527 of AudioSet), p. With m the mean of p over all
    clips, the inception score is

        exp( mean over clips of sum p log (p / m) )

    that is, e to the mutual information between a clip and its class.

Direction and unit
    Higher is better; from 1 (all clips alike, or no clip recognised) to the number of classes, and never above
    the number of clips. No unit.

Protocol
    The probabilities are those of KL-PaSST (see there, steps 1-3): a softmax, which PaSST was not trained
    with, so the clips' rows are flatter than a classifier's own. By default one score over all clips. splits = "10" is
    what av-benchmark prints, as IS-PANNs has it: lower, and never to be compared with the other. rows = "features, then
    logits" says that a row is one of FD-PaSST's judges (passt@av-benchmark), whose last 527 values alone are classes.

Interval
    Delete-a-group jackknife over the clips' sources, at most 25 groups, t quantile; none under 5 sources.
    Cut at 1; none where all is the same.

What it cannot see
    The prompt, and any real sound: a model that gives the wrong class for every prompt, each time a clear one,
    scores as well as one that gives the right ones. One perfect clip per class is its highest score. Stereo,
    level. Sounds played backwards may raise it, as they did on its card. It rises with the number of clips: compare
    equal n only.

Citation
    Salimans et al., "Improved Techniques for Training GANs", NIPS 2016, arXiv 1606.03498; Barratt and Sharma,
    "A Note on the Inception Score", arXiv 1801.01973 (its limits); Koutini et al. 2022, arXiv 2110.05069 (PaSST).
"""

from __future__ import annotations

import math

from evalkit.core.errors import UserError
from evalkit.metrics.base import Array, MetricCard, MetricInputs, MetricResult
from evalkit.metrics.is_panns import in_splits, require_clips, splits_of
from evalkit.metrics.kl_passt import JOINED, class_probabilities
from evalkit.metrics.panns_rows import logits_of
from evalkit.metrics.results import set_result
from evalkit.metrics.sets import folds_of
from evalkit.stats.inception import ClassSums, class_sums
from evalkit.stats.intervals import FEWEST_GROUPS
from evalkit.store.spill import outside

CARD = MetricCard(
    name="is_passt",
    title="IS-PaSST",
    direction="higher",
    unit="",
    family="passt",
    reference="",
    text=False,
    citation="Salimans et al. 2016, arXiv 1606.03498; Koutini et al. 2022, arXiv 2110.05069 (PaSST)",
    blind_to="the prompt, real sounds, stereo and level; anything outside the classifier's classes",
    hears={"repeated": "down", "dropped": "down"},
    deaf_to=("gain", "mono", "captions"),
    headline=False,
    options={"splits": ("1", "10"), "rows": ("classes", JOINED)},
    biased_by_n=True,
    bounds=(1.0, math.inf),
    general=True,
)


class IsPasst:
    """The metric object; `compute` takes logits or probabilities (windows, classes) per clip."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips, or where the classes do not fit together."""
        if not inputs.ids:
            raise UserError("is_passt: there is no clip to score", "every prompt failed; see the run's failures")
        require_clips(CARD, inputs)
        if inputs.options.get("rows") == JOINED:
            inputs = logits_of(CARD.name, inputs)
        try:
            if splits_of(CARD, inputs) > 1:
                return in_splits(CARD, inputs, _rows(inputs))
            sums = class_sums(_rows(inputs), folds_of(inputs))
        except ValueError as error:
            raise UserError(f"is_passt: the probabilities cannot be used: {error}") from None
        return set_result(sums.inception_score(), _leave_outs(sums), inputs, 0, bounds=CARD.bounds)


METRIC = IsPasst()


def _rows(inputs: MetricInputs) -> Array:
    widths = {features.shape[-1] for features in inputs.features}
    if len(widths) != 1:
        raise ValueError(f"clips have {' and '.join(str(width) for width in sorted(widths))} classes")
    rows = outside((len(inputs.features), widths.pop()))
    for place, features in enumerate(inputs.features):
        rows[place] = class_probabilities(features)
    return rows


def _leave_outs(sums: ClassSums) -> list[float]:
    folds = len(sums.counts)
    return [sums.inception_score(fold) for fold in range(folds)] if folds >= FEWEST_GROUPS else []
