"""Stereo correlation: how alike the two channels are.

Definition
    Per clip, the correlation of left and right over the whole clip (their means taken off),

        sum L R / sqrt(sum L^2 * sum R^2);

    the mean over clips.

Direction and unit
    No side is better; between -1 and 1. 1 is mono (one channel counts as 1, too), 0 two channels that have
    nothing to do with each other, and below 0 the channels cancel when they are mixed to mono. A stereo
    model that gives 1 throughout makes mono.

Protocol
    The file as it is: its own rate, channels and level. 0 where only one of the channels moves.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    A score interval between -1 and 1, as skewed near either as the measure is; none where all is the same.

What it cannot see
    Level: a sound that is panned by level alone has correlation 1 wherever it stands; see `side_mid` for that.
    Bands: low frequencies decide, as most energy is there. Delays of a few samples lower it like width does.

Citation
    evalkit; no paper.
"""

from __future__ import annotations

from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.clip_means import mean_over_clips, measured

CARD = MetricCard(
    name="stereo_correlation",
    title="Stereo correlation",
    direction="none",
    unit="",
    family="sound",
    reference="",
    text=False,
    citation="evalkit; no paper",
    blind_to="where a sound stands: panned by level alone it counts as mono; anything but the strongest bands",
    hears={"noise": "down"},
    deaf_to=("gain", "reversed", "captions"),
    headline=False,
    bounds=(-1.0, 1.0),
)


class StereoCorrelation:
    """The metric object; `compute` gives the mean of the column `correlation` of `evalkit.embed.sound`."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips, or for features of another embedder."""
        return mean_over_clips(CARD, inputs, measured("stereo_correlation", inputs, "correlation"))


METRIC = StereoCorrelation()
