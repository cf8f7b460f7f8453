"""FD-OpenL3: how far generated sounds are, as a set, from real ones.

Definition
    Every frame of every clip is a row. The generated rows and the reference rows are each summed up by a
    Gaussian (mean, covariance with ddof 1), and the score is the Frechet distance between the two:

        |mu_g - mu_r|^2 + tr S_g + tr S_r - 2 tr (S_g S_r)^(1/2)

Direction and unit
    Lower is better; 0 where the two Gaussians are the same. No unit: it grows with the square of the
    features, so values from different weights, content types or channel rules cannot be compared.

Protocol (stable-audio-metrics at fd55536, src/openl3_fd.py, the batched path)
    1. peak of the clip to -1 dBFS, jointly over channels; soxr HQ to 44.1 kHz; resampy 0.2.2 kaiser_best
       to 48 kHz;
    2. OpenL3 0.4.2, mel256, 512 dimensions, windows of 1 s every 0.5 s with 0.5 s of zeros in front;
    3. left and right embedded apart and joined to 1,024 values a frame (a mono clip is joined to itself);
    4. all frames of all clips are rows: no mean over time per clip;
    5. the distance in float64 from factors of the two covariances. Upstream takes `sqrtm`, which differs by
       up to 3e-6 of the value where rows are fewer than dimensions and by less elsewhere.
    Steps 1-3 are the embedder's; the reference is a stored mean and covariance.

Interval
    Delete-a-group jackknife over the clips' sources, at most 25 groups, t quantile; none under 5 sources.
    It says how the number would move with other generated clips. The reference counts as given.
    Cut at 0; none where all is the same.

What it cannot see
    Whether a clip fits its prompt; how any single clip sounds; level, as each clip is normalised; more of a
    distribution than mean and covariance. It falls with the number of clips, by about 1/n, for the same
    model: compare equal n only. Mono sound through the stereo protocol has a covariance of half the rank.

Citation
    Cramer et al., "Look, Listen and Learn More", ICASSP 2019 (OpenL3); Heusel et al., arXiv 1706.08500
    (Frechet distance as a score); Evans et al., "Fast Timing-Conditioned Latent Audio Diffusion", arXiv
    2402.04825 (this use of the two).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalkit.core.errors import UserError
from evalkit.embed.base import Features
from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.results import set_result
from evalkit.metrics.sets import folds_of, reference_gaussian, require_features, set_reference
from evalkit.stats.frechet import Factors, factors_of_blocks, frechet_distance, group_rows, leave_out_distances
from evalkit.stats.intervals import FEWEST_GROUPS

CARD = MetricCard(
    name="fd_openl3",
    title="FD-OpenL3",
    direction="lower",
    unit="",
    family="openl3",
    reference="set",
    text=False,
    citation="Cramer et al. 2019 (OpenL3); Heusel et al. 2017, arXiv 1706.08500; Evans et al. 2024, arXiv 2402.04825",
    blind_to="the prompt, single clips, level, and anything beyond mean and covariance",
    hears={"noise": "up", "low_pass": "up", "mp3": "up", "dropped": "up", "repeated": "up"},
    deaf_to=("gain", "captions"),
    biased_by_n=True,
    bounds=(0.0, math.inf),
    general=True,
)

FEW_CLIPS = 100
"""Under this many clips the value is warned of: it is mostly its own bias."""


class FrechetDistance:
    """The metric object; `compute` takes features (frames, d) per clip and a set reference of the same d. Other
    networks' distances are this one under a card of their own."""

    def __init__(self, card: MetricCard) -> None:
        self.card = card

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without a reference, without clips, or where the features do not fit it."""
        name = self.card.name
        stored = set_reference(name, inputs)
        reference = reference_gaussian(name, stored)
        require_features(name, inputs, reference.dimensions)
        generated = _generated(name, inputs)
        return set_result(
            value=frechet_distance(generated, reference),
            leave_outs=_leave_outs(inputs, reference),
            inputs=inputs,
            n_reference=stored.clips,
            warnings=_warnings(inputs, generated, reference),
            bounds=self.card.bounds,
        )


METRIC = FrechetDistance(CARD)


def _generated(name: str, inputs: MetricInputs) -> Factors:
    try:
        return factors_of_blocks(inputs.features)
    except ValueError as error:
        raise UserError(f"{name}: {error}", "score more clips") from None


def _leave_outs(inputs: MetricInputs, reference: Factors) -> list[float]:
    """Empty where there are too few sources, or where leaving one out would leave under two rows."""
    if len(set(inputs.groups)) < FEWEST_GROUPS:
        return []
    grouped = group_rows(inputs.features, folds_of(inputs))
    if int(grouped.counts.sum() - grouped.counts.max()) < 2:
        return []
    return leave_out_distances(grouped, reference)


def _warnings(inputs: MetricInputs, generated: Factors, reference: Factors) -> tuple[str, ...]:
    d = generated.dimensions
    told = []
    if len(inputs.ids) < FEW_CLIPS:
        these = "1 clip is" if len(inputs.ids) == 1 else f"{len(inputs.ids)} clips are"
        told.append(f"{these} few: the distance is biased upwards, by an amount that falls as 1/n")
    for whose, side in (("generated", generated), ("reference", reference)):
        if side.rank < d:
            told.append(f"the {whose} covariance has rank {side.rank} of {d}{_why(side, inputs.features, whose)}")
    return tuple(told)


def _why(side: Factors, features: Sequence[Features], whose: str) -> str:
    """The likely reason for a deficient rank, as an end of the sentence."""
    if 0 < side.rows <= side.dimensions:
        return f", as {side.rows} frames are too few for more"
    half = side.dimensions // 2
    if whose == "generated" and all(np.array_equal(rows[:, :half], rows[:, half:]) for rows in features):
        return ", as every clip is mono"
    return ""
