"""What the four axes of Audiobox Aesthetics share: one column of each clip's predictions, and their mean.

`aesthetics_quality`, `_complexity`, `_enjoyment` and `_usefulness` are the metrics, each with its own manual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from evalkit.core.errors import UserError
from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.clip_means import mean_over_clips

AXES = ("CE", "CU", "PC", "PQ")
"""The order of an embedder's row (`evalkit.nets.aesthetics`)."""


class AestheticAxis:
    """The metric object of one axis; `compute` takes a row (1, 4) per clip."""

    def __init__(self, card: MetricCard, axis: str) -> None:
        self.card, self._column = card, AXES.index(axis)

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips, or for features of another embedder."""
        name = self.card.name
        if not inputs.ids:
            raise UserError(f"{name}: there is no clip to score", "every prompt failed; see the run's failures")
        if any(rows.shape != (1, len(AXES)) for rows in inputs.features):
            raise UserError(f"{name}: expected one row (1, {len(AXES)}) per clip, of Audiobox Aesthetics")
        values = np.concatenate(list(inputs.features))[:, self._column].astype(np.float64)
        if not np.isfinite(values).all():
            raise UserError(
                f"{name}: the value of {inputs.ids[int((~np.isfinite(values)).argmax())]!r} is not a number"
            )
        return mean_over_clips(self.card, inputs, values)


def axis_card(
    name: str,
    title: str,
    direction: Literal["lower", "higher", "none"],
    blind_to: str,
    hears: Mapping[str, Literal["up", "down"]],
    headline: bool = True,
) -> MetricCard:
    """The card of one axis. Channels are mixed before the network, which reads no text."""
    return MetricCard(
        name=name,
        title=title,
        direction=direction,
        unit="of 10",
        family="audiobox",
        reference="",
        text=False,
        citation="Tjandra et al. 2025, arXiv 2502.05139 (Audiobox Aesthetics)",
        blind_to=blind_to,
        headline=headline,
        hears=hears,
        deaf_to=("mono", "captions"),
    )
