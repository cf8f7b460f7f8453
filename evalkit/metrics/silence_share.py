"""Silence: which share of the time the clips hold no sound.

Definition
    Per clip, the share of 20-ms frames in which no channel's RMS is above -60 dB of full scale (each channel's
    mean over the clip taken off first); the mean over clips.

Direction and unit
    No side is better: a dog that barks once leaves silence, rain does not. A share between 0 and 1, to hold
    against another model on the same prompts, or against real recordings of them. Much more than theirs tells
    of clips that end early or never begin.

Protocol
    The file as it is: its own rate, channels and level. The threshold is absolute, so a very quiet clip is
    silent to a larger part than the same clip louder.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    A score interval between 0 and 1, as skewed near either as the measure is; none where all is the same.

What it cannot see
    Why it is silent: a pause that the prompt asks for counts as one that it does not. Hiss above -60 dB is
    sound. A clip that is silent throughout is a failed item, counted beside the number and not in it.

Citation
    evalkit; no paper.
"""

from __future__ import annotations

from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.clip_means import mean_over_clips, measured

CARD = MetricCard(
    name="silence_share",
    title="Silence",
    direction="none",
    unit="share of the time",
    family="sound",
    reference="",
    text=False,
    citation="evalkit; no paper",
    blind_to="why it is silent: a pause that the prompt asks for counts as one that it does not",
    hears={"dropped": "up", "gain": "up", "noise": "down"},
    deaf_to=("low_pass", "reversed", "captions"),
    headline=False,
    bounds=(0.0, 1.0),
)


class SilenceShare:
    """The metric object; `compute` gives the mean of the column `silence` of `evalkit.embed.sound`."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips, or for features of another embedder."""
        return mean_over_clips(CARD, inputs, measured("silence_share", inputs, "silence"))


METRIC = SilenceShare()
