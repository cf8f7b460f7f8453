"""Duration error: how far the clips' lengths are from the lengths that were asked for.

Definition
    The mean over clips of

        | samples / rate - seconds asked |

    A clip that is too long counts as one that is too short by as much.

Direction and unit
    Lower is better; seconds. 0 is every length to the sample; a model whose window is shorter than a prompt
    asks for shows it here and nowhere else.

Protocol
    The file as it is, at its own rate; the length asked for is the suite's `seconds` of the prompt.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    Cut at 0; none where all is the same.

What it cannot see
    What the sound is. Silence that fills a clip up to the asked length counts as length: look at
    `silence_share` beside it.

Citation
    evalkit; no paper.
"""

from __future__ import annotations

import math

import numpy as np

from evalkit.core.errors import UserError
from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.clip_means import mean_over_clips, measured

CARD = MetricCard(
    name="duration_error",
    title="Duration error",
    direction="lower",
    unit="s",
    family="sound",
    reference="",
    text=False,
    citation="evalkit; no paper",
    blind_to="what the sound is; silence that fills a clip up to its length counts as length",
    hears={"crop": "up"},
    deaf_to=("noise", "low_pass", "mp3", "clipped", "gain", "mono", "dropped", "reversed", "captions"),
    headline=False,
    bounds=(0.0, math.inf),
)


class DurationError:
    """The metric object; `compute` gives the mean distance of the clips' lengths from `inputs.seconds`."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips or without the lengths asked for, or for features of another embedder."""
        if len(inputs.seconds) != len(inputs.ids) or not all(inputs.seconds):
            raise UserError("duration_error needs the length that each prompt asks for")
        # Features are float32, so the other side is rounded alike: a length to the sample then gives 0, not 1e-8.
        asked = np.asarray(inputs.seconds, dtype=np.float32)
        return mean_over_clips(CARD, inputs, np.abs(measured("duration_error", inputs, "seconds") - asked))


METRIC = DurationError()
