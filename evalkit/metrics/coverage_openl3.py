"""Coverage-OpenL3: how much of the real clips' variety the generated clips reach.

Definition
    Each clip is one row: the mean over its OpenL3 frames. Around each reference row lies a ball that reaches
    to its 5th nearest neighbour in the reference. The score is the share of the balls that hold at least one
    generated clip.

Direction and unit
    Higher is better; a share in [0, 1]. Clips of the reference's own distribution do not reach 1: with n clips
    against m reference clips they reach 1 - (m-1)...(m-5) / ((n+m-1)...(n+m-5)), which is 0.97 for n = m and
    0.60 for n = m / 5. That bound stands among the warnings where it is under 0.95.

Protocol
    The same OpenL3 frames as FD-OpenL3 has (see there, steps 1-3). Euclidean distance, k = 5, a row on a
    ball's edge counts as outside; in float64. It needs the features of the reference clips (at most 5,000, a
    seeded choice of more): statistics that ship as a mean and a covariance alone give no number.

Interval
    Delete-a-group jackknife over the clips' sources, at most 25 groups, t quantile; none under 5 sources.
    The reference counts as given.
    Cut at 0 and 1; none where all is the same.

What it cannot see
    Fidelity: clips far from everything real cost nothing beside those that reach. Whether a clip fits its
    prompt; what changes within a clip; level. It rises with the number of clips: compare equal n only.

Citation
    Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", ICML 2020, arXiv 2002.09797.
"""

from __future__ import annotations

from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.results import set_result
from evalkit.metrics.sets import near_reference, reference_rows, set_reference, told_of_copies
from evalkit.stats.intervals import FEWEST_GROUPS
from evalkit.stats.manifold import Neighbourhoods, expected_coverage

CARD = MetricCard(
    name="coverage_openl3",
    title="Coverage-OpenL3",
    direction="higher",
    unit="",
    family="openl3",
    reference="set",
    text=False,
    citation="Naeem et al. 2020, arXiv 2002.09797; Cramer et al. 2019 (OpenL3)",
    blind_to="fidelity of the clips that reach nothing, the prompt, change within a clip, level",
    hears={"noise": "down", "low_pass": "down", "mp3": "down", "repeated": "down"},
    deaf_to=("gain", "captions"),
    headline=False,
    needs_clips=True,
    biased_by_n=True,
    bounds=(0.0, 1.0),
    general=True,
)

LOW_CEILING = 0.95
"""Where even the reference's own distribution would reach less than this, the reader is told what it reaches."""


class CoverageOpenl3:
    """The metric object; `compute` takes features (frames, d) per clip and a set reference with `rows` (m, d)."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without a reference's rows (more than 5), without clips, or where they do not fit."""
        found = near_reference(CARD.name, inputs)
        return set_result(
            value=found.coverage(),
            leave_outs=_leave_outs(found),
            inputs=inputs,
            n_reference=found.balls,
            warnings=[
                *_warnings(len(inputs.ids), found.balls),
                *told_of_copies(reference_rows(CARD.name, set_reference(CARD.name, inputs))),
            ],
            bounds=CARD.bounds,
        )


METRIC = CoverageOpenl3()


def _leave_outs(found: Neighbourhoods) -> list[float]:
    folds = len(found.visits)
    return [found.coverage(fold) for fold in range(folds)] if folds >= FEWEST_GROUPS else []


def _warnings(clips: int, reference: int) -> tuple[str, ...]:
    ceiling = expected_coverage(clips, reference)
    if ceiling >= LOW_CEILING:
        return ()
    return (f"{clips} clips of the reference's own distribution would cover {ceiling:.2f} of its {reference}",)
