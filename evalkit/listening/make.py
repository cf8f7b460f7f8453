"""The sounds and the page of a study, written into a folder or into one file, and its key beside it.

A folder has `index.html` and `sounds/CODE.flac`, lossless; one file has all in it, as MP3 of about 200 kbit/s, since it
has to be sent. Both open from a double click and from any host of files. The key lies beside, never inside.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.audio.anchors import low_passed
from evalkit.audio.clip import Clip, Samples
from evalkit.audio.encode import flac_bytes, mp3_bytes
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.files import require_place, write_bytes
from evalkit.core.interrupts import heed
from evalkit.core.paths import is_folder, is_there
from evalkit.listening.build import ANCHORS, Outline, new_secret, study_of
from evalkit.listening.level import RATE, Levelled, levelled
from evalkit.listening.page import render
from evalkit.listening.signals import beeps, three_tones
from evalkit.listening.study import Study, read_key, write_key
from evalkit.report.media import sound
from evalkit.report.recordings import heard

SOUNDS, INDEX, ENDING = "sounds", "index.html", ".key.json"
_MP3 = 0.2
"""libsndfile's compression of the sounds in one file."""


@dataclass(frozen=True)
class Place:
    """Where a study goes: `page` is a folder, or one HTML file, `key` the author's file beside it."""

    page: Path
    key: Path

    @property
    def in_one(self) -> bool:
        return self.page.suffix.lower() in (".html", ".htm")


def place_of(out: Path) -> Place:
    """`out` as a person typed it. Raises UserError where nothing can be written there, or what is there is no study."""
    place = Place(out, out.with_name((out.stem if out.suffix.lower() in (".html", ".htm") else out.name) + ENDING))
    gathering = Gathering()
    with gathering.look():
        require_place(place.key)
    with gathering.look():
        require_place(place.page if place.in_one else place.page / INDEX)
    taken = is_folder(place.page) and any(place.page.iterdir()) if not place.in_one else is_there(place.page)
    told = f"{out}: something is there, and no key of a study beside it"
    gathering.require(not taken or is_there(place.key), told, "name another --out")
    gathering.settle()
    return place


@dataclass(frozen=True)
class Made:
    """What was written: the study, where it is, its size in bytes, and what its author should know of its sounds."""

    study: Study
    place: Place
    size: int
    notes: tuple[str, ...]


def make(plan: Outline, place: Place) -> Made:
    """Write a study. The same one is written again under the codes that it had, so that answers which came back stay
    good. Raises UserError where another study is there, or sounds cannot be used: all of them at once."""
    study, secret = _prepared(plan, place)
    made = _Sounds(place, study)
    gathering, items, notes = Gathering(), dict(study.item), list[str]()
    for number, prompt in enumerate(study.prompts):
        heed()
        with gathering.look():
            clips = _clips(plan, prompt.id)
            if not gathering.errors:
                # in the order of their codes, as files tell when they were written
                for code, one in sorted(_of_prompt(study, prompt.code, clips, plan.wish.match).items()):
                    made.keep(code, one.samples)
                    if code in items:
                        seconds = round(one.samples.shape[1] / RATE, 1)
                        items[code] = replace(items[code], gain_db=one.gain_db, seconds=seconds)
                    if plan.wish.match and not one.matched:
                        notes.append(f"prompt {number + 1}")
    gathering.settle()
    for name, samples in _checks(study, secret):
        made.keep(name, samples)
    study = replace(study, items=tuple(items[each.code] for each in study.items))
    write_key(study, secret, place.key)
    size = made.write(study)
    return Made(study, place, size, _unmatched(notes))


def _unmatched(prompts: list[str]) -> tuple[str, ...]:
    if not prompts:
        return ()
    return (f"{len(prompts)} sounds could not be matched in loudness: they are silent, nearly so, or very short",)


def _prepared(plan: Outline, place: Place) -> tuple[Study, str]:
    if not is_there(place.key):
        secret = new_secret()
        return study_of(plan, secret), secret
    before, secret = read_key(place.key)
    study = study_of(plan, secret)
    if study.id != before.id or study.runs != before.runs:
        raise UserError(f"{place.key}: is the key of another study", "name another --out: its answers would be lost")
    return study, secret


def _clips(plan: Outline, prompt: str) -> list[Clip]:
    """The sounds of a prompt, run by run; behind them, for MUSHRA, its recording."""
    gathering, found = Gathering(), list[Clip]()
    rows = plan.rows[prompt]
    heard_ones = [(f"{each.folder}", sound(each.folder, row)) for each, row in zip(plan.records, rows, strict=True)]
    if plan.wish.kind == "mushra":
        heard_ones.append(("the reference", heard(plan.recordings[prompt], rows[0])))
    for where, clip in heard_ones:
        if isinstance(clip, str):
            gathering.add(UserError(f"{where}: the sound of prompt {prompt!r:.80} {clip}", "generate it again"))
        elif not clip.samples.size:
            gathering.add(UserError(f"{where}: the sound of prompt {prompt!r:.80} is empty", "generate it again"))
        else:
            found.append(clip)
    gathering.settle()
    return found


def _of_prompt(study: Study, prompt: str, clips: list[Clip], match: bool) -> Mapping[str, Levelled]:
    """{code: sound} of one prompt: the runs', and for MUSHRA the reference twice, open and hidden, and its anchors."""
    sounds = levelled(clips, match)
    own = [each for each in study.items if each.prompt == prompt]
    systems = [each.code for each in own if each.role == "system"]
    found = dict(zip(systems, sounds, strict=False))
    if study.kind == "mushra":
        reference = sounds[-1]
        for each in own:
            if each.role in ANCHORS:
                low = low_passed(reference.samples, RATE, ANCHORS[each.role])
                found[each.code] = replace(reference, samples=low)
            elif each.role == "reference":
                found[each.code] = reference
        found |= {trial.reference: reference for trial in study.trials if trial.prompt == prompt}
    return found


def _checks(study: Study, secret: str) -> Iterator[tuple[str, Samples]]:
    """The sounds of the headphone check, by turn, and of the attention checks, by code."""
    chance = random.Random(study.design.seed)
    for turn, quiet in enumerate(study.headphones):
        antiphase = chance.choice([place for place in range(3) if place != quiet])
        yield f"tones-{turn + 1}", three_tones(quiet, antiphase)
    for check in study.checks:
        yield check.code, beeps(check.beeps, random.Random(secret + check.code))


class _Sounds:
    """Sounds on their way into the page: into files beside it, or into the page itself."""

    def __init__(self, place: Place, study: Study) -> None:
        self._place = place
        self._inside: dict[str, str] = {}
        self._study = study
        self.size = 0

    def keep(self, name: str, samples: Samples) -> None:
        if self._place.in_one:
            checked = name.startswith("tones-")  # joint stereo of a lossy code is no judge of a phase
            data = flac_bytes(samples, RATE) if checked else mp3_bytes(samples, RATE, _MP3)
            kind = "flac" if checked else "mpeg"
            self._inside[name] = f"data:audio/{kind};base64,{base64.b64encode(data).decode('ascii')}"
            return
        data = flac_bytes(samples, RATE)
        self.size += len(data)
        write_bytes(self._place.page / SOUNDS / f"{name}.flac", data)

    def write(self, study: Study) -> int:
        page = render(study, self._inside, SOUNDS).encode("utf-8")
        write_bytes(self._place.page if self._place.in_one else self._place.page / INDEX, page)
        return self.size + len(page)
