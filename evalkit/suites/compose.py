"""A suite made of a Brief: its prompts, its judges, and what each metric compares with, or why it is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.faults import together
from evalkit.core.ids import digest_json
from evalkit.core.text import count
from evalkit.embed.base import EMBEDDERS
from evalkit.metrics.base import METRICS, MetricCard
from evalkit.suites.base import MetricPlan, Outline, Suite
from evalkit.suites.brief import Brief
from evalkit.suites.comparison import Comparison, compare, open_reference
from evalkit.suites.identity import rows_said, suite_digest
from evalkit.suites.judges import SETS, Judges, choose_judges
from evalkit.suites.listing import Listing, list_prompts
from evalkit.suites.table import columns_of, lasting, table_of
from evalkit.suites.takes import size_of

PROTOCOL = "evalkit-own-1"
_MORE_CLIPS = ("fd_inf_openl3", "mad_openl3", "mad_clap")
"""Metrics that want thousands of clips: a manifest may ask for them."""

_OF_OWN = "fd_openl3"
"""The metric whose formula compares the features of somebody's own embedder."""

_NO_LENGTHS = "nothing says how long the sounds were to be (--seconds, or a column of the prompt file)"


def compose(brief: Brief, outline: Outline | None, overrides: Mapping[str, Path]) -> Suite:
    """The suite that a Brief describes; `outline` is of the suite whose references it takes, where it names one, and
    `overrides` {name: path} are weights that are given by hand. Raises UserError for all that is wrong with it."""
    protocol, listing, reference, judges = together(
        partial(table_of, brief),
        partial(list_prompts, brief),
        partial(open_reference, brief.reference, outline),
        lambda: choose_judges(_judges_asked(brief, outline), overrides),
    )
    listing = replace(listing, prompts=lasting(listing.prompts, protocol))
    compared = compare(reference, listing)
    metrics, left_out = columns_of(protocol, compared) if protocol else _metrics(judges, compared, listing)
    texts: dict[str, Any] = {
        "name": brief.name or f"own-{digest_json(rows_said(listing.prompts))[:6]}",
        "title": f"{count(len(listing.prompts), 'prompt')} of one's own",
        "version": "1",
        "protocol": protocol.id if protocol else PROTOCOL if outline is None else outline.protocol,
        "size": _size(metrics, "full" if protocol else judges.size, overrides),
        "licence": "",
        "citation": "",
    }
    return Suite(
        **texts,
        prompts=tuple(listing.prompts),
        metrics=metrics,
        reference_audio=reference.audio,
        digest=suite_digest(texts, listing.prompts, metrics, reference.audio, compared.unpaired),
        left_out=left_out,
        notes=(*listing.notes, compared.note, *(protocol.told if protocol else (judges.note,))),
        **({} if listing.further is None else listing.further.of_suite),
    )


def _size(metrics: Mapping[str, MetricPlan], named: str, overrides: Mapping[str, Path]) -> str:
    """Of the judges by their names; one that is a mini under a published name makes it mini all the same."""
    minis = (plan for plan in metrics.values() if size_of(plan.weights, overrides) == "mini")
    return "mini" if named == "full" and next(minis, None) is not None else named


def _judges_asked(brief: Brief, outline: Outline | None) -> tuple[str, ...]:
    """The judges asked for; a table names its own. A suite's reference files are features: they are compared with by
    those that made them."""
    if brief.table:
        return ("full",)
    metrics = outline.metrics if outline is not None else {}
    plans = [plan for name, plan in metrics.items() if METRICS.is_builtin(name)]
    makers = list(dict.fromkeys(plan.weights for plan in plans if plan.reference is not None))
    if not makers:
        return tuple(brief.judges)
    if brief.judges:
        told = f"--judges: the references of suite {brief.reference} were made with {', '.join(makers)}"
        raise UserError(told, "leave --judges out")
    return tuple(dict.fromkeys(plan.weights for plan in plans if METRICS.load(plan.metric).card.family != "sound"))


def _metrics(judges: Judges, compared: Comparison, listing: Listing) -> tuple[dict[str, MetricPlan], dict[str, str]]:
    """{metric: plan} of those that can be had, and {metric: reason} of those that cannot."""
    metrics: dict[str, MetricPlan] = {}
    own = "it is a metric of that suite's own (--suite scores by it)"
    left_out = {name: own for name in compared.reference.plans if not METRICS.is_builtin(name)}
    for name in METRICS.targets():
        if not METRICS.is_builtin(name) or name in _MORE_CLIPS:
            continue
        card: MetricCard = METRICS.load(name).card
        weights = "sound" if card.family == "sound" else judges.weights.get(card.family)
        if weights is None and card.family not in SETS["full"]:
            continue  # a judge that is heard where it is asked for
        if weights is None:
            left_out[name] = f"no {card.family} is among --judges"
        elif name == "duration_error" and not all(prompt.seconds for prompt in listing.prompts):
            left_out[name] = _NO_LENGTHS
        else:
            plan = compared.plan(card, weights)
            if isinstance(plan, str):
                left_out[name] = plan
            else:
                metrics[name] = plan
    for name, judge in judges.own.items():
        plan = compared.plan(replace(METRICS.load(_OF_OWN).card, name=name), judge)
        if isinstance(plan, str):
            left_out[name] = plan
        else:
            metrics[name] = replace(plan, like=_OF_OWN, embedder=EMBEDDERS.placed(judge))
    return metrics, left_out
