"""Answer files: what one listener said in one study. They come back by mail and over servers, and anybody may have
written them, so nothing in them is believed before it was held against the study's key.

    {schema: 1, kind: "evalkit-answers", study: its id, listener: 16 hex digits that the browser drew, seat: the number
     of the listener in the design, from 1; complete: whether all was answered; seconds: spent, rounded;
     headphones: {given: [the place chosen, 0 to 2, in each turn], tries},
     checks: [{check: code, beeps: as counted, place, seconds}],
     ratings: [{trial, item, scale, score, place, seconds}],
     preferences: [{trial, scale, left: the item shown first, chosen: an item or "" for neither, place, seconds}],
     comment: text}

`place` is when it was answered, from 1; `seconds` are whole, of the screen. `reports/schema/answers.schema.json` is the
form. A file holds no name, path, date or address.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.jsonio import read_json
from evalkit.core.text import clean
from evalkit.listening.shape import Looking
from evalkit.listening.study import Study

KIND = "evalkit-answers"
SCHEMA = 1
MOST_BYTES = 4 << 20
LONGEST_COMMENT = 2000
MOST_SECONDS = 30 * 24 * 3600
HEARD = 5 / 6
"""Of the headphone check's turns that must be right: five of the six of Woods et al. 2017."""

REFERENCE_LEAST, REFERENCE_MISSED = 90, 0.15
"""ITU-R BS.1534-3, 4.1.2: a listener who scores the hidden reference under 90 in more than 15 % of the trials is left
out."""


@dataclass(frozen=True)
class Headphones:
    """The headphone check: the tone taken for the quietest (0, 1, 2) in each turn of the last try, and how many tries
    there were; () and 0 where the listener left it out."""

    given: tuple[int, ...]
    tries: int


@dataclass(frozen=True)
class Counted:
    """An attention check: how many beeps the listener counted."""

    check: str
    beeps: int
    place: int
    seconds: int


@dataclass(frozen=True)
class Rating:
    """One score, in whole points of its scale, of one item in one trial."""

    trial: str
    item: str
    scale: str
    score: int
    place: int
    seconds: int


@dataclass(frozen=True)
class Preference:
    """Of a trial's two items the one that was chosen, "" where neither was; `left` is the one that was shown first."""

    trial: str
    scale: str
    left: str
    chosen: str
    place: int
    seconds: int


@dataclass(frozen=True)
class Answers:
    """What stands in a file; the fields are those of the file."""

    schema: int
    kind: str
    study: str
    listener: str
    seat: int
    complete: bool
    seconds: int
    headphones: Headphones
    checks: tuple[Counted, ...]
    ratings: tuple[Rating, ...]
    preferences: tuple[Preference, ...]
    comment: str


@dataclass(frozen=True)
class Sheet(Answers):
    """What one listener said, held against the study: every code is one of it and in the listener's own seat, every
    score on its scale, nothing answered twice. `failed` says which checks the listener did not pass, () where all were
    passed; `comment` is harmless to look at on a terminal, and still to be escaped in a page."""

    path: Path
    failed: tuple[str, ...]


def read_sheets(paths: Iterable[Path], study: Study) -> tuple[Sheet, ...]:
    """The answer files of a study, in the given order; one that is there twice, to the last answer, counts once.

    Raises UserError with all faults of all files: what is no answer file of this study, and two files of one listener
    that differ.
    """
    gathering, found = Gathering(), dict[str, Sheet]()
    for path in paths:
        with gathering.look():
            sheet = read_sheet(path, study)
            before = found.setdefault(sheet.listener, sheet)
            if _said(before) != _said(sheet):
                raise UserError(
                    f"{path}: is of the same listener as {before.path}, and says something else",
                    "leave one of them out",
                )
    gathering.settle()
    return tuple(found.values())


def read_sheet(path: Path, study: Study) -> Sheet:
    """One answer file. Raises UserError with all its faults in one line."""
    table = read_json(path, MOST_BYTES, finite=True, once=True)
    if not isinstance(table, dict) or table.get("kind") != KIND:
        raise UserError(f"{path}: is no answer file", "name the files that listeners sent")
    if table.get("schema") != SCHEMA:
        raise UserError(f"{path}: has another schema than {SCHEMA}, which this evalkit reads")
    if table.get("study") != study.id:
        raise UserError(f"{path}: is of another study than {study.id}", "name the key of the study that it is of")
    look = Looking(str(path))
    file = look.record(Answers, table)
    if file is not None:
        _hold_against(study, file, look)
    look.settle("it is not as the page wrote it: leave it out")
    assert file is not None, "what has no fault was read"
    said = vars(file) | {"comment": clean(file.comment, LONGEST_COMMENT)}
    return Sheet(**said, path=path, failed=_failed(study, file))


def _said(sheet: Sheet) -> object:
    return sheet.seat, sheet.ratings, sheet.preferences, sheet.checks, sheet.headphones


def _hold_against(study: Study, file: Answers, look: Looking) -> None:
    """Keep whatever the study does not bear out."""
    look.require(re.fullmatch("[0-9a-f]{16}", file.listener) is not None, "listener", "is not sixteen hex digits")
    look.require(0 <= file.seconds <= MOST_SECONDS, "seconds", "is no time that a test takes")
    look.require(len(file.comment) <= LONGEST_COMMENT, "comment", f"has more than {LONGEST_COMMENT:,} characters")
    given, turns = file.headphones.given, len(study.headphones)
    look.require(
        len(given) in (0, turns) and all(place in (0, 1, 2) for place in given),
        "headphones.given",
        f"is not {turns} places",
    )
    look.require(0 <= file.headphones.tries <= 100, "headphones.tries", "is no number of tries")
    seats = len(study.design.seats)
    if not look.require(1 <= file.seat <= seats, "seat", f"is none of the study's {seats}"):
        return
    mine = frozenset(study.design.seats[file.seat - 1])
    _hold_rows(look, "ratings", file.ratings, lambda one: _rating_fault(study, mine, one))
    _hold_rows(look, "preferences", file.preferences, lambda one: _preference_fault(study, mine, one))
    known = {each.code for each in study.checks}
    _hold_rows(look, "checks", file.checks, lambda one: "" if one.check in known else "has a check of no code here")
    _once(look, "ratings", [(one.trial, one.item, one.scale) for one in file.ratings])
    _once(look, "preferences", [(one.trial, one.scale) for one in file.preferences])
    _once(look, "checks", [(one.check,) for one in file.checks])
    if file.complete:
        scales, items = len(study.scales), [len(study.trial[each].items) for each in mine]
        wanted = {"mos": sum(items), "mushra": sum(items), "ab": len(items)}[study.kind] * scales
        said = len(file.ratings) + len(file.preferences)
        look.require(said == wanted, "complete", f"is true, with {said} of {wanted} answers")


_Row = Rating | Preference | Counted


def _hold_rows(look: Looking, name: str, rows: Sequence[_Row], fault: Callable[..., str]) -> None:
    for number, row in enumerate(rows):
        times = 0 <= row.seconds <= MOST_SECONDS and 1 <= row.place <= 2 * 20_000
        told = fault(row) or ("" if times else "has a time or a place that no test has")
        look.require(not told, f"{name}[{number}]", told)


def _rating_fault(study: Study, mine: frozenset[str], one: Rating) -> str:
    if study.kind == "ab":
        return "is a score, in a study of preferences"
    if one.trial not in mine:
        return "is of a trial that this listener was not given"
    if one.item not in study.trial[one.trial].items:
        return "is of a sound that is not in its trial"
    scale = study.scale.get(one.scale)
    if scale is None:
        return "is on a scale that was not asked"
    return "" if scale.low <= one.score <= scale.high else f"has a score outside of {scale.low} to {scale.high}"


def _preference_fault(study: Study, mine: frozenset[str], one: Preference) -> str:
    if study.kind != "ab":
        return "is a preference, in a study of scores"
    if one.trial not in mine:
        return "is of a trial that this listener was not given"
    items = study.trial[one.trial].items
    if one.left not in items or one.chosen not in (*items, ""):
        return "is of a sound that is not in its trial"
    return "" if one.scale in study.scale else "is on a scale that was not asked"


def _once(look: Looking, name: str, keys: Sequence[tuple[str, ...]]) -> None:
    twice = sum(count > 1 for count in Counter(keys).values())
    look.require(not twice, name, f"answers {twice} of its questions more than once")


def _failed(study: Study, file: Answers) -> tuple[str, ...]:
    """Which checks a listener did not pass, in words."""
    found = []
    turns = len(study.headphones)
    if turns:
        right = sum(given == truth for given, truth in zip(file.headphones.given, study.headphones, strict=False))
        if right < HEARD * turns:
            told = f"{right} of {turns} right" if file.headphones.given else "left out"
            found.append(f"headphones: {told}")
    beeps = {each.code: each.beeps for each in study.checks}
    wrong = sum(beeps[each.check] != each.beeps for each in file.checks)
    if wrong:
        found.append(f"attention: {wrong} of {len(file.checks)} checks wrong")
    if file.complete and len(file.checks) < len(beeps):
        found.append(f"attention: {len(beeps) - len(file.checks)} of {len(beeps)} checks not answered")
    if study.kind == "mushra":
        hidden = [one.score for one in file.ratings if study.item[one.item].role == "reference"]
        missed = sum(score < REFERENCE_LEAST for score in hidden)
        if missed > REFERENCE_MISSED * len(hidden):
            found.append(f"hidden reference: under {REFERENCE_LEAST} in {missed} of {len(hidden)} trials")
    return tuple(found)
