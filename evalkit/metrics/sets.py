"""What the metrics of a whole set ask of their inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalkit.core.errors import UserError
from evalkit.core.text import part_of
from evalkit.metrics.base import MetricInputs, SetReference
from evalkit.stats.frechet import Factors, factors_of_covariance
from evalkit.stats.intervals import assign_folds
from evalkit.stats.manifold import Neighbourhoods, near_copies, neighbourhoods
from evalkit.store.spill import outside

Array = NDArray[np.float64]


def set_reference(metric: str, inputs: MetricInputs) -> SetReference:
    """The reference set's statistics. Raises UserError where the suite gives none."""
    if inputs.set_reference is None:
        raise UserError(f"{metric} needs the statistics of a reference set", "name them in the suite's manifest")
    return inputs.set_reference


def reference_gaussian(metric: str, reference: SetReference) -> Factors:
    """The reference as a Gaussian. Raises UserError where its mean and covariance are none."""
    try:
        return factors_of_covariance(reference.mean, reference.covariance, reference.frames)
    except ValueError as error:
        raise UserError(f"{metric}: the reference statistics cannot be used: {error}") from None


def reference_rows(metric: str, reference: SetReference) -> Array:
    """One vector per reference clip, (m, d). Raises UserError where only mean and covariance were shipped."""
    if reference.rows is None:
        raise UserError(
            f"{metric} needs the reference's own features, and these statistics hold only a mean and a covariance",
            "score against a folder of reference audio, or make the statistics again from audio",
        )
    return np.asarray(reference.rows, dtype=np.float64)


MANY_COPIES = 0.1
"""Of the reference's clips; fewer, as ESC-10 has among its own, decide nothing."""


def told_of_copies(rows: Array) -> tuple[str, ...]:
    """A warning where many clips of the reference are copies of one another, at another level or in another file:
    neither a neighbourhood nor a mean over pairs is of different sounds then."""
    copies = near_copies(rows)
    if copies < MANY_COPIES * len(rows) or not copies:
        return ()
    told = part_of(copies, len(rows), "reference clip", "lies", "lie")
    return (f"{told} as near to another as a copy does, and each counts",)


def require_features(metric: str, inputs: MetricInputs, dimensions: int) -> None:
    """Raises UserError without clips, or where a clip's features are not finite rows (frames, dimensions)."""
    if not inputs.ids:
        raise UserError(f"{metric}: there is no clip to score", "every prompt failed; see the run's failures")
    for identifier, rows in zip(inputs.ids, inputs.features, strict=True):
        if rows.ndim != 2 or not len(rows) or rows.shape[1] != dimensions:
            expected = f"(frames, {dimensions}) as the reference has"
            raise UserError(f"{metric}: features of {identifier!r} are {rows.shape}, not {expected}")
        if not np.isfinite(rows).all():
            raise UserError(f"{metric}: features of {identifier!r} hold NaN or infinity")


def clip_means(inputs: MetricInputs) -> Array:
    """One vector per clip, (clips, d): the mean over its frames."""
    means = outside((len(inputs.features), inputs.features[0].shape[1]))
    for place, rows in enumerate(inputs.features):
        means[place] = np.asarray(rows, dtype=np.float64).mean(axis=0)
    return means


def folds_of(inputs: MetricInputs) -> NDArray[np.int64]:
    """The fold of each clip, for a jackknife over sources."""
    return assign_folds(inputs.groups)


def near_reference(metric: str, inputs: MetricInputs) -> Neighbourhoods:
    """Which clips lie near which reference clips, by clip means.

    Raises UserError without a reference's rows (more than 5), without clips, or where they do not fit.
    """
    reference = reference_rows(metric, set_reference(metric, inputs))
    require_features(metric, inputs, reference.shape[1])
    try:
        return neighbourhoods(clip_means(inputs), folds_of(inputs), reference)
    except ValueError as error:
        raise UserError(f"{metric}: {error}", "score against more reference clips") from None
