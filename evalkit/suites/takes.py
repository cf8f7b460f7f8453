"""A suite made of a folder of recordings, on which metrics are tried (`evalkit metrics test`): each stands in the place
of a generated sound. Without a folder, the scenes that ship beside suite mini.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.audio.folders import sound_files
from evalkit.core.errors import MissingWeights, UserError
from evalkit.core.faults import Gathering
from evalkit.core.resources import resource
from evalkit.core.text import part_of
from evalkit.embed.base import EMBEDDERS, family_of, is_own
from evalkit.fetch.published import FAMILIES, by_own_names, family_names
from evalkit.fetch.weights import MINI_FOLDER, MINIS, WITHOUT_FILE, locate
from evalkit.metrics.base import METRICS, MetricCard
from evalkit.metrics.contract import load_metric
from evalkit.protocols.base import weights_in
from evalkit.suites.base import MetricPlan, Prompt, Suite
from evalkit.suites.brief import Brief
from evalkit.suites.identity import suite_digest
from evalkit.suites.judges import MINI_OF, Judges, choose_judges
from evalkit.suites.listing import list_prompts
from evalkit.suites.recordings import belonging, reference_files

PROTOCOL = "evalkit-ladders-1"
SHIPPED = "scenes of held-out recordings that ship with evalkit"


@dataclass(frozen=True)
class Takes:
    """`files` {prompt id: its recording} in the order of the suite's prompts; `called` says what they are in words.
    `apart`: the suite's reference is other recordings than these."""

    suite: Suite
    files: Mapping[str, Path]
    called: str
    apart: bool
    cards: Mapping[str, MetricCard]


def size_of(judge: str, overrides: Mapping[str, Path]) -> str:
    """ "mini", "full", "given" for a file that somebody named, "own" for an embedder of theirs, "none" for one without
    weights."""
    if judge in WITHOUT_FILE or is_own(judge):
        return "none" if judge in WITHOUT_FILE else "own"
    given = by_own_names(overrides, {judge}).get(judge) or overrides.get(weights_in(judge))
    if judge in MINIS or (given is not None and given.resolve().is_relative_to(MINI_FOLDER)):
        return "mini"
    return "full" if given is None else "given"


STAND_INS = {"clap-music@fadtk": MINI_FOLDER / "clap-mini", "passt@av-benchmark": MINI_FOLDER / "passt-mini"}
"""Minis in the places of weights that are named with a protocol: fed as that says, by a network of its layout."""


def stand_ins(metrics: Sequence[str], brief: Brief, overrides: Mapping[str, Path]) -> dict[str, Path]:
    """{judge: the mini in its place} of those that have no mini of their own name, where the other judges are minis too
    and their weights are not here. What is wrong with the words is left to `open_takes`."""
    found: dict[str, Path] = {}
    with suppress(UserError):
        judges = choose_judges(brief.judges, overrides)
        for name in metrics if judges.size == "mini" else ():
            judge = judge_for(name, _card_of(name)[0], judges, overrides)
            try:
                _require_weights(judge, overrides)
            except MissingWeights:
                found |= {judge: STAND_INS[judge]} if judge in STAND_INS else {}
    return found


def open_takes(metrics: Sequence[str], brief: Brief, overrides: Mapping[str, Path], wrong: Gathering) -> Takes:
    """The recordings of `brief.sounds` with what the metrics need of it: prompts where one compares with text, a judge
    for each, and the reference, without which they are compared with one another. `wrong` is what was wrong before.

    Raises UserError for all that is wrong: unknown metrics and judges, a folder without sounds, captions that lack.
    """
    called = SHIPPED if not brief.sounds else str(brief.sounds[0])
    brief = _shipped(brief, wrong) if not brief.sounds else brief
    cards = {name: card for name in metrics for card in wrong.read((), _card_of, name)}
    judges = wrong.read(None, choose_judges, brief.judges, overrides)
    plans: dict[str, MetricPlan] = {}
    if judges is not None:
        for name, card in cards.items():
            with wrong.look():
                plans[name] = _plan(name, card, judges, overrides)
        for judge in dict.fromkeys(plan.weights for plan in plans.values()):
            with wrong.look():
                _require_weights(judge, overrides)
    texts = [name for name, card in cards.items() if card.text]
    found = wrong.read(None, _matched, brief, texts)
    wrong.settle()
    assert found is not None and judges is not None, "what is not there is told"
    prompts, files, notes = found
    families = {card.family for card in cards.values()}
    facts: dict[str, Any] = {"name": "takes", "title": called, "version": "1", "protocol": PROTOCOL,
                             "size": judges.size, "licence": "", "citation": ""}  # fmt: skip
    reference = brief.sounds[0] if brief.reference is None else Path(brief.reference)
    needed = reference if any(card.reference for card in cards.values()) else None
    suite = Suite(
        **facts,
        prompts=prompts,
        metrics=plans,
        reference_audio=needed,
        digest=suite_digest(facts, prompts, plans, needed),
        notes=(*notes, *((judges.note,) if families & set(judges.weights) else ())),
    )
    return Takes(suite, files, called, brief.reference is not None, cards)


def _shipped(brief: Brief, wrong: Gathering) -> Brief:
    """The scenes of suite mini, their captions, and the other takes that they are compared with."""
    alone = brief.prompts is None and brief.reference is None and not brief.columns
    wrong.require(alone, "--prompts, --columns and --reference are about sounds of your own", "say --data FOLDER too")
    folder = resource("prompts")
    takes = folder / "mini" / "takes"
    return replace(brief, sounds=(takes,), prompts=folder / "mini.csv", reference=takes / "reference", columns={})


def _card_of(name: str) -> tuple[MetricCard, ...]:
    return (load_metric(name, typed=True).card,)


def _plan(name: str, card: MetricCard, judges: Judges, overrides: Mapping[str, Path]) -> MetricPlan:
    judge = judge_for(name, card, judges, overrides)
    code = METRICS.placed(name) if METRICS.is_code(name) else ""
    return MetricPlan(name, judge, None, code=code, embedder=EMBEDDERS.placed(judge) if is_own(judge) else "")


def _require_weights(judge: str, overrides: Mapping[str, Path]) -> None:
    """Raises MissingWeights where they are not on this machine."""
    if size_of(judge, overrides) not in ("none", "own"):
        locate(judge, by_own_names(overrides, {judge}))


def judge_for(name: str, card: MetricCard, judges: Judges, overrides: Mapping[str, Path]) -> str:
    """The weights, or the embedder of somebody's own, whose features a metric takes: of a family that nobody chose a
    judge of those that `overrides` give, else its mini where the others are minis. Raises UserError for none."""
    family = card.family
    if family in WITHOUT_FILE:
        return family
    if family in judges.weights:
        return judges.weights[family]
    if family in FAMILIES:
        names = family_names(family)
        given = by_own_names(overrides, names)
        mini = MINI_OF.get(family, names[0]) if judges.size == "mini" else names[0]
        return next((each for each in names if each in given), mini)
    own = [each for each in EMBEDDERS.targets() if family in (each, family_of(each))]
    if own:
        return own[0]
    if len(judges.own) == 1:
        return next(iter(judges.own.values()))
    told = f"metric {name}: nothing here is known to embed for its family {family!r}"
    raise UserError(told, "name the embedder: --judges NAME, or --judges file.py:NAME")


def _matched(brief: Brief, texts: Sequence[str]) -> tuple[tuple[Prompt, ...], dict[str, Path], tuple[str, ...]]:
    """(prompts that have a recording, {id: it}, notes). Without prompts, and where no metric asks for `texts`, a
    recording's name is its prompt."""
    folder = brief.sounds[0]
    sound_files(folder)
    if brief.prompts is None and not texts:
        brief = replace(brief, prompts="names")
    try:
        listing = list_prompts(brief)
    except UserError as error:
        if brief.prompts is not None:
            raise
        told = f"{folder}: {', '.join(texts)} compares with captions, and there are none: {error.message}"
        raise UserError(told, "say --prompts FILE, or lay NAME.txt beside NAME.wav") from None
    files = reference_files(folder)
    names = belonging(str(folder), listing.prompts, files).names
    prompts = tuple(prompt for prompt in listing.prompts if prompt.id in names)
    if not prompts:
        raise UserError(f"{folder}: none of its sounds is named as a prompt is", "name each by its prompt's id")
    notes = [] if folder.is_relative_to(resource("prompts")) else list(listing.notes)
    unused = len(files) - len(set(names.values()))
    if unused:
        told = part_of(unused, len(files), "sound", "belongs", "belong")
        notes.append(f"{folder}: {told} to no prompt: left out")
    return prompts, {prompt.id: files[names[prompt.id]] for prompt in prompts}, tuple(notes)
