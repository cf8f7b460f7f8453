"""Answers put together with the key: who was rated how by whom, as one file that report and agree read.

    {schema: 1, kind: "evalkit-ratings", study: its id, form: "mos", "ab" or "mushra", title, loudness,
     scales: [{name, title, question, low, high, labels}], systems: [{id, name}],
     scores: [{system, prompt, listener, scale, score}], votes: [{first, second, chosen, prompt, listener, scale}],
     left_out: [{listener, why}], incomplete: how many listeners stopped early, comments: [{listener, text}]}

A system is a run by its id, or in MUSHRA "reference", "low_3500" or "low_7000"; `chosen` is "first", "second" or "tie".
Listeners are called L1, L2 ... in the order of their answers' digits, which the browser drew. The form is
`reports/schema/ratings.schema.json`; the file may come from anybody, and is read as one that does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.files import write_bytes
from evalkit.core.jsonio import dumps, parse_json
from evalkit.core.reading import read_bytes
from evalkit.core.text import clean, count, one_line
from evalkit.listening.answers import Sheet
from evalkit.listening.shape import Looking
from evalkit.listening.study import KINDS, ROLES, Study
from evalkit.ratings.base import LONGEST_NAME, MOST_BYTES, Rating, Ratings, Scale
from evalkit.ratings.measured import clip_of

KIND = "evalkit-ratings"
SCHEMA = 1
CHOSEN = ("first", "second", "tie")
MOST_ROWS = 1_000_000
LONGEST_TEXT = 2000
_DAMAGED = "collect the answers again"


@dataclass(frozen=True)
class Asked:
    """A question, as it was put; `labels` are its words from the worst to the best."""

    name: str
    title: str
    question: str
    low: float
    high: float
    labels: tuple[str, ...]


@dataclass(frozen=True)
class System:
    """Whose sounds they are."""

    id: str
    name: str


@dataclass(frozen=True)
class Score:
    """One rating."""

    system: str
    prompt: str
    listener: str
    scale: str
    score: float


@dataclass(frozen=True)
class Vote:
    """One preference: `chosen` is one of `CHOSEN`."""

    first: str
    second: str
    chosen: str
    prompt: str
    listener: str
    scale: str


@dataclass(frozen=True)
class LeftOut:
    """A listener who does not count, and why."""

    listener: str
    why: str


@dataclass(frozen=True)
class Comment:
    """What a listener wrote at the end."""

    listener: str
    text: str


@dataclass(frozen=True)
class Collected:
    """All of it; the fields are those of the file."""

    schema: int
    kind: str
    study: str
    form: str
    title: str
    loudness: str
    scales: tuple[Asked, ...]
    systems: tuple[System, ...]
    scores: tuple[Score, ...]
    votes: tuple[Vote, ...]
    left_out: tuple[LeftOut, ...]
    incomplete: int
    comments: tuple[Comment, ...]

    @property
    def names(self) -> Mapping[str, str]:
        """{id of a system: its name}."""
        return {each.id: each.name for each in self.systems}

    @property
    def labels(self) -> Mapping[str, str]:
        """{id of a system: what it is called in a table}: its name, with the id where several have that name."""
        several = Counter(self.names.values())
        return {key: name if several[name] == 1 else f"{name} {key}" for key, name in self.names.items()}

    @property
    def said(self) -> tuple[Score | Vote, ...]:
        """All that counts, of either form."""
        return (*self.scores, *self.votes)

    @property
    def listeners(self) -> int:
        """How many count."""
        return len({each.listener for each in self.said})


def collect(study: Study, sheets: Sequence[Sheet], keep_failed: bool = False) -> Collected:
    """The answers of a study. Listeners who failed a check are left out, or with `keep_failed` kept.

    Raises UserError where nobody is left.
    """
    numbered = {sheet.listener: f"L{n}" for n, sheet in enumerate(sorted(sheets, key=lambda s: s.listener), start=1)}
    kept = [sheet for sheet in sheets if keep_failed or not sheet.failed]
    out = [LeftOut(numbered[s.listener], "; ".join(s.failed)) for s in sheets if s.failed and not keep_failed]
    if not kept:
        raise UserError(
            f"all {len(sheets)} listeners failed a check: {out[0].why if out else 'there are no answers'}",
            "--keep-failed counts them all the same",
        )
    prompts = {each.code: each.id for each in study.prompts}
    scores, votes = [], []
    for sheet in kept:
        who = numbered[sheet.listener]
        for one in sheet.ratings:
            item = study.item[one.item]
            scores.append(Score(_system(study, one.item), prompts[item.prompt], who, one.scale, one.score))
        for two in sheet.preferences:
            first, second = study.trial[two.trial].items
            chosen = "tie" if not two.chosen else "first" if two.chosen == first else "second"
            prompt = prompts[study.trial[two.trial].prompt]
            votes.append(Vote(_system(study, first), _system(study, second), chosen, prompt, who, two.scale))
    roles = [role for role in ROLES[1:] if any(item.role == role for item in study.items)]
    systems = [*(System(run.id, run.name) for run in study.runs), *(System(role, role) for role in roles)]
    return Collected(
        SCHEMA,
        KIND,
        study.id,
        study.kind,
        study.title,
        study.loudness,
        tuple(Asked(s.name, s.title, s.question, s.low, s.high, s.labels) for s in study.scales),
        tuple(systems),
        tuple(scores),
        tuple(votes),
        tuple(sorted(out, key=lambda each: int(each.listener[1:]))),
        sum(not sheet.complete for sheet in kept),
        tuple(Comment(numbered[s.listener], s.comment) for s in kept if s.comment.strip()),
    )


def _system(study: Study, item: str) -> str:
    found = study.item[item]
    return found.run or found.role


def write_collected(found: Collected, path: Path) -> None:
    """Write the file, atomically. Raises CannotWrite."""
    write_bytes(path, dumps(asdict(found)).encode("utf-8", "surrogatepass"))


def is_collected(table: object) -> bool:
    """Does a JSON value say that it is such a file?"""
    return isinstance(table, dict) and table.get("kind") == KIND


def read_collected(path: Path) -> Collected:
    """The file again. Raises UserError with all its faults in one line."""
    return parse_collected(read_bytes(path, MOST_BYTES, "file of ratings"), path)


def parse_collected(data: bytes, path: Path) -> Collected:
    """As `read_collected`, of the file's bytes."""
    table = parse_json(data, path, finite=True, once=True)
    if not is_collected(table):
        raise UserError(f"{path}: is no file of collected ratings", "evalkit listen --collect writes one")
    if table.get("schema") != SCHEMA:
        raise UserError(f"{path}: has another schema than {SCHEMA}, which this evalkit reads")
    look = Looking(str(path), MOST_ROWS)
    found = look.record(Collected, table)
    if found is not None:
        _hold(found, look)
    look.settle(_DAMAGED)
    assert found is not None, "what has no fault was read"
    return _harmless(found)


def _hold(found: Collected, look: Looking) -> None:
    """Keep what does not fit together."""
    look.require(found.form in KINDS, "form", f"is none of {', '.join(KINDS)}")
    scales, systems = {each.name: each for each in found.scales}, found.names
    look.require(len(scales) == len(found.scales), "scales", "names one twice")
    look.require(len(systems) == len(found.systems), "systems", "names one twice")
    for at, asked in enumerate(found.scales):
        look.require(asked.low < asked.high, f"scales[{at}]", "has no points")
    long = [each for each in _names(found) if not 0 < len(each) <= LONGEST_NAME]
    look.require(not long, "", f"has names that are empty or longer than {LONGEST_NAME} characters")
    look.require(found.incomplete >= 0, "incomplete", "is no number of listeners")
    for at, one in enumerate(found.scores):
        scale = scales.get(one.scale)
        fits = scale is not None and one.system in systems and scale.low <= one.score <= scale.high
        look.require(fits, f"scores[{at}]", "is of no system or scale here, or outside of its scale")
    for at, two in enumerate(found.votes):
        known = two.first in systems and two.second in systems and two.first != two.second and two.scale in scales
        look.require(known and two.chosen in CHOSEN, f"votes[{at}]", "is of no two systems here, or chose neither")
    look.require(bool(found.scores or found.votes), "", "holds no ratings")
    for name, keys in (
        ("scores", [(s.system, s.prompt, s.listener, s.scale) for s in found.scores]),
        ("votes", [(*sorted((v.first, v.second)), v.prompt, v.listener, v.scale) for v in found.votes]),
    ):
        twice = sum(count > 1 for count in Counter(keys).values())
        look.require(not twice, name, f"has {twice:,} of one listener about one sound twice")


def _names(found: Collected) -> set[str]:
    own = {each.name for each in found.scales} | {name for each in found.systems for name in (each.id, each.name)}
    said = {name for each in found.said for name in (each.prompt, each.listener)}
    return own | said


def _harmless(found: Collected) -> Collected:
    """What is shown, without what a terminal would obey; a page escapes it."""
    return Collected(
        found.schema,
        found.kind,
        one_line(found.study, 64),
        found.form,
        one_line(found.title, LONGEST_NAME),
        one_line(found.loudness, LONGEST_NAME),
        tuple(
            Asked(a.name, one_line(a.title, 100), clean(a.question, 400), a.low, a.high, tuple(map(one_line, a.labels)))
            for a in found.scales
        ),
        tuple(System(each.id, one_line(each.name, LONGEST_NAME)) for each in found.systems),
        found.scores,
        found.votes,
        tuple(LeftOut(one_line(each.listener, 40), one_line(each.why, 400)) for each in found.left_out),
        found.incomplete,
        tuple(Comment(one_line(each.listener, 40), clean(each.text, LONGEST_TEXT)) for each in found.comments),
    )


def as_ratings(found: Collected, name: str) -> Ratings:
    """The scores as ratings of clips. Raises UserError for a study of preferences, which has none."""
    if not found.scores:
        raise UserError(f"{name}: holds preferences between two sounds, and no ratings of one", "report shows them")
    rows = [
        Rating(clip_of(one.system, one.prompt), one.prompt, one.system, one.listener, one.scale, one.score)
        for one in found.scores
    ]
    scales = tuple(Scale(each.name, each.title, each.low, each.high) for each in found.scales)
    return Ratings(name, rows, scales, title=found.title, notes=tuple(told(found)), labels=found.labels)


def told(found: Collected) -> list[str]:
    """Who counts and who does not, in sentences."""
    lines = [f"{count(found.listeners, 'listener')} count{'s' if found.listeners == 1 else ''}"]
    if found.incomplete:
        lines[0] += f", {found.incomplete} of whom stopped before the end"
    lines += [f"{each.listener} is left out: {each.why}" for each in found.left_out]
    return lines
