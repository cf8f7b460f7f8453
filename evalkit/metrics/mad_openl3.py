"""MAD-OpenL3: how far generated sounds are, as a set, from real ones, by MAUVE's divergence of OpenL3 clip means.

Definition
    Each clip is one row: the mean over its frames. Rows of both sets are divided into common clusters, p and q are the
    shares of the generated and of the real ones in each, and the score is

        -ln MAUVE(p, q)

    MAUVE being the area under the frontier of KL(q || r) and KL(p || r) over mixtures r of the two (the whole recipe
    stands in evalkit/stats/mauve.py).

Direction and unit
    Lower is better; nats, from 0 (the same shares) to about 5.5 (no cluster in common).

Protocol
    The settings are those of mauve-text, which the authors' code leaves as they are: rows of length 1, the axes that
    carry 90 % of the variance, a tenth as many clusters as the smaller set has rows, five starts, scaling 5. The starts
    of k-means are drawn from a seed of evalkit's; mauve-text draws its own in faiss, so that whole scores agree only as
    far as the clusters do. It needs the rows of the reference clips; statistics alone give no number.
    The authors' "MAD" (i-need-sleep/mad at 7e47324) is this on MERT-v1-330M, layer 24, the maximum over time in place
    of the mean. A suite has the formula on any embedder under a name of its own:
        [metrics.mad_mert]  like = "mad_openl3"  weights = "mert.py:Mert"

Interval
    Delete-a-group jackknife over the clips' sources, at most 25 groups, t quantile; none under 5 sources. The clusters
    are found anew without each, which takes its time: half a second a fold over a thousand clips. Cut at 0; none where
    all is the same.

What it cannot see
    Whether a clip fits its prompt; how any single clip sounds; what changes within a clip; level; where in a cluster a
    clip lies, and how far apart clusters are. With few clips there are few clusters: 50 clips have five, and two sets
    of one distribution are then some tenths apart. Of 22 clips there are two, and no damage moves it clearly, not even
    noise as loud as the sound; so its sensitivity card is of 85, which make eight: sets in which one sound comes again
    and again are clearly heard, and strong noise or a low-pass only as a tendency. Under 50 clips it says so.

Citation
    Pillutla et al., "MAUVE", NeurIPS 2021, arXiv 2102.01454; Huang et al., "Aligning Text-to-Music Evaluation with
    Human Preferences", arXiv 2503.16669 (MAD); Cramer et al., ICASSP 2019 (OpenL3).
"""

from __future__ import annotations

import math

import numpy as np

from evalkit.core.errors import UserError
from evalkit.metrics.base import Array, MetricCard, MetricInputs, MetricResult
from evalkit.metrics.results import set_result
from evalkit.metrics.sets import clip_means, folds_of, reference_rows, require_features, set_reference, told_of_copies
from evalkit.stats.intervals import FEWEST_GROUPS
from evalkit.stats.mauve import FEWEST, clusters, clusters_of
from evalkit.store.spill import outside

CARD = MetricCard(
    name="mad_openl3",
    title="MAD-OpenL3",
    direction="lower",
    unit="nats",
    family="openl3",
    reference="set",
    text=False,
    citation="Pillutla et al. 2021, arXiv 2102.01454 (MAUVE); Huang et al. 2025, arXiv 2503.16669 (MAD)",
    blind_to="the prompt, single clips, change within a clip, level, and how far apart clusters are",
    hears={"repeated": "up"},
    deaf_to=("gain", "mono", "captions"),
    headline=False,
    biased_by_n=True,
    needs_clips=True,
    bounds=(0.0, math.inf),
    general=True,
)


FEW_CLIPS = 50
"""Under which there are fewer than five clusters."""


class MauveDivergence:
    """The metric object; `compute` takes features (frames, d) per clip and a set reference with `rows` (m, d). Other
    networks' divergences are this one under a card of their own."""

    def __init__(self, card: MetricCard) -> None:
        self.card = card

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without a reference's rows, with fewer than 10 clips of either set, or where they do not
        fit."""
        name = self.card.name
        reference = reference_rows(name, set_reference(name, inputs))
        require_features(name, inputs, reference.shape[1])
        order = sorted(range(len(inputs.ids)), key=lambda place: inputs.ids[place])  # k-means starts at rows by number
        rows, folds = _taken(clip_means(inputs), np.array(order)), folds_of(inputs)[order]
        try:
            value = _divergence(rows, reference)
        except ValueError as error:
            raise UserError(f"{name}: {error}", "score more clips, against more reference clips") from None
        left, told = _leave_outs(rows, folds, reference), (*told_of_copies(reference), *_told_of_few(rows, reference))
        return set_result(value, left, inputs, len(reference), told, self.card.bounds)


METRIC = MauveDivergence(CARD)


def _told_of_few(rows: Array, reference: Array) -> tuple[str, ...]:
    fewest = min(len(rows), len(reference))
    if fewest >= FEW_CLIPS:
        return ()
    return (f"{fewest} clips make {clusters_of(fewest)} clusters: under {FEW_CLIPS} clips hardly anything moves it",)


def _divergence(rows: Array, reference: Array) -> float:
    return max(0.0, -math.log(clusters(rows, reference).score()))


def _leave_outs(rows: Array, folds: np.ndarray, reference: Array) -> list[float]:
    counts = np.bincount(folds)
    if len(counts) < FEWEST_GROUPS or len(rows) - counts.max() < FEWEST:
        return []
    kept = (np.flatnonzero(folds != fold) for fold in range(len(counts)))
    return [_divergence(_taken(rows, each), reference) for each in kept]


def _taken(rows: Array, places: np.ndarray) -> Array:
    return np.take(rows, places, axis=0, out=outside((len(places), rows.shape[1])), mode="clip")  # else it is buffered
