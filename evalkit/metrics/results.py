"""How results are put together: a number, its interval where there can be one, and a word where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from evalkit.core.errors import UserError
from evalkit.metrics.base import MetricInputs, MetricResult
from evalkit.stats.intervals import (
    FEWEST_GROUPS,
    UNBOUNDED,
    Bounds,
    Interval,
    clustered_mean,
    jackknife_interval,
    no_spread,
)

SEVERAL_SOUNDS = """\
Several sounds a prompt (--samples)
    A statistic of the set is that of all sounds; a mean is that of the prompts' means. Sounds of one prompt count as
    one source in the interval. For a value per sound scores.json then says how much of its variance lies between
    prompts and how much between sounds of one prompt (one-way analysis of variance; Searle et al., "Variance
    Components", 1992; cut at 0), and what the standard error would be with twice as many of either: more sounds buy
    only the second part, and nothing of what the prompts decide."""
"""The end of every metric's manual."""

_FEW = f"it takes clips of at least {FEWEST_GROUPS} sources"


def mean_result(
    per_prompt: Mapping[str, float],
    groups: Sequence[str],
    n_reference: int = 0,
    bounds: Bounds = UNBOUNDED,
    warnings: Sequence[str] = (),
    prompts: Sequence[str] = (),
) -> MetricResult:
    """The mean of one value per sound, with an interval clustered by `groups`, which are in the same order, and within
    `bounds`. Where all values are the same there is none, and a warning says so.

    `prompts` says which prompt each sound is of, where they have several: the mean is then that of the prompts' means,
    so that one of which a sound failed weighs as much as the others. Raises UserError where there is no value, or one
    that is no number.
    """
    sounds = [float(value) for value in per_prompt.values()]
    odd = [key for key, value in per_prompt.items() if not math.isfinite(value)]
    if odd or not sounds:
        told = f"the value of {odd[0]!r} is {per_prompt[odd[0]]}" if odd else "there is no sound to score"
        raise UserError(told, "" if odd else "every prompt failed; see the run's failures")
    values, sources = prompt_means(sounds, groups, prompts) if prompts else (sounds, groups)
    interval = clustered_mean(values, sources, bounds=bounds)
    alike = interval is not None and no_spread(values)
    return _result(
        float(np.mean(values)),
        None if alike else interval,
        len(sounds),
        n_reference,
        dict(zip(per_prompt, sounds, strict=True)),
        warnings,
        why="every clip has the same value, which does not tell how it would vary" if alike else _FEW,
    )


def prompt_means(
    values: Sequence[float], groups: Sequence[str], prompts: Sequence[str]
) -> tuple[list[float], list[str]]:
    """(the mean of each prompt's sounds, its group), in the order in which the prompts come first."""
    together: dict[str, list[float]] = {}
    sources: dict[str, str] = {}
    for prompt, value, group in zip(prompts, values, groups, strict=True):
        together.setdefault(prompt, []).append(value)
        sources.setdefault(prompt, group)
    return [float(np.mean(each)) for each in together.values()], list(sources.values())


def set_result(
    value: float,
    leave_outs: Sequence[float],
    inputs: MetricInputs,
    n_reference: int,
    warnings: Sequence[str] = (),
    bounds: Bounds = UNBOUNDED,
    too_few: str = _FEW,
) -> MetricResult:
    """The result of a statistic of the set, with the jackknife interval from its values without each fold.

    Where there are `too_few` folds, a leave-out has no value, or all have the same, there is no interval and a warning
    says so.
    """
    usable = len(leave_outs) >= FEWEST_GROUPS and bool(np.isfinite(leave_outs).all())
    alike = usable and no_spread([value, *leave_outs])
    return _result(
        value,
        jackknife_interval(value, leave_outs, bounds=bounds) if usable and not alike else None,
        len(inputs.ids),
        n_reference,
        warnings=warnings,
        leave_outs=tuple(leave_outs) if usable else (),
        why="the value is the same whichever clips are left out" if alike else too_few,
    )


def _result(
    value: float,
    interval: Interval | None,
    n: int,
    n_reference: int,
    per_prompt: Mapping[str, float] | None = None,
    warnings: Sequence[str] = (),
    leave_outs: tuple[float, ...] = (),
    why: str = "",
) -> MetricResult:
    return MetricResult(
        value=value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=interval.level if interval else 0.95,
        method=interval.method if interval else "none",
        n=n,
        n_reference=n_reference,
        per_prompt=dict(per_prompt or {}),
        warnings=(*warnings, *(() if interval else (f"no interval: {why}",))),
        leave_outs=leave_outs,
        se=interval.se if interval else None,
        freedom=interval.freedom if interval else None,
    )
