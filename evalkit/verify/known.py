"""The known answers one after the other, and the verdict on each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError, unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.interrupts import heed
from evalkit.embed.base import EMBEDDERS
from evalkit.fetch.published import PUBLISHED
from evalkit.fetch.weights import MINIS, locate
from evalkit.verify.answer_files import RECORDED, Answers, Case, known_answers
from evalkit.verify.runners.base import Place, Runner, Skip, Weighed, runner
from evalkit.verify.verdict import Verdict, compare, exact, skipped

GROUPS = {"minis": MINIS}
"""Names that stand for several."""

_SLICE = re.compile(r"\[(-?\d*:-?\d*|-?\d+)(, (-?\d*:-?\d*|-?\d+))*\]")


@dataclass(frozen=True)
class Request:
    """What is to be verified: these names (none: everything that is known), with what `--weights` said, and these
    records beside those that ship and those at home. `device` is for what a record does not bind to the CPU."""

    names: tuple[str, ...] = ()
    overrides: Mapping[str, Path] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    device: str = "cpu"


def verify_all(request: Request) -> Iterator[Verdict]:
    """The verdicts, one after the other. Raises UserError, before anything is computed, for all names that are not
    known, and a file of answers that cannot be read."""
    answers = known_answers(request.files)
    covered = {name for each in answers for name in each.names}
    known = {*covered, *(each.name for each in answers), *PUBLISHED, *MINIS, *GROUPS}
    faults = Gathering()
    for name in (*request.names, *request.overrides):
        if name not in known:
            faults.add(unknown_name("known answer", name, known))
    faults.settle()
    return _verdicts(answers, spelt_out(request.names), [name for name in PUBLISHED if name not in covered], request)


def spelt_out(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with what groups of them stand for."""
    return tuple(dict.fromkeys(each for name in names for each in GROUPS.get(name, (name,))))


def _verdicts(
    answers: Sequence[Answers], names: Collection[str], uncovered: Sequence[str], request: Request
) -> Iterator[Verdict]:
    for each in answers:
        for name in each.names:
            if not names or name in names or each.name in names:
                heed()
                with _threads_for(name):
                    found = list(_of(each, name, request))
                yield from found
    for name in uncovered:
        if name in names or (not names and EMBEDDERS.is_builtin(name)):
            yield _unpublished(name, request)


@contextmanager
def _threads_for(name: str) -> Iterator[None]:
    """A mini is too small to gain from several threads, and on a busy machine they wait for each other many times as
    long as one of them computes."""
    if name not in MINIS:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def nothing_known() -> list[str]:
    """The models, which are no judges, for which nobody has published an answer."""
    covered = {name for each in known_answers() for name in each.names}
    return [name for name in PUBLISHED if name not in covered and not EMBEDDERS.is_builtin(name)]


def unanswered(request: Request) -> list[str]:
    """The judges whose weights are here, and of which there is no answer."""
    covered = {name for each in known_answers(request.files) for name in each.names}
    return [
        name for name in PUBLISHED if EMBEDDERS.is_builtin(name) and name not in covered and _is_here(name, request)
    ]


def _is_here(name: str, request: Request) -> bool:
    try:
        locate(name, request.overrides)
    except MissingWeights:
        return False
    return True


def _unpublished(name: str, request: Request) -> Verdict:
    """Of weights for which there is no answer."""
    if not _is_here(name, request):
        return skipped(name, "outputs", f"nobody publishes any, and {_not_here(name)}")
    return skipped(name, "outputs", f"nobody publishes any; leave yours: evalkit verify --record {name}")


def _not_here(name: str) -> str:
    published = PUBLISHED[name]
    way = f"evalkit fetch weights {name}" if published.source else "they were never published"
    return f"weights not here: {way}"


def _of(answers: Answers, name: str, request: Request) -> Iterator[Verdict]:
    """The verdicts on one file's cases for one weights name."""
    cases = [case for case in answers.cases if case.weights in ("", name)]
    device = "cpu" if answers.runner in RECORDED else request.device
    path: Path | None = None
    try:
        path = _locate(answers, name, request)
        made: Runner | None = None
        if answers.digest:
            made = runner(answers.runner, Place(name, path, device, request.overrides))
            yield _whose(made, answers, name)
        for case in cases:
            stated = _stated(case, device)
            if isinstance(stated, Skip):
                yield skipped(name, case.what, str(stated))
                continue
            made = made or runner(answers.runner, Place(name, path, device, request.overrides))
            yield _told(_verdict(made, name, case, stated), answers)
    except Skip as reason:
        yield skipped(name, _counted(cases), str(reason))
    except (MissingWeights, BadCheckpoint) as error:
        if isinstance(error, MissingWeights) and name not in request.overrides:
            yield skipped(name, _counted(cases), str(error) if path else _not_here(name))
        else:
            yield Verdict(name, "weights", "wrong", reason=str(error))
    except Exception as error:  # noqa: BLE001 - a runner that breaks is a finding, and the others are to be heard
        told = " ".join(str(error).split())
        yield Verdict(name, "weights", "wrong", reason=f"failed: {type(error).__name__}: {told}")


def _counted(cases: Sequence[Case]) -> str:
    return cases[0].what if len(cases) == 1 else f"{len(cases)} answers"


def _locate(answers: Answers, name: str, request: Request) -> Path | None:
    """Raises MissingWeights, or Skip where the answers are of another checkpoint than the weights of that name."""
    if not answers.weights:
        return None
    if answers.checkpoint and name not in request.overrides:
        raise Skip(f"of {answers.checkpoint}, another checkpoint: --weights {name}=PATH")
    return locate(name, request.overrides)


def _whose(made: Runner, answers: Answers, name: str) -> Verdict:
    """The verdict on the weights themselves, by their digest: one that is changed anywhere is noticed."""
    digest = made.digest if isinstance(made, Weighed) else ""
    reason = f"digest {digest[:12]} instead of {answers.digest[:12]}: other weights than were recorded"
    return _told(exact(name, "weights, by digest", digest, answers.digest, reason), answers)


@dataclass(frozen=True)
class _Stated:
    """What a device should give; `spread` is added to the tolerance where another device's numbers are taken."""

    expected: NDArray[np.float64]
    spread: float = 0.0
    note: str = ""


def _stated(case: Case, device: str) -> _Stated | Skip:
    """The numbers for a device: its own, else those for any, else those of the nearest of its kind."""
    here = _capability(device) if set(case.expected) != {""} else ""
    if here in case.expected or "" in case.expected:
        return _Stated(case.expected.get(here, case.expected.get("", np.zeros(0))))
    kind = here.split()[0]
    same = sorted((key for key in case.expected if key.split()[0] == kind), key=lambda key: int(key.split()[1]))
    if not same:
        return Skip(f"stated for {', '.join(sorted(case.expected))} alone; this is {here}")
    values = np.stack([case.expected[key] for key in case.expected])
    nearest = min(same, key=lambda key: abs(int(key.split()[1]) - int(here.split()[1])))
    note = f"by {nearest}'s numbers and the spread between devices, as none are stated for {here}"
    return _Stated(case.expected[nearest], float(np.ptp(values, axis=0).max()), note)


def _capability(device: str) -> str:
    """Of which kind a device is, and of which generation: "cuda 9", "xpu 0", "cpu"."""
    import torch

    kind = torch.device(device).type
    if kind == "cpu":
        return kind
    return f"{kind} {torch.cuda.get_device_capability(device)[0] if kind == 'cuda' else 0}"


def _verdict(made: Runner, name: str, case: Case, stated: _Stated) -> Verdict:
    try:
        whole = made.answer(case)
    except Skip as reason:
        return skipped(name, case.what, str(reason))
    if case.shape is not None and whole.shape != case.shape:
        return Verdict(name, case.what, "wrong", reason=f"shape {whole.shape} instead of {case.shape}")
    tolerance = replace(case.tolerance, absolute=case.tolerance.absolute + stated.spread)
    found = compare(name, case.what, part(whole, case.output), stated.expected, tolerance)
    if found.result == "wrong" and case.unjudged:
        return replace(found, result="skipped", reason=f"differs, which proves nothing: {case.unjudged}")
    return replace(found, reason=found.reason or stated.note)


def _told(verdict: Verdict, answers: Answers) -> Verdict:
    """With the file that it is by, where evalkit does not bring it along."""
    if answers.shipped:
        return verdict
    return replace(verdict, reason="; ".join(filter(None, (verdict.reason, f"by {answers.path}"))))


def part(whole: NDArray[Any], output: str) -> NDArray[Any]:
    """The part of an array that "[0, :, -16:]" names; "" is all of it. Raises UserError for another form."""
    if not output:
        return whole
    if not _SLICE.fullmatch(output):
        raise UserError(f"output {output[:40]!r} is no part of an array")
    places: list[int | slice] = []
    for each in output[1:-1].split(", "):
        begin, colon, end = each.partition(":")
        places.append(slice(int(begin) if begin else None, int(end) if end else None) if colon else int(each))
    return whole[tuple(places)]
