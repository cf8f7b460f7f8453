"""How results are put together: a number, its interval where there can be one, and a word where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evalkit.metrics.base import MetricInputs, MetricResult
from evalkit.stats.intervals import FEWEST_GROUPS, Interval, clustered_mean, jackknife_interval


def mean_result(per_prompt: Mapping[str, float], groups: Sequence[str], n_reference: int = 0) -> MetricResult:
    """The mean of one value per prompt, with an interval clustered by `groups`, which are in the same order."""
    values = [float(value) for value in per_prompt.values()]
    interval = clustered_mean(values, groups)
    return _result(
        float(np.mean(values)), interval, len(values), n_reference, dict(zip(per_prompt, values, strict=True))
    )


def set_result(
    value: float, leave_outs: Sequence[float], inputs: MetricInputs, n_reference: int, warnings: Sequence[str] = ()
) -> MetricResult:
    """The result of a statistic of the set, with the jackknife interval from its values without each fold.

    Where there are too few folds, or a leave-out has no value, there is no interval and a warning says so.
    """
    usable = len(leave_outs) >= FEWEST_GROUPS and bool(np.isfinite(leave_outs).all())
    interval = jackknife_interval(value, leave_outs) if usable else None
    leave_outs = tuple(leave_outs) if interval else ()
    return _result(value, interval, len(inputs.ids), n_reference, warnings=warnings, leave_outs=leave_outs)


def _result(
    value: float,
    interval: Interval | None,
    n: int,
    n_reference: int,
    per_prompt: Mapping[str, float] | None = None,
    warnings: Sequence[str] = (),
    leave_outs: tuple[float, ...] = (),
) -> MetricResult:
    few = () if interval else (f"no interval: it takes clips of at least {FEWEST_GROUPS} sources",)
    return MetricResult(
        value=value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=interval.level if interval else 0.95,
        method=interval.method if interval else "none",
        n=n,
        n_reference=n_reference,
        per_prompt=dict(per_prompt or {}),
        warnings=(*warnings, *few),
        leave_outs=leave_outs,
    )
