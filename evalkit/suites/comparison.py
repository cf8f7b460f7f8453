"""What the reference of a Brief is: recordings, statistics or a suite's own, and whether it pairs with the prompts.

A recording pairs with a prompt whose id it is named by. Where most of the prompts have one, metrics that compare clip
by clip score those; where fewer have, the names fit by accident, and the reference is a set alone. Numbers that
evalkit gave to the rows of a file pair with nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.paths import absent, typed
from evalkit.suites.base import MetricPlan, Outline
from evalkit.suites.listing import Listing
from evalkit.suites.recordings import belonging, reference_files
from evalkit.suites.references import pair_reference, set_reference

_NAMED = 3
_MOST_UNPAIRED = 0.5
"""Of the prompts: where more have no recording by their name, those that have one have it by accident."""


@dataclass(frozen=True)
class Comparison:
    """`audio` is a folder of recordings, `plans` {metric: what it compares with} come of a suite, and `file` holds
    statistics. `why_not` {kind of reference: reason} says what is missing; `unpaired` are the ids that a paired
    metric leaves out; `note` says in a sentence what the reference is."""

    note: str
    why_not: Mapping[str, str]
    audio: Path | None = None
    file: Path | None = None
    plans: Mapping[str, MetricPlan] = field(default_factory=dict)
    unpaired: frozenset[str] = frozenset()


_NOTHING = "there is no --reference"


def compare_with(reference: str | Path | None, listing: Listing, outline: Outline | None) -> Comparison:
    """The reference that was named; `outline` is of the suite that it names, where it names one.

    Raises UserError where it is not there, or is neither recordings nor statistics.
    """
    if reference is None:
        note = f"reference: {_NOTHING}, so only what needs none is scored"
        return Comparison(note, {"set": _NOTHING, "pair": _NOTHING})
    if outline is not None:
        return _of_suite(outline, listing)
    path = typed(reference)
    if path.is_dir():
        return _of_recordings(path, listing)
    if not path.exists():
        hint = "a folder of recordings, a statistics file (.npz), or a suite's name"
        raise UserError(f"--reference {reference}: {absent(path)}", hint)
    return _of_statistics(path)


def _of_recordings(folder: Path, listing: Listing) -> Comparison:
    files = reference_files(folder)
    found = belonging(str(folder), listing.prompts, files)
    paired, why = _paired(found.names, listing)
    how = f"{len(files)} recordings"
    return Comparison(
        _note(how, folder.name, paired, why, listing), _unpaired(why), folder, unpaired=_rest(paired, listing)
    )


def _of_statistics(path: Path) -> Comparison:
    found = set_reference(MetricPlan("fd_openl3", "", path))
    reason = f"{path.name} holds statistics of a set: KL needs a recording for each prompt"
    return Comparison(
        f"reference: as a set, statistics of {found.clips} clips in {path.name}", {"pair": reason}, file=path
    )


def _of_suite(outline: Outline, listing: Listing) -> Comparison:
    if outline.reference_audio is not None and not any(plan.reference for plan in outline.metrics.values()):
        return _of_recordings(outline.reference_audio, listing)
    paired: Collection[str] = ()
    why = f"suite {outline.name} has no reference clip by clip"
    for plan in outline.metrics.values():
        if plan.metric == "kl_passt" and plan.reference is not None:
            rows = pair_reference(plan)
            paired, why = _paired(belonging(outline.name, listing.prompts, rows).names, listing)
    note = _note("its references", f"suite {outline.name}", paired, why, listing)
    return Comparison(note, _unpaired(why), plans=outline.metrics, unpaired=_rest(paired, listing))


def _paired(names: Collection[str], listing: Listing) -> tuple[Collection[str], str]:
    """The ids that have a reference of their own, and "" or why none is taken as that."""
    total = len(listing.prompts)
    if not names:
        return (), "no recording is named by a prompt's id"
    if listing.numbered:
        return (), "the prompts have no ids but their rows' numbers (--columns id=NAME says which column has them)"
    if len(names) < _MOST_UNPAIRED * total:
        return (), f"only {len(names)} of {total} prompts have a recording by their id"
    return names, ""


def _unpaired(why: str) -> dict[str, str]:
    return {"pair": f"it needs a recording for each prompt: {why}"} if why else {}


def _rest(paired: Collection[str], listing: Listing) -> frozenset[str]:
    return frozenset(prompt.id for prompt in listing.prompts if prompt.id not in paired)


def _note(how: str, name: str, paired: Collection[str], why: str, listing: Listing) -> str:
    rest = sorted(_rest(paired, listing))
    if why:
        return f"reference: {how} of {name}, as a set: {why}"
    if rest:
        return f"reference: {how} of {name}, paired with {len(paired)} prompts by id; without one: {_some(rest)}"
    return f"reference: {how} of {name}, paired with all {len(paired)} prompts by id"


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(map(repr, ids[:_NAMED])) + more
