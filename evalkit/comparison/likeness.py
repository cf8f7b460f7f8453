"""Why two scores can not be compared at all, of other prompts, protocols, weights, or no numbers; and what of two that
can be is to be known: how many sounds failed on each side.

A sound that failed has no number, so two runs of one suite may have been scored on other prompts. A mean of prompts is
then compared over the prompts that both have. A distance of sets cannot be: it is of all its sounds at once, and moves
with how many there are. Whoever asks gets the same answer here: the board, `compare` and the gate, which beyond that
lets nobody pass who failed on more (`unproven`): what is left of such a run are the prompts that it could do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from evalkit.comparison.difference import difference, is_mean_of_prompts, leave_outs, shared_prompts
from evalkit.comparison.record import Record, number
from evalkit.core.text import one_line, part_of, short_digest

SUITE_KEYS = {"name": "suite", "protocol": "protocol", "version": "suite version", "digest": "suite content"}
SCORE_KEYS = {"protocol": "protocol", "direction": "direction", "weights": "weights", "embedder": "embedder settings"}

Names = tuple[str, str]
"""What the two sides are called: the one that is looked at, and the one that it is held against."""

GATE: Names = ("the run", "the baseline")

_FAR, _ROUNDING = 10.0, 1e-3
"""How far the bias of a difference may go, in standard errors, and what rounding makes of it."""


def unlike(metric: str, run: Record, baseline: Record, names: Names = GATE) -> str:
    """Why these two can not be compared in a metric, or ""."""
    current, base = run.metrics.get(metric), baseline.metrics.get(metric)
    reason = unlike_runs(run, baseline, names) or unlike_scores(current, base, names)
    if reason or current is None or base is None:
        return reason
    for name, side in zip(names, (run, baseline), strict=True):
        if side.changed:
            return f"the file of {name} was changed since evalkit wrote it"
    kinds = is_mean_of_prompts(current, run.samples), is_mean_of_prompts(base, baseline.samples)
    if all(kinds):
        return "" if shared_prompts(metric, run, baseline) else "no prompt was scored on both sides"
    if run.groups.keys() == baseline.groups.keys() and _counts(current) == _counts(base):
        return ""
    return f"{_failures(current, base, names)}, and a distance of sets is compared over the same prompts alone"


def unlike_runs(run: Record, baseline: Record, names: Names = GATE) -> str:
    """Why these two can never be compared, or ""."""
    for name, side in zip(names, (run, baseline), strict=True):
        if side.status != "success":
            return f"{name}'s status is {side.status}, not success"
    for key, words in SUITE_KEYS.items():
        if run.suite.get(key) != baseline.suite.get(key):
            return f"another {words}: {_both(run.suite.get(key), baseline.suite.get(key), names)}"
    if run.samples != baseline.samples:
        return f"another number of sounds per prompt: {_both(run.samples, baseline.samples, names)}"
    here, there = run.groups.keys(), baseline.groups.keys()
    if len(there - here) > _most_failed(run) or len(here - there) > _most_failed(baseline):
        first = min(here ^ there)
        return f"other prompts were scored: {len(here - there)} more, {len(there - here)} fewer (e.g. {first!r})"
    return ""


def unlike_scores(current: Mapping[str, Any] | None, base: Mapping[str, Any] | None, names: Names = GATE) -> str:
    """Why these two scores can never be compared, or ""."""
    for side, score in zip(names, (current, base), strict=True):
        if score is None:
            return f"{side} does not have this metric"
        if number(score.get("value")) is None:
            return f"{side} has no value ({score.get('value')!r})"
        if score.get("direction") not in ("lower", "higher"):
            return f"{side} does not say which direction is better"
        if not isinstance(score.get("n"), int) or score["n"] < 1:
            return f"{side} has no n"
        if any(score.get(key) is not None and number(score.get(key)) is None for key in ("low", "high", "se")):
            return f"{side} has an interval that is not a number"
        if (number(score.get("se")) or 0.0) < 0:
            return f"{side} has a standard error below zero"
    assert current is not None and base is not None
    for key, words in SCORE_KEYS.items():
        if current.get(key) != base.get(key):
            return f"another {words}: {_both(current.get(key), base.get(key), names)}"
    codes = current.get("code"), base.get("code")
    if None not in codes and codes[0] != codes[1]:
        return f"another code of the metric: {_both(*codes, names)}"
    wanted = [sum(_counts(score)) for score in (current, base)]
    for key in ("n", "n_failed") if wanted[0] != wanted[1] else ():
        if current.get(key) != base.get(key):
            return f"another {key}: {_both(current.get(key), base.get(key), names)}"
    if current.get("n_reference") != base.get("n_reference"):
        return f"another n_reference: {_both(current.get('n_reference'), base.get('n_reference'), names)}"
    return ""


def failures(metric: str, run: Record, baseline: Record, names: Names = GATE) -> str:
    """How many sounds failed on each side of two that can be compared, and what is compared; "" where none did."""
    current, base = run.metrics[metric], baseline.metrics[metric]
    if not _counts(current)[1] and not _counts(base)[1]:
        return ""
    both = shared_prompts(metric, run, baseline)
    told = f", compared over the {len(both)} prompts that both have" if both else ""
    return _failures(current, base, names) + told


def unproven(metric: str, run: Record, baseline: Record, names: Names = GATE) -> str:
    """Why a difference that can be told is no proof that nothing is worse, or "": more sounds failed, or the values of
    one side are not what they stand for."""
    current, base = run.metrics[metric], baseline.metrics[metric]
    if _counts(current)[1] > _counts(base)[1]:
        return f"{failures(metric, run, baseline, names)}; a run that fails on more does not pass by the rest"
    kinds = is_mean_of_prompts(current, run.samples), is_mean_of_prompts(base, baseline.samples)
    if kinds[0] != kinds[1]:
        other, mean = names if kinds[1] else (names[1], names[0])
        return f"the value of {other} is not the mean of its prompts' values, as that of {mean} is"
    if not _folds_fit(metric, run, baseline):
        return f"the values of {names[0]} and {names[1]} do not fit those without each fold of sources: one was altered"
    return ""


def _folds_fit(metric: str, run: Record, baseline: Record) -> bool:
    """Do the differences without each fold lie around the difference, as far as a jackknife's bias goes? A value that
    was written in by hand is far off."""
    current, base = run.metrics[metric], baseline.metrics[metric]
    left = leave_outs(current), leave_outs(base)
    if left[0] is None or left[1] is None or len(left[0]) != len(left[1]):
        return True
    found = difference(metric, run, baseline)
    around = math.fsum(left[0]) / len(left[0]) - math.fsum(left[1]) / len(left[1])
    bias = (len(left[0]) - 1) * abs(around - found.value)
    return bias <= _FAR * (found.error or 0.0) + abs(found.value) + _ROUNDING * abs(float(base["value"]))


def _failures(current: Mapping[str, Any], base: Mapping[str, Any], names: Names) -> str:
    told = (
        f"{part_of(failed, n + failed, 'sound')} of {name} failed"
        for name, (n, failed) in zip(names, map(_counts, (current, base)), strict=True)
    )
    return " and ".join(told)


def _counts(score: Mapping[str, Any]) -> tuple[int, int]:
    """(sounds that were scored, sounds that failed)."""
    return int(score.get("n") or 0), int(score.get("n_failed") or 0)


def _most_failed(side: Record) -> int:
    """How many sounds failed in the metric that lost most."""
    return max((_counts(score)[1] for score in side.metrics.values()), default=0)


def _both(here: object, there: object, names: Names) -> str:
    return f"{_brief(here)}, {names[1]} has {_brief(there)}"


def _brief(value: object) -> str:
    """A digest is short; words stay whole, as two protocols may differ in the last one alone."""
    return one_line(short_digest(str(value)), 200)
