"""The gate that may stop early: what it decides prompt after prompt, and after how many.

A metric that is the mean of prompts is looked at after every source; the first interval of the confidence sequence that
lies on one side of the tolerance decides it. What is open at the end stays open: the narrower interval of a gate that
looks once would be one look more than the sequence allows. Everything else (a distance of sets, a metric that is no
mean on both sides) is judged once, on all prompts, as without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalkit.comparison.difference import shared_prompts
from evalkit.comparison.early import Decision, decided
from evalkit.comparison.record import Record
from evalkit.run.gate import MATTERS, Comparison

METHOD = "paired, looked at after every source"
AT_THE_END = "judged at the end, on all prompts"
_MEAN = "paired"


def early(run: Record, baseline: Record, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of a finished run, each mean of prompts with the verdict that a gate would have had that looked
    after every source. `decided_after` says after how many prompts, and `reason` in words."""
    return [_early(each, run, baseline) if _is_open(each) else _at_the_end(each) for each in comparisons]


def _is_open(each: Comparison) -> bool:
    """Is it a mean of prompts of which one look more or less could be had?"""
    return each.method == _MEAN and each.low is not None and each.verdict != "invalid"


def _at_the_end(each: Comparison) -> Comparison:
    whys = {_MEAN: "they all differ by the same", "bound": "it is a bound on the value"}
    told = f"{AT_THE_END}: {whys.get(each.method, 'it is no mean of prompts')}"
    return each if each.verdict == "invalid" else replace(each, reason="; ".join(filter(None, (told, each.reason))))


def _early(each: Comparison, run: Record, baseline: Record) -> Comparison:
    here, there = (side.metrics[each.metric]["per_prompt"] for side in (run, baseline))
    differences = {name: here[name] - there[name] for name in shared_prompts(each.metric, run, baseline)}
    found = decided(differences, run.groups, each.direction, each.tolerance)
    kept = replace(each, method=METHOD, difference=found.difference, low=found.low, high=found.high, p=None)
    kept = replace(kept, detectable=None)
    if found.way:
        return replace(
            kept,
            verdict="worse" if found.way == "worse" else "pass",
            reason=f"decided after {found.prompts} of {len(differences)} prompts",
            decided_after=found.prompts,
        )
    return _undecided(kept, found, len(differences))


def _undecided(each: Comparison, found: Decision, prompts: int) -> Comparison:
    """Not worse, as far as was seen; `inconclusive` where a loss that matters is still within the interval."""
    told = f"not decided after all {prompts} prompts"
    if found.low is None or found.high is None:
        return replace(each, verdict="inconclusive", reason=f"{told}: too few for a look")
    worst = found.high if each.direction == "lower" else -found.low
    matters = each.tolerance if each.tolerance > 0 else MATTERS * abs(each.baseline or 0.0)
    blind = worst > each.tolerance + matters
    reason = f"{told}: a loss of {worst:.3g} cannot be excluded" if blind else told
    return replace(each, verdict="inconclusive" if blind else "pass", reason=reason)
