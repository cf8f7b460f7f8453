"""A suite that prints a published table: its columns in its order, by its judges, and nothing else.

What a table states of its sounds and cannot be had is refused, since a number of another protocol is no number of that
table; a column that this machine or evalkit cannot print is left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.text import part_of
from evalkit.metrics.base import METRICS
from evalkit.protocols.base import Heading, Protocol, load_protocol
from evalkit.suites.base import MetricPlan, Prompt
from evalkit.suites.brief import Brief
from evalkit.suites.comparison import Comparison

_NEAR = 0.01
"""Seconds by which a length may differ from a stated one."""


def table_of(brief: Brief) -> Protocol | None:
    """The protocol of the table that a Brief asks for; None where it asks for none. Raises UserError for a name that is
    none's, and for judges beside it, which are the table's."""
    if not brief.table:
        return None
    wrong = Gathering()
    found = wrong.read(None, load_protocol, brief.table)
    wrong.require(not brief.judges, f"--table {brief.table} has judges of its own", "leave --judges out")
    wrong.settle()
    return found


def lasting(prompts: Sequence[Prompt], protocol: Protocol | None) -> tuple[Prompt, ...]:
    """The prompts, as long as the table's sounds where nothing else says how long they are. Raises UserError where
    something does, and says another length."""
    if protocol is None or not protocol.seconds:
        return tuple(prompts)
    other = [prompt for prompt in prompts if prompt.seconds and abs(prompt.seconds - protocol.seconds) > _NEAR]
    if other:
        first = f"the first {other[0].id!r} for {other[0].seconds:g} s"
        told = f"{part_of(len(other), len(prompts), 'prompt', 'asks', 'ask')} for another length, {first}"
        hint = "give these as a prompt file without seconds, or score without --table"
        raise UserError(f"table {protocol.name} is of sounds of {protocol.seconds:g} s: {told}", hint)
    return tuple(replace(prompt, seconds=protocol.seconds) for prompt in prompts)


def columns_of(protocol: Protocol, compared: Comparison) -> tuple[dict[str, MetricPlan], dict[str, str]]:
    """{metric: plan} of the columns that can be had, in the table's order, and {metric: reason} of the others."""
    metrics: dict[str, MetricPlan] = {}
    left_out: dict[str, str] = {}
    for heading in protocol.columns:
        plan = heading.why_not or _plan(heading, compared)
        if isinstance(plan, str):
            left_out[heading.metric] = plan
        else:
            metrics[heading.metric] = plan
    return metrics, left_out


def _plan(heading: Heading, compared: Comparison) -> MetricPlan | str:
    found = compared.plan(METRICS.load(heading.metric).card, heading.judge)
    if isinstance(found, str):
        return found
    if found.reference is not None and found.weights != heading.judge:
        return f"the reference is of {found.weights}, and this table compares by {heading.judge}"
    return replace(found, options=heading.options)
