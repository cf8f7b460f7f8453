"""What `--gate` demands of a metric: a change against the baseline, or a bound on its value.

    fd_openl3<=+2%       not shown to be more than 2 % above the baseline's value
    clap_score>=-0.01    not shown to be more than 0.01 below it
    fd_openl3<=60        a bound: not shown to be above 60
    loudness_lufs>=value:-30    a bound below zero, which a sign would make a change

A signed number is a change, an unsigned one a bound. "Not shown" is by the 95 % interval, of the difference or of the
value, as everywhere in the gate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from evalkit.comparison.record import Record, number
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Gathering, together

_FORM = re.compile(
    r"\s*(?P<metric>[^<>=]+?)\s*(?P<sense><=|>=)\s*(?P<value>value:)?\s*"
    r"(?P<amount>[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(?P<share>%?)\s*"
)
_HINT = "write METRIC<=+2%, METRIC>=-0.01 (changes) or METRIC<=60 (a bound)"
Verdict = Literal["pass", "worse", "inconclusive", "invalid"]
_SENSES = {"lower": "<=", "higher": ">="}


@dataclass(frozen=True)
class Gate:
    """One demand as it was typed, `text`: of a `metric`, in the `sense` "<=" or ">=". `amount` is the change that is
    accepted (of `kind` "change" in the metric's unit, "share" of the baseline's value), or the "bound"."""

    text: str
    metric: str
    sense: str
    amount: float
    kind: Literal["change", "share", "bound"]


def parse_gates(texts: Sequence[str]) -> list[Gate]:
    """Raises UserError with everything that is no demand."""
    found: list[Gate] = together(*(partial(_parsed, text) for text in texts)) if texts else []
    return found


def _parsed(text: str) -> Gate:
    match = _FORM.fullmatch(text)
    if match is None:
        raise UserError(f"--gate {text!r} is no demand", _HINT)
    try:
        amount = float(match["amount"])
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount):
        raise UserError(f"--gate {text!r}: {match['amount']!r} is no number", _HINT)
    signed = match["amount"][0] in "+-" and not match["value"]
    if match["share"] and not signed:
        raise UserError(f"--gate {text!r}: a share of the baseline is a change", "write it with its sign: +2%")
    if signed and (amount > 0) != (match["sense"] == "<=") and amount != 0:
        other = "<=+" if match["sense"] == "<=" else ">=-"
        raise UserError(f"--gate {text!r}: demands more than the baseline has", f"a loss is accepted by {other}...")
    kind: Literal["change", "share", "bound"] = "share" if match["share"] else "change" if signed else "bound"
    return Gate(text.strip(), match["metric"], match["sense"], amount / 100 if match["share"] else amount, kind)


def require_fit(gates: Sequence[Gate], run: Record, baseline: Record) -> None:
    """Raises UserError with every gate of an unknown metric, of the wrong sense, or twice the same change."""
    wrong = Gathering()
    for gate in gates:
        with wrong.look():
            _require_fit(gate, run, baseline)
    changes = [gate.metric for gate in gates if gate.kind != "bound"]
    for name in changes:
        told = f"--gate: two changes of {name} are demanded"
        wrong.require(changes.count(name) < 2, told, "one of them decides: leave the other out")
    wrong.settle()


def _require_fit(gate: Gate, run: Record, baseline: Record) -> None:
    scores = [side.metrics[gate.metric] for side in (run, baseline) if gate.metric in side.metrics]
    if not scores:
        raise unknown_name("metric of this run or baseline", gate.metric, sorted({*run.metrics, *baseline.metrics}))
    direction = str(scores[0].get("direction"))
    if gate.kind == "bound":
        return
    if direction not in _SENSES:
        raise UserError(f"--gate {gate.text!r}: neither side of {gate.metric} is better", "demand a bound of its value")
    if gate.sense != _SENSES[direction]:
        told = f"{direction} is better, so a loss is told by {_SENSES[direction]}"
        raise UserError(f"--gate {gate.text!r}: of {gate.metric} {told}")


def tolerance_of(gate: Gate, baseline: Record) -> float:
    """The loss that a change accepts, in the metric's unit."""
    value = number(baseline.metrics.get(gate.metric, {}).get("value")) or 0.0
    return abs(gate.amount) * (abs(value) if gate.kind == "share" else 1.0)


def held_to(gate: Gate, score: Mapping[str, Any] | None) -> tuple[Verdict, str]:
    """(verdict, reason) of a bound on a score."""
    value = number((score or {}).get("value"))
    if score is None or value is None:
        return "invalid", "the run does not have this metric" if score is None else "the run has no value"
    low, high = number(score.get("low")), number(score.get("high"))
    beyond = value > gate.amount if gate.sense == "<=" else value < gate.amount
    if low is None or high is None:
        return ("worse" if beyond else "pass"), "no interval: the value alone was judged"
    clearly = low > gate.amount if gate.sense == "<=" else high < gate.amount
    if clearly:
        return "worse", ""
    return ("inconclusive", "beyond the bound, which lies within its interval") if beyond else ("pass", "")
