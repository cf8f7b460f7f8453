"""What a comparison could see, before its second run is made: from one run's spread to the change that is found four
times of five, and to the prompts that it takes for a smaller one.

The gate pairs two runs prompt by prompt, so what the prompts alone decide cancels, and what is left are the sounds' own
differences from one seed to the next. With `within` the variance of one sound's value around its prompt's mean, P
prompts and K sounds a prompt, on both sides, as the gate compares no others,

    error of the difference^2 = within * 2 / K / P

`within` is measured where the baseline has several sounds a prompt (`stats.variance`) or where a second run of the same
model with another seed is given, whose differences are then all there is; else it is (1 - r) times the variance of one
sound's value, with r the correlation of two sounds of one prompt, which has to be assumed. A distance of sets has the
jackknife's error, of which sqrt(2 (1 - r)) is left in a difference; that falls with the root of the sources, and what
more sounds a prompt would do to it is not counted on. A model that has changed may answer some prompts better and some
worse: that too is in no run that there is, and is taken as nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evalkit.comparison.difference import LEVEL, difference, is_mean_of_prompts
from evalkit.comparison.likeness import unlike
from evalkit.comparison.record import Record, number
from evalkit.core.errors import UserError, unknown_name

POWER = 0.80
_MOST_SOURCES = 10**7
_FEWEST = 5
_FOLDS = 25

Ground = Literal["measured: sounds of one prompt", "measured: a second run", "assumed"]


@dataclass(frozen=True)
class Foresight:
    """For one metric: `change` is to be seen; with the baseline's `prompts` in `sources`, and `samples` sounds a prompt
    on both sides, `sees` is the smallest that is found `POWER` of the time. `needed` prompts see `change` (None: not
    ten million sources do). `error` is that of the difference, at the baseline's prompts. `ground` says whether the
    spread from seed to seed was measured or assumed."""

    metric: str
    kind: Literal["mean of prompts", "distance of sets"]
    value: float
    change: float
    prompts: int
    sources: int
    samples: int
    error: float
    sees: float
    needed: int | None
    ground: Ground


def foresee(
    metric: str,
    change: float,
    baseline: Record,
    samples: int | None = None,
    correlation: float = 0.0,
    twin: Record | None = None,
) -> Foresight:
    """What a run of the baseline's prompts would see in `metric`, and how many prompts see `change` (in its unit), with
    `samples` sounds a prompt (default: the baseline's).

    Raises UserError for a metric that the baseline has not, or whose spread it does not hold, and for a `twin` that
    cannot be compared with it.
    """
    score = baseline.metrics.get(metric)
    if score is None:
        raise unknown_name("metric of this baseline", metric, baseline.metrics)
    value, sources = number(score.get("value")), len(set(baseline.groups.values()))
    if value is None or sources < _FEWEST:
        told = "has no value" if value is None else f"has {sources} sources, and {_FEWEST} are needed"
        raise UserError(f"{baseline.source}: {metric} {told}, so nothing can be foreseen from it")
    mean = is_mean_of_prompts(score, baseline.samples)
    samples = samples or baseline.samples
    if twin is None:
        error, ground = _from_one(metric, baseline, samples, correlation)
    else:
        error, ground = _measured(metric, baseline, twin, samples)
    prompts = len(baseline.groups)
    kind: Literal["mean of prompts", "distance of sets"] = "mean of prompts" if mean else "distance of sets"
    each = error * math.sqrt(sources)
    needed = _sources_that_see(change, each, mean)
    return Foresight(
        metric=metric,
        kind=kind,
        value=value,
        change=change,
        prompts=prompts,
        sources=sources,
        samples=samples,
        error=error,
        sees=_seen(each, sources, mean),
        needed=None if needed is None else math.ceil(needed * prompts / sources),
        ground=ground,
    )


def _from_one(metric: str, baseline: Record, samples: int, correlation: float) -> tuple[float, Ground]:
    """The error of a difference at the baseline's prompts, from the baseline alone."""
    score = baseline.metrics[metric]
    if not is_mean_of_prompts(score, baseline.samples):
        se = number(score.get("se"))
        if se is None:
            raise UserError(
                f"{baseline.source}: {metric} has no standard error, so nothing can be foreseen from it",
                "score the run again with this evalkit",
            )
        return se * math.sqrt(2 * (1 - correlation)), "assumed"
    values = [float(value) for value in score["per_prompt"].values()]
    within, ground = _within(score, values, baseline.samples, correlation)
    return math.sqrt(within * 2 / samples / len(values)), ground


def _within(score: Mapping[str, Any], values: list[float], samples: int, correlation: float) -> tuple[float, Ground]:
    """The variance of a sound's value around its prompt's mean."""
    split = score.get("variance")
    found = number(split.get("within_prompts")) if isinstance(split, dict) else None
    if found is not None and found >= 0:
        return found, "measured: sounds of one prompt"
    middle = math.fsum(values) / len(values)
    spread = math.fsum((value - middle) ** 2 for value in values) / max(1, len(values) - 1)
    # A mean of k sounds varies by r + (1 - r) / k of one sound's variance.
    return (1 - correlation) * spread / (correlation + (1 - correlation) / samples), "assumed"


def _measured(metric: str, baseline: Record, twin: Record, samples: int) -> tuple[float, Ground]:
    """The error of the difference that two runs of the same model have, for `samples` sounds a prompt."""
    reason = unlike(metric, twin, baseline, ("the second run", "the baseline"))
    if reason:
        raise UserError(f"{twin.source}: cannot stand beside {baseline.source}: {reason}")
    found = difference(metric, twin, baseline)
    if found.error is None or not found.method.startswith("paired"):
        raise UserError(f"{twin.source}: {metric} cannot be paired with that of {baseline.source}")
    if found.method != "paired":
        return found.error, "measured: a second run"
    return found.error * math.sqrt(baseline.samples / samples), "measured: a second run"


def _seen(each: float, sources: int, mean: bool) -> float:
    """The smallest change that so many sources see, of which each has this error."""
    from evalkit.stats.paired import smallest_detectable

    freedom = (sources if mean else min(sources, _FOLDS)) - 1
    return smallest_detectable(each / math.sqrt(sources), POWER, LEVEL, freedom) if each > 0 else 0.0


def _sources_that_see(change: float, each: float, mean: bool) -> int | None:
    """The fewest sources that see the change; None where more than ten millions would have to be."""
    low, high = _FEWEST, _MOST_SOURCES
    if _seen(each, high, mean) > change:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _seen(each, middle, mean) <= change else (middle + 1, high)
    return low
