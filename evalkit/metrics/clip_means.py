"""What the checks of single clips share: one measured column of each clip, and the mean of a value per clip."""

from __future__ import annotations

import numpy as np

from evalkit.core.errors import UserError
from evalkit.embed.sound import COLUMNS
from evalkit.metrics.base import Array, MetricCard, MetricInputs, MetricResult
from evalkit.metrics.results import mean_result


def measured(metric: str, inputs: MetricInputs, column: str) -> Array:
    """(clips,) the values of one of `evalkit.embed.sound.COLUMNS`.

    Raises UserError without clips, or where the features are not rows of the embedder `sound`.
    """
    if not inputs.ids:
        raise UserError(f"{metric}: there is no clip to score", "every prompt failed; see the run's failures")
    if any(features.shape != (1, len(COLUMNS)) for features in inputs.features):
        raise UserError(f"{metric} takes the measures of the sound itself", 'say weights = "sound" in the manifest')
    values = np.concatenate(list(inputs.features))[:, COLUMNS.index(column)].astype(np.float64)
    if not np.isfinite(values).all():
        broken = inputs.ids[int((~np.isfinite(values)).argmax())]
        raise UserError(f"{metric}: the {column} of {broken!r} is not a number")
    return values


def mean_over_clips(card: MetricCard, inputs: MetricInputs, values: Array) -> MetricResult:
    """The mean of one value per clip (clips,), with an interval clustered by source and the values by prompt."""
    return mean_result(
        dict(zip(inputs.ids, values.tolist(), strict=True)), inputs.groups, bounds=card.bounds, prompts=inputs.prompts
    )
