"""How much there is in a suite: prompts, sources, reference clips, and prompts that a paired metric scores.

Of a suite whose files are here the numbers are counted; of another they are those that its manifest states.
"""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.core.errors import UserError
from evalkit.core.paths import is_file
from evalkit.metrics.base import METRICS
from evalkit.suites.base import MetricPlan, Outline, Suite
from evalkit.suites.pinned import is_here
from evalkit.suites.references import pair_reference, set_reference


@dataclass(frozen=True)
class Counts:
    """`reference_clips` and the values of `scored` ({metric: prompts that have a reference}) are None where
    neither a file nor the manifest says. `stated` holds what is stated and not counted."""

    prompts: int
    sources: int
    reference_clips: int | None
    scored: dict[str, int | None]
    stated: frozenset[str]


def count(outline: Outline, suite: Suite | None) -> Counts:
    """The numbers of a suite; `suite` is None where its prompts are not here.

    Raises UserError where a reference that is here cannot be read.
    """
    kinds = {name: _kind(name) for name in outline.metrics}
    sets = [plan for name, plan in outline.metrics.items() if kinds[name] == "set" and plan.reference is not None]
    pairs = {name: plan for name, plan in outline.metrics.items() if kinds[name] == "pair"}
    stated = set() if suite is not None else {"prompts", "sources"}
    scored: dict[str, int | None] = {}
    for name, plan in pairs.items():
        if suite is not None:
            scored[name] = _scored(suite, suite.metrics[name])
        else:
            scored[name] = _stated(outline, plan)
            stated.add(name)
    clips = _clips(sets[0]) if sets else None
    if sets and sets[0].pinned is not None:
        stated.add("reference_clips")
    return Counts(
        prompts=outline.stated if suite is None else len(suite.prompts),
        sources=outline.groups if suite is None else len({prompt.group for prompt in suite.prompts}),
        reference_clips=clips,
        scored=scored,
        stated=frozenset(stated),
    )


def _kind(metric: str) -> str:
    """The kind of reference that a metric needs. Code of anybody else's is not imported to look at a suite: what it
    needs is not known, and nothing is counted for it."""
    return METRICS.load(metric).card.reference if METRICS.is_builtin(metric) else ""


def disagreements(outline: Outline, suite: Suite) -> list[str]:
    """Sentences on references that hold other numbers than the manifest states."""
    told = []
    for name, found in count(outline, suite).scored.items():
        stated = _stated(outline, outline.metrics[name])
        if stated is not None and found is not None and found != stated:
            told.append(f"{name}: {found} prompts have a reference, the manifest states {stated}")
    return told


def _stated(outline: Outline, plan: MetricPlan) -> int | None:
    """Prompts with a reference by what the manifest states. A reference's count is over all captions: where only
    the first of each source is meant, that many sources are left as are not among the absent ones."""
    if plan.pinned is None or not plan.pinned.count:
        return None
    if outline.captions == "all":
        return plan.pinned.count
    whole = plan.pinned.count == outline.count
    return outline.groups - len(outline.absent) if outline.groups and (outline.absent or whole) else None


def _scored(suite: Suite, plan: MetricPlan) -> int | None:
    """Prompts of the suite with a row in the reference file; where that is still to be fetched, those whose
    source is not among the absent ones; None where there is no telling."""
    if plan.pinned is not None and not is_here(plan.pinned):
        return len(suite.prompts) - len(plan.excluded)
    if plan.reference is None or (plan.pinned is None and not is_file(plan.reference)):
        return None
    rows = pair_reference(plan)
    return sum(prompt.id in rows for prompt in suite.prompts)


def _clips(plan: MetricPlan) -> int | None:
    if plan.pinned is not None and plan.pinned.count:
        return plan.pinned.count
    try:
        return set_reference(plan).clips
    except UserError:
        return None  # not here: told as missing beside its name
