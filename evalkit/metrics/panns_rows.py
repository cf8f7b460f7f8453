"""The two parts of a row of PANNs: features, then the 527 logits of AudioSet's classes (`evalkit.embed.panns`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evalkit.core.errors import UserError
from evalkit.embed.base import Features
from evalkit.metrics.base import MetricInputs, SetReference

CLASSES = 527

_FEATURES, _LOGITS = slice(None, -CLASSES), slice(-CLASSES, None)


def features_of(metric: str, inputs: MetricInputs) -> MetricInputs:
    """The inputs with the features alone, the reference too where it is of whole rows; one that is of features already,
    as shipped statistics are, stays. Raises UserError where rows are too narrow to hold both."""
    rows = [
        _part(metric, identifier, each, _FEATURES) for identifier, each in zip(inputs.ids, inputs.features, strict=True)
    ]
    stored = inputs.set_reference
    if stored is not None and rows and len(stored.mean) == rows[0].shape[1] + CLASSES:
        kept = None if stored.rows is None else stored.rows[:, _FEATURES]
        covariance = np.ascontiguousarray(stored.covariance[_FEATURES, _FEATURES])
        stored = SetReference(stored.mean[_FEATURES], covariance, stored.frames, stored.clips, kept)
    return replace(inputs, features=rows, set_reference=stored)


def logits_of(metric: str, inputs: MetricInputs) -> MetricInputs:
    """The inputs with the logits alone, on either side. Raises UserError where rows are too narrow to hold both, or a
    reference is not of such rows: what another judge made of the recordings is no logits of this one."""
    rows = [
        _part(metric, identifier, each, _LOGITS) for identifier, each in zip(inputs.ids, inputs.features, strict=True)
    ]
    pairs = inputs.pair_reference
    if pairs is not None:
        widths = {each.shape[-1] for each in inputs.features}
        other = next((key for key, each in pairs.items() if widths and each.shape[-1] not in widths), None)
        if other is not None:
            told = f"{metric}: the reference of {other!r} is {pairs[other].shape[-1]} wide, not {max(widths)}"
            raise UserError(told, "name recordings, or rows that the same judge made")
        pairs = {key: each[..., _LOGITS] for key, each in pairs.items()}
    return replace(inputs, features=rows, pair_reference=pairs)


def _part(metric: str, identifier: str, rows: Features, part: slice) -> Features:
    if rows.ndim != 2 or rows.shape[1] <= CLASSES or not len(rows):
        raise UserError(f"{metric}: the row of {identifier!r} is {rows.shape}, not features and {CLASSES} logits")
    return rows[:, part]
