"""The gate: is this run worse than its baseline, and could we have seen it if it were?

For each metric the *loss* is the difference counted so that positive is worse. Its interval comes from
the paired per-prompt differences where both sides have them; for a statistic of the whole set from its
jackknife over the sources, which both sides leave out in the same folds; and otherwise from the two sides' own
standard errors taken as independent, which for runs on the same prompts is wider than the truth. Where all differences
are the same they have no spread to tell an error from, which is not to have none: their signs alone are judged.

A metric's verdict is one of

- `worse`: the whole interval of the loss lies above the tolerance (default 0);
- `pass`: it does not, and a loss that matters would have been seen; or the two values are the same;
- `inconclusive`: it does not, but the gate is blind at this n: the smallest change that it catches 4 times
  of 5 is larger than the tolerance (or, where none is given, than 10 % of the baseline's value), or there
  is no interval at all. It is said aloud, and it passes unless the gate is strict;
- `invalid`: the two numbers cannot be compared, and the reason says why: no value, NaN, another protocol,
  suite version, weights, n or set of prompts. It never passes.

Only headline metrics are judged unless others are named: a dozen further measures, each with its 2.5 % of false
alarms, would fail an unchanged model every few runs. A measure without a better side is never judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Literal

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.text import one_line, short_digest
from evalkit.run.baseline import Record, number

Verdict = Literal["pass", "worse", "inconclusive", "invalid"]

LEVEL = 0.95
MATTERS = 0.10
"""Where no tolerance is given, a gate that could not see a loss of 10 % of the baseline is inconclusive."""

POWER = 0.80
_SUITE_KEYS = {"name": "suite", "protocol": "protocol", "version": "suite version", "digest": "suite content"}
_SCORE_KEYS = {"protocol": "protocol", "direction": "direction", "weights": "weights", "embedder": "embedder settings"}


@dataclass(frozen=True)
class Comparison:
    """One metric held against the baseline; `low` and `high` bound `difference` (current - baseline) at 95 %.

    `detectable` is the smallest true loss that this gate, at this n, calls worse 4 times of 5.
    `reason` says why a verdict is invalid or inconclusive.
    """

    metric: str
    verdict: Verdict
    reason: str = ""
    direction: str = ""
    current: float | None = None
    baseline: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    method: str = ""
    p: float | None = None
    n: int | None = None
    tolerance: float = 0.0
    detectable: float | None = None


@dataclass(frozen=True)
class _Difference:
    """current - baseline with its standard error and ends (None where none can be had), the degrees of freedom
    of that error (None where it is taken as known), and the two-sided p of no difference by prompts. `alike`: every
    prompt, or every fold, differs by the same amount, so that no error can be told."""

    value: float
    error: float | None
    low: float | None
    high: float | None
    method: str
    p: float | None = None
    freedom: float | None = None
    alike: bool = False


def check(
    run: Record, baseline: Record, metrics: Sequence[str] = (), tolerances: Mapping[str, float] | None = None
) -> list[Comparison]:
    """Compare `metrics` of a run with a baseline, in order of name; default: the baseline's headline metrics
    and those with a tolerance.

    `tolerances` maps a metric to the loss that is accepted, in the metric's own unit. Raises UserError
    for a tolerance or metric that neither side knows or that has no better side, or for a baseline without
    metrics to judge.
    """
    tolerances = tolerances or {}
    known = sorted({*baseline.metrics, *run.metrics})
    for name in (*metrics, *tolerances):
        if name not in known:
            raise unknown_name("metric of this run or baseline", name, known)
        if _sideless(baseline.metrics.get(name)) or _sideless(run.metrics.get(name)):
            raise UserError(f"{name}: neither side of it is better, so a run cannot be worse", "leave it out")
    names = list(dict.fromkeys(metrics)) or sorted({*_judged(baseline), *tolerances})
    if not names:
        raise UserError(f"{baseline.source}: holds no metrics to judge, so nothing can pass it")
    whole = _unlike_runs(run, baseline)
    return [_compare(name, run, baseline, tolerances.get(name, 0.0), whole) for name in names]


def judgeable(run: Record, metrics: Sequence[str] = ()) -> Record:
    """The run as a baseline that runs can be held against: with `metrics` alone, where any are named.

    Raises UserError where there would be nothing to judge, or where the run itself does not pass it.
    """
    for name in metrics:
        if name not in run.metrics:
            raise unknown_name("metric of this run", name, run.metrics)
    kept = replace(run, metrics={name: run.metrics[name] for name in dict.fromkeys(metrics) or run.metrics})
    if not metrics and not any(_ranks(score) for score in kept.metrics.values()):
        named = next((name for name, score in sorted(kept.metrics.items()) if not _sideless(score)), "")
        hint = (
            f"name what is to be judged: --save --metric {named}"
            if named
            else "score the run with a suite that has one"
        )
        raise UserError(f"{run.source}: has no headline metric, so a check would have nothing to judge", hint)
    for each in check(kept, kept):
        if each.verdict == "invalid":
            raise UserError(f"{run.source}: no run could be held against its {each.metric}: {each.reason}")
    return kept


def unjudged(baseline: Record) -> list[str]:
    """The baseline's metrics that are judged only where they are named, or never, in order of name."""
    return sorted(baseline.metrics.keys() - _judged(baseline))


def _judged(baseline: Record) -> set[str]:
    """The headline metrics; where it has none, which its person chose by name, those with a better side."""
    headline = {name for name, score in baseline.metrics.items() if _ranks(score)}
    return headline or {name for name, score in baseline.metrics.items() if not _sideless(score)}


def _ranks(score: Mapping[str, Any]) -> bool:
    return score.get("headline") is not False and not _sideless(score)


def _sideless(score: Mapping[str, Any] | None) -> bool:
    return score is not None and score.get("direction") == "none"


def passes(comparisons: Sequence[Comparison], strict: bool = False) -> bool:
    """True where something was compared and nothing is worse or invalid (nor inconclusive, if strict)."""
    allowed = {"pass"} if strict else {"pass", "inconclusive"}
    return bool(comparisons) and all(each.verdict in allowed for each in comparisons)


def _unlike_runs(run: Record, baseline: Record) -> str:
    """Why these two can never be compared, or ""."""
    if run.status != "success":
        return f"the run's status is {run.status}, not success"
    for key, words in _SUITE_KEYS.items():
        if run.suite.get(key) != baseline.suite.get(key):
            return f"another {words}: {_brief(run.suite.get(key))}, baseline {_brief(baseline.suite.get(key))}"
    if run.samples != baseline.samples:
        return f"another number of sounds per prompt: {run.samples}, baseline {baseline.samples}"
    here, there = set(run.groups), set(baseline.groups)
    if here != there:
        first = min(here ^ there)
        return f"other prompts were scored: {len(here - there)} more, {len(there - here)} fewer (e.g. {first!r})"
    return ""


def _unlike_scores(current: Mapping[str, Any] | None, base: Mapping[str, Any] | None) -> str:
    """Why these two scores can never be compared, or ""."""
    for side, score in (("run", current), ("baseline", base)):
        if score is None:
            return f"the {side} does not have this metric"
        if number(score.get("value")) is None:
            return f"the {side} has no value ({score.get('value')!r})"
        if score.get("direction") not in ("lower", "higher"):
            return f"the {side} does not say which direction is better"
        if not isinstance(score.get("n"), int) or score["n"] < 1:
            return f"the {side} has no n"
        if any(score.get(key) is not None and number(score.get(key)) is None for key in ("low", "high", "se")):
            return f"the {side} has an interval that is not a number"
        if (number(score.get("se")) or 0.0) < 0:
            return f"the {side} has a standard error below zero"
    assert current is not None and base is not None
    for key, words in _SCORE_KEYS.items():
        if current.get(key) != base.get(key):
            return f"another {words}: {_brief(current.get(key))}, baseline {_brief(base.get(key))}"
    codes = current.get("code"), base.get("code")
    if None not in codes and codes[0] != codes[1]:
        return f"another code of the metric: {_brief(codes[0])}, baseline {_brief(codes[1])}"
    for key in ("n", "n_failed", "n_reference"):
        if current.get(key) != base.get(key):
            return f"another {key}: {current.get(key)}, baseline {base.get(key)}"
    return ""


def _compare(name: str, run: Record, baseline: Record, tolerance: float, whole: str) -> Comparison:
    current, base = run.metrics.get(name), baseline.metrics.get(name)
    reason = whole or _unlike_scores(current, base)
    if reason or current is None or base is None:
        values = [number((score or {}).get("value")) for score in (current, base)]
        return Comparison(name, "invalid", reason, current=values[0], baseline=values[1], tolerance=tolerance)
    difference = _difference(current, base, run, baseline)
    sign = 1.0 if current["direction"] == "lower" else -1.0
    verdict, reason, detectable = _judge(difference, sign, tolerance, abs(float(base["value"])))
    return Comparison(
        metric=name,
        verdict=verdict,
        reason=reason,
        direction=current["direction"],
        current=float(current["value"]),
        baseline=float(base["value"]),
        difference=difference.value,
        low=difference.low,
        high=difference.high,
        method=difference.method,
        p=difference.p,
        n=current["n"],
        tolerance=tolerance,
        detectable=detectable,
    )


def _judge(difference: _Difference, sign: float, tolerance: float, size: float) -> tuple[Verdict, str, float | None]:
    """(verdict, reason, smallest detectable loss) of a difference; `sign` is +1 where lower is better."""
    from evalkit.stats.paired import smallest_detectable

    loss = sign * difference.value
    if difference.error is None or difference.low is None or difference.high is None:
        return (*_without_error(difference, loss, tolerance), None)
    spread = smallest_detectable(difference.error, POWER, LEVEL, difference.freedom)
    detectable = tolerance + spread
    lowest_loss = min(sign * difference.low, sign * difference.high)
    if lowest_loss > tolerance:
        return "worse", "", detectable
    must_see = tolerance if tolerance > 0 else MATTERS * size
    if loss != 0 and spread > must_see and max(sign * difference.low, sign * difference.high) > tolerance:
        return "inconclusive", f"only a loss above {detectable:.3g} would be seen at this n", detectable
    return "pass", "", detectable


def _without_error(difference: _Difference, loss: float, tolerance: float) -> tuple[Verdict, str]:
    """(verdict, reason) of a loss whose error cannot be told."""
    if loss == 0:
        return "pass", ""
    if not difference.alike:
        return "inconclusive", "no interval can be had at this n"
    if difference.p is None or difference.p > 1 - LEVEL:
        return "inconclusive", "all differences are the same: no spread to tell an interval from"
    reason = f"all prompts differ by the same amount, so their signs alone were judged (p = {difference.p:.2g})"
    return ("worse" if loss > tolerance else "pass"), reason


def _difference(current: Mapping[str, Any], base: Mapping[str, Any], run: Record, baseline: Record) -> _Difference:
    value = float(current["value"]) - float(base["value"])
    if _is_mean_of_prompts(current, run.samples) and _is_mean_of_prompts(base, baseline.samples):
        here, there = current["per_prompt"], base["per_prompt"]
        if here.keys() == there.keys() <= run.groups.keys():
            return _paired(value, here, there, run.groups)
    # The same sources in the same folds; with a failed item it might not be the same items.
    if run.groups == baseline.groups and current.get("n_failed") == 0:
        left = _leave_outs(current), _leave_outs(base)
        if left[0] is not None and left[1] is not None and len(left[0]) == len(left[1]):
            return _paired_folds(value, left[0], left[1])
    return _independent(value, _error(current), _error(base))


def _independent(value: float, here: _Error | None, there: _Error | None) -> _Difference:
    """Both sides' errors added up, with Welch's degrees of freedom where each side has its own. The method says
    "intervals" where a side's error had to be read off the width of one."""
    if here is None or there is None:
        return _Difference(value, None, None, None, "none")
    error = math.hypot(here.se, there.se)
    freedom = None
    if here.freedom and there.freedom and error > 0:
        freedom = error**4 / (here.se**4 / here.freedom + there.se**4 / there.freedom)
    from evalkit.stats.paired import two_sided_quantile

    reach = two_sided_quantile(LEVEL, freedom) * error
    method = "independent errors" if here.stated and there.stated else "independent intervals"
    return _Difference(value, error, value - reach, value + reach, method, freedom=freedom)


def _paired(
    value: float, here: Mapping[str, float], there: Mapping[str, float], groups: Mapping[str, str]
) -> _Difference:
    from evalkit.stats.paired import paired_difference

    ids = sorted(here)
    pair = paired_difference([here[i] for i in ids], [there[i] for i in ids], [groups[i] for i in ids], level=LEVEL)
    ends = pair.interval
    if ends is None or _no_error(ends.se, value, [*here.values(), *there.values()]):
        return _Difference(value, None, None, None, "paired", pair.p, alike=ends is not None)
    return _Difference(value, ends.se, ends.low, ends.high, "paired", pair.p, pair.groups - 1)


def _paired_folds(value: float, here: Sequence[float], there: Sequence[float]) -> _Difference:
    """The jackknife of the difference itself: what both sides share by their prompts cancels."""
    from evalkit.stats.intervals import jackknife_interval

    differences = [first - second for first, second in zip(here, there, strict=True)]
    ends = jackknife_interval(value, differences, LEVEL)
    if ends is None or _no_error(ends.se, value, [*here, *there]):
        return _Difference(value, None, None, None, "paired jackknife", alike=ends is not None)
    return _Difference(value, ends.se, ends.low, ends.high, "paired jackknife", None, len(differences) - 1)


def _leave_outs(score: Mapping[str, Any]) -> list[float] | None:
    """The score's values without each fold; None where it has none, as one from before they were kept."""
    found = score.get("leave_outs")
    values = [number(each) for each in found] if isinstance(found, list | tuple) else []
    finite = [value for value in values if value is not None]
    return finite if finite and len(finite) == len(values) else None


def _is_mean_of_prompts(score: Mapping[str, Any], samples: int) -> bool:
    """Only then do per-prompt differences add up to the difference that is judged. `n` counts sounds, of which each
    prompt has up to `samples`."""
    values = [number(value) for value in score["per_prompt"].values()]
    finite = [value for value in values if value is not None]
    if not finite or len(finite) != len(values) or not len(finite) <= score["n"] <= samples * len(finite):
        return False
    return math.isclose(math.fsum(finite) / len(finite), score["value"], rel_tol=1e-5, abs_tol=1e-9)


def _no_error(se: float, difference: float, values: Sequence[float]) -> bool:
    """Is a standard error only the rounding of the values that it was made from?"""
    return se <= 1e-14 * max(map(abs, values)) or se <= 1e-7 * abs(difference)


@dataclass(frozen=True)
class _Error:
    """A score's standard error and its degrees of freedom (None: taken as known); `stated` where its file states it."""

    se: float
    freedom: int | None
    stated: bool


def _error(score: Mapping[str, Any]) -> _Error | None:
    """The error of a score, None where it has none. That of a file from before errors were kept is read off the
    width of its interval, taken as normal (of a t interval that is a little more than its own)."""
    if "se" in score:
        se, freedom = number(score["se"]), score.get("freedom")
        known = freedom if isinstance(freedom, int) and not isinstance(freedom, bool) and freedom > 0 else None
        if se is not None or score.get("low") is None:
            return None if se is None else _Error(se, known, True)
    low, high, level = (number(score.get(key)) for key in ("low", "high", "level"))
    if low is None or high is None or level is None or not 0 < level < 1:
        return None
    return _Error(abs(high - low) / (2 * NormalDist().inv_cdf(0.5 + level / 2)), None, False)


def _brief(value: object) -> str:
    """A digest is short; words stay whole, as two protocols may differ in the last one alone."""
    return one_line(short_digest(str(value)), 200)
