"""Bandwidth: up to which frequency the clips hold energy.

Definition
    Per clip, the frequency above which less than a millionth (-60 dB) of the energy lies, over Hann windows of
    about 46 ms and all channels, the means taken off; the mean over clips.

Direction and unit
    No side is better by itself, as a low hum rightly ends early; Hz, never above half the file's rate. A model
    that works at 16 kHz cannot pass 8,000 however its files are resampled: 40 recordings of ESC-10 have a
    median of 16,100, and 7,700 once resampled to 16 kHz and back.

Protocol
    The file as it is: its own rate, channels and level.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    Cut at 0; none where all is the same.

What it cannot see
    Whether the upper band belongs to the sound: hiss, clicks and clipping widen it. A cut-off under which the
    sound has little energy anyway does not show.

Citation
    evalkit; no paper.
"""

from __future__ import annotations

import math

from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.clip_means import mean_over_clips, measured

CARD = MetricCard(
    name="bandwidth",
    title="Bandwidth",
    direction="none",
    unit="Hz",
    family="sound",
    reference="",
    text=False,
    citation="evalkit; no paper",
    blind_to="whether the upper band belongs to the sound: hiss counts like cymbals",
    hears={"low_pass": "down", "mp3": "down", "noise": "up", "clipped": "up"},
    deaf_to=("gain", "mono", "reversed", "captions"),
    headline=False,
    bounds=(0.0, math.inf),
)


class Bandwidth:
    """The metric object; `compute` gives the mean of the column `bandwidth` of `evalkit.embed.sound`."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips, or for features of another embedder."""
        return mean_over_clips(CARD, inputs, measured("bandwidth", inputs, "bandwidth"))


METRIC = Bandwidth()
