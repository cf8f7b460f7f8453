"""The gate: is this run worse than its baseline, and could we have seen it if it were?

For each metric the *loss* is the difference counted so that positive is worse, with the interval that
`comparison.difference` gives it: the same that a board ranks by. Where all differences are the same they have no spread
to tell an error from, which is not to have none: their signs alone are judged.

A metric's verdict is one of

- `worse`: the whole interval of the loss lies above the tolerance (default 0);
- `pass`: it does not, and a loss that matters would have been seen; or the two values are the same;
- `inconclusive`: it does not, but the gate is blind at this n: the smallest change that it catches 4 times
  of 5 is larger than the tolerance (or, where none is given, than 10 % of the baseline's value), or there
  is no interval at all. It is said aloud, and it passes unless the gate is strict;
- `invalid`: the two numbers cannot be compared, and the reason says why: no value, NaN, another protocol,
  suite version, weights, n or set of prompts. It never passes. So is a comparison that proves nothing: where sounds
  failed, a mean is compared over the prompts that both have, and a run that failed on more than its baseline may be
  called worse by those, but not pass by them (`comparison.likeness`).

Only headline metrics are judged unless others are named: a dozen further measures, each with its 2.5 % of false
alarms, would fail an unchanged model every few runs. A measure without a better side is never judged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.comparison.difference import LEVEL, Difference, difference
from evalkit.comparison.likeness import failures, unlike, unlike_runs, unlike_scores, unproven
from evalkit.comparison.record import PROMPT_TEMPLATE, Record, number
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Gathering
from evalkit.run.gates import Gate, Verdict, held_to, require_fit, tolerance_of

_GATE = re.compile(r"\s*[<>]=")
MATTERS = 0.10
"""Where no tolerance is given, a gate that could not see a loss of 10 % of the baseline is inconclusive."""

POWER = 0.80


@dataclass(frozen=True)
class Comparison:
    """One metric held against the baseline; `low` and `high` bound `difference` (current - baseline) at 95 %.

    `detectable` is the smallest true loss that this gate, at this n, calls worse 4 times of 5.
    `reason` says why a verdict is invalid or inconclusive. `decided_after` is how many prompts that took, where it was
    looked at prompt after prompt (`run/early.py`), None where it was not, or where all of them did not decide it.
    `n` and `n_failed` count the run's sounds, `baseline_failed` those of the baseline that failed. `told` says how many
    failed, where any did, and over which prompts the two were compared.
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
    decided_after: int | None = None
    n_failed: int | None = None
    baseline_failed: int | None = None
    told: str = ""

    @property
    def words(self) -> str:
        """What is to be said beside the verdict, "" where that says it all."""
        return self.reason if self.told in self.reason else "; ".join(filter(None, (self.reason, self.told)))


def check(
    run: Record,
    baseline: Record,
    metrics: Sequence[str] = (),
    tolerances: Mapping[str, float] | None = None,
    gates: Sequence[Gate] = (),
) -> list[Comparison]:
    """Compare `metrics` of a run with a baseline, in order of name; default: what the `gates` demand, else the
    baseline's headline metrics and those with a tolerance.

    `tolerances` maps a metric to the loss that is accepted, in the metric's own unit; the changes that `gates` accept
    are such too, and their bounds come last, each under what was typed. Raises UserError
    for a tolerance or metric that neither side knows or that has no better side, for gates that do not fit, or for a
    baseline without metrics to judge.
    """
    require_judgeable(run, baseline, metrics, tolerances or {}, gates)
    accepted = {gate.metric: tolerance_of(gate, baseline) for gate in gates if gate.kind != "bound"}
    bounds = [_bounded(gate, run, baseline) for gate in gates if gate.kind == "bound"]
    if gates and not metrics and not tolerances and not accepted:
        return bounds
    tolerances = {**(tolerances or {}), **accepted}
    if gates and not metrics:
        metrics = sorted(tolerances)
    names = list(dict.fromkeys(metrics)) or sorted({*_judged(baseline), *tolerances})
    if not names:
        raise UserError(f"{baseline.source}: holds no metrics to judge, so nothing can pass it")
    return [*(_compare(name, run, baseline, tolerances.get(name, 0.0)) for name in names), *bounds]


def require_judgeable(
    run: Record, baseline: Record, metrics: Sequence[str], tolerances: Mapping[str, float], gates: Sequence[Gate]
) -> None:
    """Raises UserError with every name that neither side knows or that has no better side, and every gate that does not
    fit."""
    wrong, known = Gathering(), sorted({*baseline.metrics, *run.metrics})
    with wrong.look():
        require_fit(gates, run, baseline)
    for name in (*metrics, *tolerances):
        if name not in known:
            wrong.add(unknown_name("metric of this run or baseline", name, known))
        sideless = _sideless(baseline.metrics.get(name)) or _sideless(run.metrics.get(name))
        wrong.require(not sideless, f"{name}: neither side of it is better, so a run cannot be worse", "leave it out")
    wrong.settle()


def _bounded(gate: Gate, run: Record, baseline: Record) -> Comparison:
    """A bound held against the run's value; `low` and `high` are the value's own. It needs no baseline, but where there
    is one, a run that is not comparable with it passes no bound either."""
    score = run.metrics.get(gate.metric)
    sound = None if score is None else {**score, "direction": "lower"}  # a bound may be of what has no better side
    verdict, reason = held_to(gate, score)
    if other := unlike_runs(run, baseline) or unlike_scores(sound, sound):
        verdict, reason = "invalid", other
    value, low, high = (number((score or {}).get(key)) for key in ("value", "low", "high"))
    direction, n = (score or {}).get("direction"), (score or {}).get("n")
    return Comparison(
        gate.text, verdict, reason, str(direction or ""), value, low=low, high=high, method="bound",
        n=n if isinstance(n, int) else None,
    )  # fmt: skip


def unlike_machines(run: Record, baseline: Record) -> list[str]:
    """What the run was made on that the baseline was not: as much as a difference may come from, a sentence each."""
    if run.made and not baseline.made:
        return ["the baseline does not say on which torch and device it was made: --save makes it again"]
    return [
        f"another {name} than the baseline's: {run.made[name]}, there {baseline.made[name]}"
        for name in ("evalkit", "torch", "device", "dtype")
        if name in run.made and name in baseline.made and run.made[name] != baseline.made[name]
    ] + _unlike_templates(run, baseline)


def _unlike_templates(run: Record, baseline: Record) -> list[str]:
    both = [side.made.get(PROMPT_TEMPLATE, "none") for side in (run, baseline) if side.made]
    if len(set(both)) < 2:
        return []
    return [f"another prompt template than the baseline's: {both[0]}, there {both[1]}: the model was asked otherwise"]


def without_spread(run: Record, metrics: Sequence[str]) -> list[str]:
    """Metrics of which every prompt has the same value, a sentence each: more often a fault than a fact."""
    told = []
    for name in dict.fromkeys(_GATE.split(each)[0] for each in metrics):
        values = set((run.metrics.get(name) or {}).get("per_prompt", {}).values())
        if len(values) == 1 and len(run.groups) > 1:
            told.append(f"{name}: every prompt of the run has the same value, {values.pop():.6g}")
    return told


def judgeable(run: Record, metrics: Sequence[str] = ()) -> Record:
    """The run as a baseline that runs can be held against: with `metrics` alone, where any are named.

    Raises UserError where there would be nothing to judge, or where the run itself does not pass it.
    """
    wrong = Gathering(
        [unknown_name("metric of this run", name, run.metrics) for name in metrics if name not in run.metrics]
    )
    wrong.settle()
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
        told = f"{run.source}: no run could be held against its {each.metric}: {each.reason}"
        wrong.require(each.verdict != "invalid", told)
    wrong.settle()
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


def _compare(name: str, run: Record, baseline: Record, tolerance: float) -> Comparison:
    current, base = run.metrics.get(name), baseline.metrics.get(name)
    reason = unlike(name, run, baseline)
    if reason or current is None or base is None:
        values = [number((score or {}).get("value")) for score in (current, base)]
        return Comparison(name, "invalid", reason, current=values[0], baseline=values[1], tolerance=tolerance)
    found = difference(name, run, baseline)
    sign = 1.0 if current["direction"] == "lower" else -1.0
    verdict, reason, detectable = _judge(found, sign, tolerance, abs(float(base["value"])))
    doubt = unproven(name, run, baseline)
    if doubt:
        verdict, reason = "worse" if verdict == "worse" else "invalid", doubt
    return Comparison(
        metric=name,
        verdict=verdict,
        reason=reason,
        direction=current["direction"],
        current=float(current["value"]),
        baseline=float(base["value"]),
        difference=found.value,
        low=found.low,
        high=found.high,
        method=found.method,
        p=found.p,
        n=current["n"],
        tolerance=tolerance,
        detectable=detectable,
        n_failed=current.get("n_failed"),
        baseline_failed=base.get("n_failed"),
        told=failures(name, run, baseline),
    )


def _judge(difference: Difference, sign: float, tolerance: float, size: float) -> tuple[Verdict, str, float | None]:
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


def _without_error(difference: Difference, loss: float, tolerance: float) -> tuple[Verdict, str]:
    """(verdict, reason) of a loss whose error cannot be told."""
    if loss == 0:
        return "pass", ""
    if not difference.alike:
        return "inconclusive", "no interval can be had at this n"
    if difference.p is None or difference.p > 1 - LEVEL:
        return "inconclusive", "all differences are the same: no spread to tell an interval from"
    reason = f"all prompts differ by the same amount, so their signs alone were judged (p = {difference.p:.2g})"
    return ("worse" if loss > tolerance else "pass"), reason
