"""Density-OpenL3: how well generated clips lie where real clips are dense (fidelity, apart from variety).

Definition
    Each clip is one row: the mean over its OpenL3 frames. Around each reference row lies a ball that reaches
    to its 5th nearest neighbour in the reference. A generated clip's density is the number of balls that hold
    it, divided by 5; the score is the mean over clips.

Direction and unit
    Higher is better; a ratio from 0, about 1 for clips of the reference's own distribution. It can exceed 1: a
    model that gives only the commonest sound scores high. Read it beside Coverage-OpenL3.

Protocol
    The same OpenL3 frames as FD-OpenL3 has (see there, steps 1-3). Euclidean distance, k = 5, a row on a
    ball's edge counts as outside; in float64. It needs the features of the reference clips (at most 5,000, a
    seeded choice of more): statistics that ship as a mean and a covariance alone give no number. It depends on
    how many reference clips there are, not on how many generated ones.

Interval
    Clustered by source, t quantile; none under 5 sources. The reference counts as given.
    Cut at 0; none where all is the same.

What it cannot see
    Variety: one good clip over and over scores well, and one poor clip badly, as that clip alone would. Whether a
    clip fits its prompt; what changes within a clip; level. How far off the clips are that lie in no ball.

Citation
    Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", ICML 2020, arXiv 2002.09797.
"""

from __future__ import annotations

import math

from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.results import mean_result
from evalkit.metrics.sets import near_reference, reference_rows, set_reference, told_of_copies

CARD = MetricCard(
    name="density_openl3",
    title="Density-OpenL3",
    direction="higher",
    unit="",
    family="openl3",
    reference="set",
    text=False,
    citation="Naeem et al. 2020, arXiv 2002.09797; Cramer et al. 2019 (OpenL3)",
    blind_to="variety, the prompt, change within a clip, level, and how far off a clip is that lies in no ball",
    hears={"noise": "down", "low_pass": "down"},
    deaf_to=("gain", "captions"),
    headline=False,
    needs_clips=True,
    bounds=(0.0, math.inf),
    general=True,
)


class DensityOpenl3:
    """The metric object; `compute` takes features (frames, d) per clip and a set reference with `rows` (m, d)."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without a reference's rows (more than 5), without clips, or where they do not fit."""
        found = near_reference(CARD.name, inputs)
        values = dict(zip(inputs.ids, found.densities.tolist(), strict=True))
        told = told_of_copies(reference_rows(CARD.name, set_reference(CARD.name, inputs)))
        return mean_result(values, inputs.groups, found.balls, CARD.bounds, told, inputs.prompts)


METRIC = DensityOpenl3()
