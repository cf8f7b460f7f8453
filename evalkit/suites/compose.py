"""A suite made of a Brief: its prompts, its judges, and what each metric compares with, or why it is left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_json
from evalkit.embed.base import EMBEDDERS
from evalkit.metrics.base import METRICS, MetricCard
from evalkit.suites.base import MetricPlan, Outline, Suite
from evalkit.suites.brief import Brief
from evalkit.suites.comparison import Comparison, compare_with
from evalkit.suites.identity import rows_said, suite_digest
from evalkit.suites.judges import Judges, choose_judges
from evalkit.suites.listing import Listing, list_prompts

PROTOCOL = "evalkit-own-1"
_MORE_CLIPS = ("fd_inf_openl3",)
"""Metrics that want thousands of clips: a manifest may ask for them."""


def compose(brief: Brief, outline: Outline | None, overrides: Mapping[str, Path]) -> Suite:
    """The suite that a Brief describes; `outline` is of the suite whose references it takes, where it names one, and
    `overrides` {name: path} are weights that are given by hand. Raises UserError for whatever is wrong with it."""
    listing = list_prompts(brief)
    compared = compare_with(brief.reference, listing, outline)
    judges = choose_judges(_as_the_suite_does(brief, outline), overrides)
    metrics, left_out = _metrics(judges, compared, listing)
    prompts = tuple(listing.prompts)
    texts = {
        "name": brief.name or f"own-{digest_json(rows_said(prompts))[:6]}",
        "title": f"{len(prompts)} prompts of one's own",
        "version": "1",
        "protocol": PROTOCOL if outline is None else outline.protocol,
        "size": judges.size,
        "licence": "",
        "citation": "",
    }
    digest = suite_digest(texts, prompts, metrics, compared.audio, compared.unpaired)
    notes = (*listing.notes, compared.note, judges.note)
    return Suite(
        **texts, prompts=prompts, metrics=metrics, reference_audio=compared.audio, digest=digest,
        left_out=left_out, notes=notes,
    )  # fmt: skip


def _as_the_suite_does(brief: Brief, outline: Outline | None) -> tuple[str, ...]:
    """The judges asked for. A suite's references are features: they are compared with by the judges that made them."""
    plans = outline.metrics.values() if outline is not None else ()
    own = tuple(dict.fromkeys(plan.weights for plan in plans if plan.reference is not None))
    if not own:
        return tuple(brief.judges)
    if brief.judges:
        names = ", ".join(own)
        raise UserError(
            f"--judges: the references of suite {brief.reference} were made with {names}", "leave --judges out"
        )
    return tuple(dict.fromkeys(plan.weights for plan in plans if plan.weights != "sound"))


def _metrics(judges: Judges, compared: Comparison, listing: Listing) -> tuple[dict[str, MetricPlan], dict[str, str]]:
    """{metric: plan} of those that can be had, and {metric: reason} of those that cannot."""
    metrics: dict[str, MetricPlan] = {}
    left_out: dict[str, str] = {}
    for name in METRICS.names():
        if not METRICS.is_builtin(name) or name in _MORE_CLIPS:
            continue
        card: MetricCard = METRICS.load(name).card
        weights = "sound" if card.family == "sound" else judges.weights.get(card.family)
        if weights is None:
            left_out[name] = f"no judge of {card.family} is among --judges"
        elif name == "duration_error" and not all(prompt.seconds for prompt in listing.prompts):
            left_out[name] = "nothing says how long the sounds were to be (--seconds, or a column of the prompt file)"
        elif card.reference in compared.why_not:
            left_out[name] = compared.why_not[card.reference]
        else:
            metrics[name] = _plan(name, card, weights, compared)
    for name, judge in judges.own.items():
        if "set" in compared.why_not:
            left_out[name] = compared.why_not["set"]
        else:
            embedder = EMBEDDERS.placed(judge)
            metrics[name] = MetricPlan(name, judge, compared.file, like="fd_openl3", embedder=embedder)
    return metrics, left_out


def _plan(name: str, card: MetricCard, weights: str, compared: Comparison) -> MetricPlan:
    excluded = compared.unpaired if card.reference == "pair" else frozenset[str]()
    if card.reference and name in compared.plans:
        plan = compared.plans[name]
        return MetricPlan(name, weights, plan.reference, plan.options, plan.pinned, excluded, plan.count)
    return MetricPlan(name, weights, compared.file if card.reference == "set" else None, excluded=excluded)
