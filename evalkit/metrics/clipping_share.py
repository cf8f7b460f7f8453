"""Clipping: which share of the samples stands at full scale.

Definition
    Per clip, the share of all samples of all channels whose magnitude is at least 32767/32768, the largest
    value of 16-bit sound; the mean over clips.

Direction and unit
    Lower is better; a share between 0 and 1. A clip normalised to full scale has one such sample or a few, about
    1e-5 of its own; from 1e-3 on in one of its channels it carries the verdict `clipped`.

Protocol
    The file as it is: its own rate, channels and level. Files with a floating point format may go beyond full
    scale, and count all the same, as any player will clip them.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    A score interval between 0 and 1, as skewed near either as the measure is; none where all is the same.

What it cannot see
    Clipping that was turned down afterwards (a flat top at -1 dB), and soft saturation. Sound that is square by
    nature, as a chip tune, clips by this definition where it is loud enough.

Citation
    evalkit; no paper.
"""

from __future__ import annotations

from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.clip_means import mean_over_clips, measured

CARD = MetricCard(
    name="clipping_share",
    title="Clipping",
    direction="lower",
    unit="share of the samples",
    family="sound",
    reference="",
    text=False,
    citation="evalkit; no paper",
    blind_to="clipping that was turned down afterwards, and soft saturation",
    hears={"clipped": "up"},
    deaf_to=("noise", "low_pass", "gain", "mono", "reversed", "captions"),
    headline=False,
    bounds=(0.0, 1.0),
)


class ClippingShare:
    """The metric object; `compute` gives the mean of the column `clipping` of `evalkit.embed.sound`."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips, or for features of another embedder."""
        return mean_over_clips(CARD, inputs, measured("clipping_share", inputs, "clipping"))


METRIC = ClippingShare()
