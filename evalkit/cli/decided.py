"""What `run --until-decided` tells: which metric was decided, after how many prompts, and what was not made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalkit.core.text import count, part_of
from evalkit.report.text import figure

if TYPE_CHECKING:
    from evalkit.run.pipeline import Outcome


def ended_early(outcome: Outcome) -> bool:
    """Was a part of the run not made, as what was asked is decided?"""
    return bool(outcome.decided.get("not_made"))


def is_worse(outcome: Outcome) -> bool:
    """Was a metric decided to be worse than the baseline's, or did more prompts fail than of the baseline's?"""
    ways, failed = (outcome.decided.get(key, {}).values() for key in ("metrics", "failed"))
    return any(each["way"] == "worse" for each in ways) or any(each["run"] > each["baseline"] for each in failed)


def sentences(outcome: Outcome) -> list[str]:
    """In words; nothing for a run that was to go to the end."""
    told = []
    for name, each in outcome.decided.get("metrics", {}).items():
        ends = "" if each["low"] is None else f" [{figure(each['low'], 3)}, {figure(each['high'], 3)}]"
        way = f"{each['way']}, decided" if each["way"] else "not decided"
        told.append(f"  {name}: {way} after {count(each['prompts'], 'prompt')}: {figure(each['difference'], 3)}{ends}")
    for name, each in outcome.decided.get("failed", {}).items():
        told.append(f"  {name}: {each['run']} of the prompts failed here, {each['baseline']} in the baseline")
    if not ended_early(outcome):
        return told
    missing = part_of(outcome.decided["not_made"], len(outcome.plan.items), "sound", "is not made", "are not made")
    told.append(f"ended early: {missing}, as what they were for is decided; without --until-decided they are")
    if outcome.decided["at_the_end"]:
        told.append(f"not judged: {', '.join(outcome.decided['at_the_end'])}: only a whole run has them")
    return told
