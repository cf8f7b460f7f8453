"""A metric's formula on the features of another embedder.

An FD of one's own features is no FD-OpenL3: it has a name of its own, and its protocol says what it is.
"""

from __future__ import annotations

from dataclasses import replace

from evalkit.core.errors import UserError
from evalkit.metrics.base import Metric, MetricInputs, MetricResult


class Like:
    """The metric `of` under the name `name`."""

    def __init__(self, name: str, of: Metric) -> None:
        self.card = replace(of.card, name=name, title=f"{name} (as {of.card.name})")
        self._of = of

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError as the other metric does."""
        try:
            return self._of.compute(inputs)
        except UserError as error:
            raise UserError(f"{self.card.name}, as {error.message}", error.hint) from error
