"""What the reference of a Brief is: recordings, statistics or a suite's own, and whether it pairs with the prompts.

A recording pairs with a prompt whose id it is named by (`evalkit.suites.recordings`). Where at least half of the
prompts have one, metrics that compare clip by clip score those; where fewer have, a few names fit by accident, and the
reference is a set alone. Numbers that evalkit itself gave to the rows of a file pair with nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.paths import absent, is_folder, is_there, typed
from evalkit.core.text import count, part_of
from evalkit.metrics.base import MetricCard
from evalkit.store.arrays import read_npz
from evalkit.suites.base import UNKNOWN, MetricPlan, Outline
from evalkit.suites.listing import Listing
from evalkit.suites.recordings import belonging, reference_files
from evalkit.suites.references import PICKLED, pair_reference, set_reference

_NAMED = 3
_FEWEST_PAIRED = 0.5
"""Of the prompts: where fewer have a recording by their name, they have it by accident."""

_WHAT_IT_IS = "a reference is a folder of recordings, a statistics file (.npz), or a suite's name"
_NOTHING = "there is nothing to compare with (--reference)"


@dataclass(frozen=True)
class Reference:
    """What was named, before any prompt is looked at. `audio` is a folder of recordings, `plans` {metric: what it
    compares with} come of a suite, and of the files `statistics` are of a set and `rows` one of each clip. `names` are
    those that pair with prompts by id; `why_not` {kind of reference: reason} says what it has none of."""

    called: str
    audio: Path | None = None
    plans: Mapping[str, MetricPlan] = field(default_factory=dict)
    statistics: MetricPlan | None = None
    rows: Path | None = None
    names: Collection[str] = ()
    why_not: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """A reference beside prompts: `unpaired` are the ids that a paired metric leaves out, `note` says what it is."""

    reference: Reference
    note: str
    unpaired: frozenset[str] = frozenset()

    def plan(self, card: MetricCard, weights: str) -> MetricPlan | str:
        """What a metric compares with, or the reason why it has nothing to compare with."""
        known = self.reference
        plain = MetricPlan(card.name, weights, None, excluded=self.unpaired)
        if not card.reference:
            return plain
        if card.reference in known.why_not:
            return known.why_not[card.reference]
        if card.name in known.plans:
            return replace(known.plans[card.name], excluded=self.unpaired)
        if known.audio is not None:
            return plain
        if card.reference == "pair" and known.rows is not None:
            return replace(plain, reference=known.rows)
        if card.reference == "set" and known.statistics is not None:
            if card.needs_clips and set_reference(known.statistics).rows is None:
                return f"{known.called} is a mean and a covariance, and it needs the clips themselves"
            return replace(known.statistics, metric=card.name, weights=weights)
        return f"{known.called} has nothing for it"


def open_reference(named: str | Path | None, outline: Outline | None) -> Reference:
    """The reference that was named; `outline` is of the suite that it names, where it names one.

    Raises UserError where it is not there, or is neither recordings nor statistics.
    """
    if named is None:
        return Reference("", why_not={"set": _NOTHING, "pair": _NOTHING})
    if outline is not None:
        return _of_suite(outline)
    path = typed(named)
    if is_folder(path):
        files = reference_files(path)
        return Reference(f"{count(len(files), 'recording')} in {path.name or path}", audio=path, names=files)
    if not is_there(path):
        raise UserError(f"--reference {named}: {absent(path)}", _WHAT_IT_IS)
    try:
        return _of_file(path)
    except UserError as error:
        error.hint = error.hint or _WHAT_IT_IS
        raise


def compare(reference: Reference, listing: Listing) -> Comparison:
    """The reference beside these prompts. Raises UserError for two recordings of one prompt."""
    if not reference.called:
        return Comparison(reference, "reference: none; only what needs none is scored")
    if "pair" in reference.why_not:
        return Comparison(reference, f"reference: {reference.called}, as a set: {reference.why_not['pair']}")
    found = belonging(reference.called, listing.prompts, reference.names).names
    why = _why_unpaired(len(found), listing)
    if why:
        reference = replace(reference, why_not={**reference.why_not, "pair": f"it compares clip by clip, and {why}"})
        return Comparison(reference, f"reference: {reference.called}, as a set: {why}")
    rest = [prompt.id for prompt in listing.prompts if prompt.id not in found]
    which = f"{len(found)} of the prompts; none for {_some(rest)}" if rest else f"all {len(found)} prompts"
    return Comparison(reference, f"reference: {reference.called}, paired by id with {which}", frozenset(rest))


def _of_file(path: Path) -> Reference:
    """Statistics of a set, or one row for each prompt, told by what is in the file."""
    if path.suffix.lower() in PICKLED or "ids" in read_npz(path, (), ("ids",), "reference file"):
        rows = pair_reference(MetricPlan("kl_passt", "", path))
        reason = f"{path.name} has one row for each clip, and no statistics of a set"
        return Reference(f"{len(rows)} rows in {path.name}", rows=path, names=rows, why_not={"set": reason})
    plan = MetricPlan("fd_openl3", "", path)
    if "mu_ref" in read_npz(path, (), ("mu_ref",), "reference file"):
        plan = replace(plan, count=UNKNOWN)
    clips = set_reference(plan).clips
    reason = "it compares clip by clip, and statistics are of all clips together"
    called = f"statistics of {clips or 'an unstated number of'} clips in {path.name}"
    return Reference(called, statistics=plan, why_not={"pair": reason})


def _of_suite(outline: Outline) -> Reference:
    called = f"the references of suite {outline.name}"
    audio, plans = outline.reference_audio, outline.metrics
    paired = [plan for name, plan in plans.items() if name == "kl_passt" and plan.reference is not None]
    if paired or audio is not None:
        names = pair_reference(paired[0]) if paired else reference_files(audio or Path())
        return Reference(called, audio, plans, names=names)
    return Reference(called, plans=outline.metrics, why_not={"pair": f"suite {outline.name} has none clip by clip"})


def _why_unpaired(found: int, listing: Listing) -> str:
    """Why the reference does not pair with the prompts; "" where it does."""
    total = len(listing.prompts)
    if not found:
        return "none is named by a prompt's id"
    if listing.numbered:
        return "the prompts have no ids but the numbers of their rows (--columns id=NAME says which column has them)"
    if found < _FEWEST_PAIRED * total:
        return f"only {part_of(found, total, 'prompt', 'has', 'have')} one by their id"
    return ""


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(map(repr, ids[:_NAMED])) + more
