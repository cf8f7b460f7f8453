"""What the metrics of a whole set ask of their inputs, and how their results are put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evalkit.core.errors import UserError
from evalkit.metrics.base import MetricInputs, MetricResult, SetReference
from evalkit.stats.frechet import Factors, factors_of_covariance
from evalkit.stats.intervals import FEWEST_GROUPS, assign_folds, jackknife_interval

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
    return np.stack([np.asarray(rows, dtype=np.float64).mean(axis=0) for rows in inputs.features])


def folds_of(inputs: MetricInputs) -> NDArray[np.int64]:
    """The fold of each clip, for a jackknife over sources."""
    return assign_folds(inputs.groups)


def set_result(
    value: float, leave_outs: Sequence[float], inputs: MetricInputs, n_reference: int, warnings: Sequence[str] = ()
) -> MetricResult:
    """The result of a statistic of the set, with the jackknife interval from its values without each fold.

    Where there are too few folds, or a leave-out has no value, there is no interval and a warning says so.
    """
    usable = len(leave_outs) >= FEWEST_GROUPS and bool(np.isfinite(leave_outs).all())
    interval = jackknife_interval(value, leave_outs) if usable else None
    few = () if interval else (f"no interval: it takes clips of at least {FEWEST_GROUPS} sources",)
    return MetricResult(
        value=value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=interval.level if interval else 0.95,
        method=interval.method if interval else "none",
        n=len(inputs.ids),
        n_reference=n_reference,
        per_prompt={},
        warnings=(*warnings, *few),
        leave_outs=tuple(leave_outs) if interval else (),
    )
