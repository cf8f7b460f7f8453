"""Loudness: how loud the clips are.

Definition
    Per clip, the integrated loudness of ITU-R BS.1770-4: K-weighted energy summed over the channels, in blocks
    of 0.4 s, with the absolute gate at -70 LUFS and the relative one 10 LU under the mean; the mean over clips.

Direction and unit
    No side is better: a level is a choice, and players normalise. LUFS. Broadcasters ask for
    -23 (EBU R 128).

Protocol
    The file as it is, nothing normalised (the other metrics level it out before they listen). -70 stands for a
    clip in which nothing passes the gate; a clip under 0.4 s is measured as one block, with silence after it.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    Cut at -70; none where all is the same.

What it cannot see
    Whether the level suits the sound, and what happens within a clip. The same sound in two channels is 3 LU
    louder than in one, by the standard. The mean over clips hides a spread: see the values by prompt.

Its name is not `loudness`, as samples.parquet has that column for every run, without the floor.

Citation
    ITU-R BS.1770-4 (2015), by pyloudnorm (Steinmetz and Reiss, AES 2021).
"""

from __future__ import annotations

import math

from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.clip_means import mean_over_clips, measured

CARD = MetricCard(
    name="loudness_lufs",
    title="Loudness",
    direction="none",
    unit="LUFS",
    family="sound",
    reference="",
    text=False,
    citation="ITU-R BS.1770-4 (2015), by pyloudnorm (Steinmetz and Reiss, AES 2021)",
    blind_to="whether the level suits the sound; what happens within a clip",
    hears={"gain": "down", "clipped": "up", "low_pass": "down", "dropped": "down"},
    deaf_to=("reversed", "captions"),
    headline=False,
    bounds=(-70.0, math.inf),
)


class LoudnessLufs:
    """The metric object; `compute` gives the mean of the column `loudness` of `evalkit.embed.sound`."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips, or for features of another embedder."""
        return mean_over_clips(CARD, inputs, measured("loudness_lufs", inputs, "loudness"))


METRIC = LoudnessLufs()
