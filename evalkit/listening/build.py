"""From run folders to a study: first everything that stands against it, then the sounds.

Nothing in a run folder is trusted: files are read as the report's page reads them (`report/media.py`), so no sound goes
into a study other than the one that was scored.
"""

from __future__ import annotations

import math
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering, nearest
from evalkit.core.paths import is_file
from evalkit.core.text import one_line, part_of
from evalkit.listening.design import ratings_needed, seats, sight
from evalkit.listening.post import require_address
from evalkit.listening.scales import BETTER, MUSHRA_QUALITY, SCALES
from evalkit.listening.signals import FEWEST_BEEPS, MOST_BEEPS, TURNS
from evalkit.listening.study import (
    KINDS,
    MOST_TRIALS,
    Check,
    Design,
    Item,
    Prompt,
    Run,
    Scale,
    Study,
    Trial,
    code,
    item_code,
    study_id,
)
from evalkit.report.media import has_sound
from evalkit.report.recordings import Recorded, recorded
from evalkit.report.records import Item as Row
from evalkit.report.records import RunRecord, read_run

PROMPTS, LISTENERS, SCREENS = 24, 20, 60
"""What is taken where nobody says: prompts, listeners, and screens of one listener (of some 20 s each)."""

MOST_RUNS, MOST_LISTENERS = 20, 2000
MATCHED = "All sounds of a description were brought to the same loudness."
AS_IS = "The sounds are as loud as they were made."
"""What listeners are told of it."""

ANCHORS = {"low_3500": 3500.0, "low_7000": 7000.0}
_SCREENS_A_CHECK = 15


@dataclass(frozen=True)
class Wish:
    """What its author wants of a study; None for what is left to evalkit."""

    kind: str = "mos"
    scales: tuple[str, ...] | None = None
    prompts: int | None = None
    listeners: int | None = None
    ratings_per_clip: int | None = None
    seed: int = 0
    match: bool = True
    post: str = ""


@dataclass(frozen=True)
class Outline:
    """A study that can be built: its runs with, for each prompt that all of them have, its rows in the runs' order;
    `recordings` by prompt id, which MUSHRA compares with; `notes` are what its author should know of it."""

    wish: Wish
    records: tuple[RunRecord, ...]
    rows: Mapping[str, tuple[Row, ...]]
    recordings: Mapping[str, Recorded]
    scales: tuple[Scale, ...]
    notes: tuple[str, ...]


def outline(folders: Sequence[Path], wish: Wish, gathering: Gathering) -> Outline:
    """Look at everything before any sound is decoded. Raises UserError with all that stands against the study, and with
    what was gathered before."""
    scales = _scales(wish, gathering)
    for name, number, most in (
        ("--prompts", wish.prompts, None),
        ("--listeners", wish.listeners, MOST_LISTENERS),
        ("--ratings-per-clip", wish.ratings_per_clip, wish.listeners or LISTENERS),
    ):
        told = f"{name} is {number}, expected 1 to {most}" if most else f"{name} is {number}, expected 1 or more"
        gathering.require(number is None or 1 <= number <= (most or number), told, "a listener rates a clip once")
    gathering.require(wish.seed >= 0, f"--seed is {wish.seed}, expected 0 or more")
    with gathering.look():
        require_address(wish.post)
    records: list[RunRecord] = []
    for folder in folders:
        with gathering.look():
            records.append(read_run(folder))
    least = 1 if wish.kind == "mushra" else 2
    gathering.require(
        least <= len(folders) <= MOST_RUNS,
        f"{len(folders)} run{' is' if len(folders) == 1 else 's are'} named, a study of kind {wish.kind} compares "
        f"{least} to {MOST_RUNS}",
        "name more run folders" if len(folders) < least else "name fewer",
    )
    _hold_together(records, gathering)
    gathering.settle()
    return _chosen(tuple(records), wish, scales)


def _scales(wish: Wish, gathering: Gathering) -> tuple[Scale, ...]:
    gathering.require(wish.kind in KINDS, f"--kind {wish.kind!r} is none of {', '.join(KINDS)}")
    if wish.kind == "mushra":
        gathering.require(
            wish.scales in (None, ("quality",)), "--scales: MUSHRA asks for quality alone", "leave --scales out"
        )
        return (MUSHRA_QUALITY,)
    for name in wish.scales or ():
        near = nearest(name, SCALES)
        hint = f"did you mean {near}?" if near else f"known: {', '.join(SCALES)}"
        gathering.require(name in SCALES, f"--scales: no scale is called {name!r:.60}", hint)
    usual = ("quality",) if wish.kind == "ab" else ("quality", "alignment")
    asked = tuple(SCALES[name] for name in wish.scales or usual if name in SCALES)
    return tuple(replace(each, question=BETTER[each.name]) for each in asked) if wish.kind == "ab" else asked


def _hold_together(records: Sequence[RunRecord], gathering: Gathering) -> None:
    """Keep what makes runs no common study: unfinished, of different suites, one twice."""
    for each in records:
        gathering.require(not each.unfinished, f"{each.folder}: {each.unfinished}", "finish the run first")
    suites = {(each.suite.name, each.suite.digest): each for each in records}
    if len(suites) > 1:
        named = ", ".join(f"{each.folder} of {each.suite.name or 'no suite'}" for each in suites.values())
        gathering.add(UserError(f"the runs are of different suites: {named}", "listeners compare sounds of one prompt"))
    ids = [each.run_id for each in records]
    for run_id in dict.fromkeys(each for each in ids if ids.count(each) > 1):
        gathering.add(UserError(f"the run {one_line(run_id, 80)} is named twice", "name each run once"))


def _chosen(records: tuple[RunRecord, ...], wish: Wish, scales: tuple[Scale, ...]) -> Outline:
    """The prompts of which every run has a sound, as many as are wished, drawn by the seed."""
    gathering, notes = Gathering(), []
    found = {key: rows for key, rows in _common(records).items() if all(map(has_sound, _folders(records), rows))}
    every = len(dict.fromkeys(row.id for each in records for row in each.items))
    recordings = recorded(records) if wish.kind == "mushra" else {}
    if wish.kind == "mushra":
        gathering.require(
            bool(recordings),
            "MUSHRA compares with reference recordings, and no run names any",
            "run.json has them where the suite's reference is recordings of its prompts; or take --kind mos or ab",
        )
        found = {key: rows for key, rows in found.items() if key in recordings and is_file(recordings[key].path)}
    wanted = wish.prompts or min(PROMPTS, len(found))
    gathering.require(
        wanted <= len(found) and bool(found),
        f"only {part_of(len(found), every, 'prompt', 'has', 'have')} a sound in every run"
        + (" and a recording" if wish.kind == "mushra" else "")
        + (f", --prompts asks for {wanted}" if wish.prompts else ""),
        "ask for fewer prompts, or generate the missing sounds",
    )
    gathering.settle()
    if len(found) < every:
        notes.append(f"{part_of(every - len(found), every, 'prompt')} cannot be asked: a sound failed or is missing")
    if wanted < len(found):
        notes.append(f"{part_of(wanted, len(found), 'prompt', 'was', 'were')} drawn by seed {wish.seed}")
    if any(row.sample for each in records for row in each.items):
        notes.append("of a prompt's several sounds the first is heard")
    drawn = set(random.Random(wish.seed).sample(sorted(found), wanted))
    rows = {key: found[key] for key in found if key in drawn}
    return Outline(wish, records, rows, recordings, scales, tuple(notes))


def _folders(records: Sequence[RunRecord]) -> list[Path]:
    return [each.folder for each in records]


def _common(records: Sequence[RunRecord]) -> dict[str, tuple[Row, ...]]:
    """{prompt id: its first row in each run} of the prompts that every run has, in the first one's order."""
    by_run = []
    for record in records:
        firsts: dict[str, Row] = {}
        for row in record.items:
            if row.id not in firsts or row.sample < firsts[row.id].sample:
                firsts[row.id] = row
        by_run.append(firsts)
    return {key: tuple(run[key] for run in by_run) for key in by_run[0] if all(key in run for run in by_run)}


def study_of(plan: Outline, secret: str) -> Study:
    """The study, but for what is known of its sounds only once they are made (gains, lengths)."""
    wish, chance = plan.wish, random.Random(plan.wish.seed)
    runs = tuple(Run(each.run_id, each.model.get("name", ""), each.suite.name) for each in plan.records)
    prompts = tuple(Prompt(code(secret, "prompt", key), key, rows[0].prompt) for key, rows in plan.rows.items())
    items = tuple(item for prompt in prompts for item in _items(wish.kind, runs, prompt, secret))
    units = [unit for prompt in prompts for unit in _units(wish.kind, prompt, items, secret)]
    listeners, each = sizes(wish, units)
    trials = tuple(trial for unit in units for trial in unit)
    _require_size(len(trials))
    own = seats([tuple(trial.code for trial in unit) for unit in units], listeners, each, chance)
    study = Study(
        id="",
        kind=wish.kind,
        title="Listening test",
        scales=plan.scales,
        prompts=prompts,
        items=items,
        trials=trials,
        checks=_checks(secret, max(map(len, own))),
        headphones=tuple(chance.randrange(3) for _ in range(TURNS)),
        design=Design(wish.seed, each, own),
        runs=runs,
        loudness=MATCHED if wish.match else AS_IS,
        post=wish.post,
    )
    return replace(study, id=study_id(study))


def new_secret() -> str:
    """What the codes of a study are made with: 32 hex digits from the system's own chance."""
    return secrets.token_hex(16)


def _items(kind: str, runs: Sequence[Run], prompt: Prompt, secret: str) -> list[Item]:
    roles = [("system", run.id) for run in runs]
    if kind == "mushra":
        roles += [("reference", ""), *((anchor, "") for anchor in ANCHORS)]
    return [Item(item_code(secret, role, run, prompt.id), prompt.code, role, run, 0.0, 0.0) for role, run in roles]


def _units(kind: str, prompt: Prompt, items: Sequence[Item], secret: str) -> list[tuple[Trial, ...]]:
    """What goes to a listener together; see `design`."""
    own = [each.code for each in items if each.prompt == prompt.code]
    if kind == "mushra":
        opened = code(secret, "open reference", prompt.id)
        return [(Trial(code(secret, "trial", *own), prompt.code, tuple(own), opened),)]
    if kind == "ab":
        return [(Trial(code(secret, "trial", *pair), prompt.code, pair),) for pair in combinations(own, 2)]
    return [tuple(Trial(code(secret, "trial", one), prompt.code, (one,)) for one in own)]


def sizes(wish: Wish, units: Sequence[tuple[Trial, ...]]) -> tuple[int, int]:
    """How many listeners there are, and how many of them hear each clip: where that is not said, as many as give each
    listener some sixty screens."""
    listeners = wish.listeners or max(LISTENERS, wish.ratings_per_clip or 1)
    screens = sum(map(len, units))
    return listeners, wish.ratings_per_clip or min(listeners, max(1, SCREENS * listeners // screens))


def _require_size(trials: int) -> None:
    if trials > MOST_TRIALS:
        raise UserError(f"the study has {trials:,} screens, at most {MOST_TRIALS:,}", "ask for fewer prompts or runs")


def _checks(secret: str, screens: int) -> tuple[Check, ...]:
    """Two attention checks, or one for every fifteen screens; their right answers follow from the secret."""
    chance = random.Random(secret)
    count = max(2, screens // _SCREENS_A_CHECK)
    return tuple(
        Check(code(secret, "check", str(number)), chance.randint(FEWEST_BEEPS, MOST_BEEPS)) for number in range(count)
    )


def told(plan: Outline, study: Study, detect: float | None = None) -> list[str]:
    """What is printed of a study's size: screens of a listener, what it can see, and for a wished-for difference how
    many listeners that takes."""
    screens = sorted(len(each) for each in study.design.seats)
    each = study.design.ratings_per_clip
    seen = sight(study.kind, study.scales[0], len(study.prompts), each)
    spread = f"{screens[0]}" if screens[0] == screens[-1] else f"{screens[0]}-{screens[-1]}"
    what = {"mos": "clip", "ab": "pair", "mushra": "clip"}[study.kind]
    return [
        f"{len(study.runs)} models x {len(study.prompts)} prompts, {len(study.design.seats)} listeners of {spread} "
        f"screens each; every {what} gets {each} rating{'s' if each > 1 else ''}",
        f"that sees a difference of {seen.difference:.2g} {seen.unit} four times of five: {seen.variances}",
        *([] if detect is None else [_needed(study, detect, seen.unit)]),
        *plan.notes,
    ]


def _needed(study: Study, detect: float, unit: str) -> str:
    """How many listeners see a difference, each of them with as many screens as now."""
    prompts, design = len(study.prompts), study.design
    each = ratings_needed(study.kind, study.scales[0], prompts, detect)
    if each is None:
        return (
            f"to see {detect:g} {unit} no number of listeners is enough with {prompts} prompts: ask for more of these"
        )
    listeners = max(each, math.ceil(each * len(design.seats) / design.ratings_per_clip))
    return f"to see {detect:g} {unit} takes {each} ratings each: {listeners} listeners of as many screens"
