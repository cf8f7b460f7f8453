"""What a run's metrics compare with: found, read and inspected before any sound is made or embedded.

Everything that is wrong with a suite's references is one error, told at once: hours of generation are not to end in a
file that cannot be read, and a gap that nobody meant is not to become another measure in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.text import part_of
from evalkit.embed.base import Features
from evalkit.metrics.base import Metric, SetReference
from evalkit.run.plan import Plan
from evalkit.run.progress import Progress
from evalkit.run.recordings import Recording, copies_told, inspect_all, one_each, remarks, seconds_asked
from evalkit.stats.frechet import factors_of_covariance
from evalkit.suites.base import MetricPlan, Prompt, Suite
from evalkit.suites.recordings import Belonging, belonging, reference_files, require_all
from evalkit.suites.references import pair_reference, set_reference


@dataclass(frozen=True)
class References:
    """`sets` {metric: statistics} and `pairs` {metric: {prompt id: (d,)}} are from files. `recordings` {name: each} are
    the different sounds of the suite's folder, `names` {prompt id: the one that is its reference}. `warnings`
    {metric: sentences} belong into scores.json; `notes` are for the person at the keyboard."""

    sets: Mapping[str, SetReference] = field(default_factory=dict)
    pairs: Mapping[str, Mapping[str, Features]] = field(default_factory=dict)
    recordings: Mapping[str, Recording] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    warnings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def told(self) -> dict[str, object]:
        """What run.json says of the recordings that belong to prompts, so that a report can play them: their `folder`,
        and in `files` {prompt id: [file name, sha256]}. Empty where there are none."""
        used = {identifier: self.recordings[name] for identifier, name in self.names.items() if name in self.recordings}
        if not used:
            return {}
        folder = next(iter(used.values())).path.absolute().parent
        return {"folder": str(folder), "files": {key: [each.path.name, each.digest] for key, each in used.items()}}


def open_references(plan: Plan, metrics: Mapping[str, Metric], progress: Progress) -> References:
    """The references of all metrics. Raises UserError with everything that forbids their use."""
    kinds = {name: metric.card.reference for name, metric in metrics.items() if metric.card.reference}
    from_files = {name: kind for name, kind in kinds.items() if plan.suite.metrics[name].reference is not None}
    from_sounds = {name: kind for name, kind in kinds.items() if name not in from_files}
    wrong = Gathering()
    sets: dict[str, SetReference] = {}
    pairs: dict[str, Mapping[str, Features]] = {}
    warnings: dict[str, Sequence[str]] = {}
    notes: list[str] = []
    for name, kind in from_files.items():
        with wrong.look():
            if kind == "set":
                sets[name] = _statistics(plan.suite.metrics[name], sets, plan.suite)
            else:
                pairs[name], warnings[name], near = _rows(plan.suite.metrics[name], plan.suite.prompts)
                notes += near
    heard = _Heard()
    if from_sounds:
        heard = _open_recordings(plan.suite, from_sounds, progress, wrong)
    wrong.settle()
    warnings |= {name: [*heard.remarks, *(heard.copies if kind == "set" else ())] for name, kind in from_sounds.items()}
    return References(sets, pairs, heard.recordings, heard.names, warnings, list(dict.fromkeys((*notes, *heard.notes))))


def with_recordings(known: References, suite: Suite, progress: Progress) -> References:
    """`known`, with the suite's recordings also where none of its metrics compares with them. Raises UserError with
    everything that is wrong with them."""
    if known.recordings or suite.reference_audio is None:
        return known
    wrong = Gathering()
    heard = _open_recordings(suite, {}, progress, wrong)
    wrong.settle()
    return replace(known, recordings=heard.recordings, names=heard.names)


@dataclass(frozen=True)
class _Heard:
    """What is known of the suite's folder of recordings; `copies` and `remarks` are sentences."""

    recordings: Mapping[str, Recording] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    copies: Sequence[str] = ()
    notes: Sequence[str] = ()


def _open_recordings(suite: Suite, kinds: Mapping[str, str], progress: Progress, wrong: Gathering) -> _Heard:
    """The suite's recordings; what is wrong with them is gathered."""
    folder = suite.reference_audio
    if folder is None:
        hint = "name a file with reference = ..., or a folder of recordings with [reference] audio = ..."
        wrong.add(UserError(f"suite {suite.name}: {', '.join(kinds)} compare with a reference, and it has none", hint))
        return _Heard()
    files: Mapping[str, Path] = {}
    found = Belonging({})
    concerned = _concerned(suite.prompts, suite.metrics[next(iter(kinds))]) if kinds else suite.prompts
    with wrong.look():
        files = reference_files(folder)
        found = belonging(str(folder), concerned, files)
        if "pair" in kinds.values():
            require_all(str(folder), concerned, found, files)
    if not files:
        return _Heard()
    recordings: Mapping[str, Recording] = {}
    with wrong.look():
        recordings = inspect_all(files, progress)
    firsts = one_each(recordings)
    asked = seconds_asked(recordings, found.names, {prompt.id: prompt.seconds for prompt in suite.prompts})
    return _Heard(
        recordings={name: recordings[name] for name in dict.fromkeys(firsts.values())},
        names={identifier: firsts[name] for identifier, name in found.names.items() if name in firsts},
        remarks=remarks(recordings, asked),
        copies=copies_told(recordings),
        notes=found.notes if "pair" in kinds.values() else (),
    )


def _statistics(chosen: MetricPlan, before: Mapping[str, SetReference], suite: Suite) -> SetReference:
    """A file's statistics, of which a distance can be taken; each file is read and tried once."""
    for name, known in before.items():
        if (suite.metrics[name].reference, suite.metrics[name].count) == (chosen.reference, chosen.count):
            return known
    found = set_reference(chosen)
    try:
        factors_of_covariance(found.mean, found.covariance, found.frames)
    except ValueError as error:
        raise UserError(f"{chosen.reference}: the statistics cannot be used: {error}", "make them again") from None
    return found


def _concerned(prompts: Sequence[Prompt], chosen: MetricPlan) -> list[Prompt]:
    """The prompts that a paired metric scores: those whose gap the suite means are left out."""
    return [prompt for prompt in prompts if prompt.id not in chosen.excluded]


def _rows(chosen: MetricPlan, prompts: Sequence[Prompt]) -> tuple[dict[str, Features], list[str], list[str]]:
    """The rows of a file by prompt id, a warning where a published file lacks some, and notes on near names."""
    rows, concerned = pair_reference(chosen), _concerned(prompts, chosen)
    exact = {prompt.id: prompt.id for prompt in concerned if prompt.id in rows}
    rest = [prompt for prompt in concerned if prompt.id not in exact]
    near = belonging(str(chosen.reference), rest, [name for name in rows if name not in exact])
    found = Belonging({**exact, **near.names}, near.notes)
    warnings = []
    if chosen.pinned is None:
        require_all(str(chosen.reference), concerned, found, rows)
    elif len(found.names) < len(concerned):
        gap = len(concerned) - len(found.names)
        warnings.append(
            f"{part_of(gap, len(concerned), 'prompt', 'has', 'have')} no row in the published reference: left out"
        )
    return {identifier: rows[name] for identifier, name in found.names.items()}, warnings, list(found.notes)
