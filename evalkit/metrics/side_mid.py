"""Side over mid: how much of the energy lies beside the middle.

Definition
    Per clip, with side = L - R and mid = L + R (means taken off),

        10 log10( sum side^2 / sum mid^2 ),

    cut at -60 and 60 dB; the mean over clips.

Direction and unit
    No side is better; dB. -60 is mono (one channel counts as that, too), 0 is as much beside as in the middle
    (two unrelated channels, or sound in one channel alone), above 0 the channels work against each other. Hold it
    against real recordings of the same prompts, or another model's.

Protocol
    The file as it is: its own rate, channels and level.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    Mono clips at -60 among stereo ones widen it.
    A score interval between -60 and 60, as skewed near either as the measure is; none where all is the same.

What it cannot see
    Left from right: mirrored channels have the same value. Low frequencies decide, as most energy is there.

Citation
    evalkit; no paper.
"""

from __future__ import annotations

from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.clip_means import mean_over_clips, measured

CARD = MetricCard(
    name="side_mid",
    title="Side over mid",
    direction="none",
    unit="dB",
    family="sound",
    reference="",
    text=False,
    citation="evalkit; no paper",
    blind_to="left from right, and width that lies in time or phase alone at low level",
    hears={"mono": "down", "noise": "up"},
    deaf_to=("gain", "crop", "reversed", "captions"),
    headline=False,
    bounds=(-60.0, 60.0),
)


class SideMid:
    """The metric object; `compute` gives the mean of the column `side_mid` of `evalkit.embed.sound`."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips, or for features of another embedder."""
        return mean_over_clips(CARD, inputs, measured("side_mid", inputs, "side_mid"))


METRIC = SideMid()
