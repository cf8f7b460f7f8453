"""FD-infinity-OpenL3: what FD-OpenL3 would be with endless generated clips.

Definition
    FD-OpenL3 of n clips is too large by about c / n. Its values at n, n/2, n/3 and n/4 clips are laid along a
    straight line over 1/n (least squares), and the score is where that line meets 1/n = 0.

Direction and unit
    Lower is better; no unit, the scale of FD-OpenL3. Where both sets come from one distribution it is near 0,
    so a single value may fall below, and is left so.

Protocol
    The features and reference of FD-OpenL3 (see there). Clips are dealt into 24 folds by the digest of their
    source, a source never split; seed 0 gives the orders in which the folds are cut into 1, 2, 3 and 4 equal
    parts. A point is the mean over the parts of a cut, so each point uses every clip once. n counts clips, not
    frames. fadtk draws 25 subsets with replacement, without a seed, from 500 frames upwards: repeated rows
    raise the distance by themselves, and its numbers are not comparable.
    Under 8 sources there is no number. R^2 of the line is among the warnings where it is under 0.95, and so is
    a part that has no more frames than dimensions: the law of 1/n does not hold there yet, the points lie on a
    curve that bends down towards 1/n = 0, and the line stays above the truth (`reports/simulations.md`).

Interval
    Delete-a-group jackknife over the same folds, the whole line laid again without each, t quantile.

What it cannot see
    What FD-OpenL3 cannot see, except for the number of clips. The reference keeps its own bias, of about
    1 / (its clips), which is the same for every system. The interval is wider than FD-OpenL3's.

Citation
    Chong and Forsyth, "Effectively Unbiased FID and Inception Score and Where to Find Them", CVPR 2020, arXiv
    1911.07023; Gui et al., "Adapting Frechet Audio Distance for Generative Music Evaluation", ICASSP 2024,
    arXiv 2311.01616 (FAD-infinity).
"""

from __future__ import annotations

import numpy as np

from evalkit.core.errors import UserError
from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.results import set_result
from evalkit.metrics.sets import reference_gaussian, require_features, set_reference
from evalkit.stats.extrapolate import CELLS, CUTS, Extrapolation, extrapolate_frechet
from evalkit.stats.frechet import Factors, group_rows
from evalkit.stats.intervals import assign_folds

CARD = MetricCard(
    name="fd_inf_openl3",
    title="FD∞-OpenL3",
    direction="lower",
    unit="",
    family="openl3",
    reference="set",
    text=False,
    citation="Chong and Forsyth 2020, arXiv 1911.07023; Gui et al. 2024, arXiv 2311.01616; Cramer et al. 2019 (OpenL3)",
    blind_to="the prompt, single clips, level, anything beyond mean and covariance, and the reference's own bias",
    hears={"noise": "up", "low_pass": "up", "mp3": "up", "dropped": "up", "repeated": "up"},
    deaf_to=("gain", "captions"),
    headline=False,
    general=True,
)

SEED = 0
GOOD_FIT = 0.95
FEWEST_SOURCES = 2 * max(CUTS)


class FdInfOpenl3:
    """The metric object; `compute` takes features (frames, d) per clip and a set reference of the same d."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without a reference, under 8 sources, or where the features do not fit."""
        stored = set_reference(CARD.name, inputs)
        reference = reference_gaussian(CARD.name, stored)
        require_features(CARD.name, inputs, reference.dimensions)
        sources = len(set(inputs.groups))
        if sources < FEWEST_SOURCES:
            raise UserError(f"{CARD.name}: {sources} sources are too few to extrapolate from", "score more clips")
        found = _extrapolate(inputs, reference)
        return set_result(found.value, found.leave_outs, inputs, stored.clips, _warnings(found, reference))


METRIC = FdInfOpenl3()


def _extrapolate(inputs: MetricInputs, reference: Factors) -> Extrapolation:
    folds = assign_folds(inputs.groups, CELLS)
    try:
        return extrapolate_frechet(group_rows(inputs.features, folds), np.bincount(folds), reference, SEED)
    except ValueError as error:
        raise UserError(f"{CARD.name}: {error}", "score more clips") from None


def _warnings(found: Extrapolation, reference: Factors) -> tuple[str, ...]:
    told: list[str] = []
    if found.fit < GOOD_FIT:
        told.append(f"the points lie badly on a line: R^2 is {found.fit:.2f}")
    if found.smallest <= reference.dimensions:
        told.append(
            f"the smallest part has {found.smallest} frames in {reference.dimensions} dimensions: too few for the "
            "law of 1/n, so the value is still too high"
        )
    return tuple(told)
