"""The sounds and the page of a study, written into a folder or into one file, and its key beside it.

A folder has `index.html` and `sounds/CODE.flac`, lossless; one file has all in it, as MP3 of about 200 kbit/s, since it
has to be sent. Both open from a double click and from any host of files. The key lies beside, never inside.
"""

from __future__ import annotations

import base64
import os
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from evalkit.audio.anchors import low_passed
from evalkit.audio.clip import Clip, Samples
from evalkit.audio.encode import flac_bytes, mp3_bytes
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.files import require_place, write_bytes
from evalkit.core.interrupts import heed
from evalkit.core.paths import is_folder, is_there
from evalkit.core.text import count
from evalkit.listening.build import ANCHORS, Outline, new_secret, study_of
from evalkit.listening.level import RATE, Levelled, levelled
from evalkit.listening.page import render
from evalkit.listening.signals import beeps, three_tones
from evalkit.listening.study import Prompt, Study, read_key, write_key
from evalkit.report.media import sound
from evalkit.report.recordings import heard

SOUNDS, INDEX, ENDING = "sounds", "index.html", ".key.json"
_MP3 = 0.2
"""libsndfile's compression of the sounds in one file."""

_TONES = "tones-"
_MOST_THREADS = 8
"""Each has all sounds of a prompt in memory."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Place:
    """Where a study goes: `page` is a folder, or one HTML file, `key` the author's file beside it."""

    page: Path
    key: Path

    @property
    def in_one(self) -> bool:
        return self.page.suffix.lower() in (".html", ".htm")

    @property
    def index(self) -> Path:
        """What a listener opens."""
        return self.page if self.in_one else self.page / INDEX


def place_of(out: Path) -> Place:
    """`out` as a person typed it. Raises UserError where nothing can be written there, or what is there is no study."""
    place = Place(out, out.with_name((out.stem if out.suffix.lower() in (".html", ".htm") else out.name) + ENDING))
    gathering = Gathering()
    with gathering.look():
        require_place(place.key)
    with gathering.look():
        require_place(place.index)
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
    good. Raises UserError where another study is there, or sounds cannot be used: all of them at once, and before
    anything is written. The key is written first: what is stopped midway is ended by the same command."""
    study, secret = _prepared(plan, place)
    made, items, unmatched = _Sounds(place), dict(study.item), 0
    gathering = Gathering()
    for looked in _at_once(lambda prompt: _looked(plan, prompt.id), study.prompts):
        gathering.errors += looked
    gathering.settle()
    write_key(study, secret, place.key)
    for sounds in _at_once(lambda prompt: _sounds(plan, study, prompt, place), study.prompts):
        for code, one in sounds.items():
            made.keep(code, one.data)
            unmatched += plan.wish.match and not one.matched
            if code in items:
                items[code] = replace(items[code], gain_db=one.gain_db, seconds=one.seconds)
    for name, samples in _checks(study, secret):
        made.keep(name, _coded(name, samples, place))
    study = replace(study, items=tuple(items[each.code] for each in study.items))
    write_key(study, secret, place.key)
    return Made(study, place, made.write(study), _unmatched(unmatched))


def _at_once(work: Callable[[Prompt], _T], prompts: Sequence[Prompt]) -> Iterator[_T]:
    """The work for each prompt, in their order, on as many processors as there are: its coders are C, and let others
    run."""
    pool = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1))
    try:
        waiting = deque(pool.submit(work, each) for each in prompts)
        while waiting:
            heed()
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _looked(plan: Outline, prompt: str) -> list[UserError]:
    """What stands against the sounds of a prompt."""
    gathering = Gathering()
    with gathering.look():
        _clips(plan, prompt)
    return gathering.errors


@dataclass(frozen=True)
class _File:
    """A sound as its file's bytes, how it was brought to its level, and how long it is."""

    data: bytes
    gain_db: float
    matched: bool
    seconds: float


def _sounds(plan: Outline, study: Study, prompt: Prompt, place: Place) -> Mapping[str, _File]:
    """{code: sound} of a prompt, in the order of the codes, as files tell when they were written."""
    found = sorted(_of_prompt(study, prompt.code, _clips(plan, prompt.id), plan.wish.match).items())
    return {
        code: _File(_coded(code, one.samples, place), one.gain_db, one.matched, round(one.samples.shape[1] / RATE, 1))
        for code, one in found
    }


def _unmatched(sounds: int) -> tuple[str, ...]:
    if not sounds:
        return ()
    return (f"{count(sounds, 'sound')} could not be matched in loudness: silent, nearly so, or very short",)


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
        elif not np.isfinite(clip.samples).all():
            told = f"{where}: the sound of prompt {prompt!r:.80} holds NaN or infinite samples"
            gathering.add(UserError(told, "generate it again"))
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
        yield f"{_TONES}{turn + 1}", three_tones(quiet, antiphase)
    for check in study.checks:
        yield check.code, beeps(check.beeps, random.Random(secret + check.code))


def _coded(name: str, samples: Samples, place: Place) -> bytes:
    """A sound's file. Joint stereo of a lossy code is no judge of a phase, so the headphone check has none."""
    lossy = place.in_one and not name.startswith(_TONES)
    return mp3_bytes(samples, RATE, _MP3) if lossy else flac_bytes(samples, RATE)


class _Sounds:
    """Sounds on their way into the page: into files beside it, or into the page itself."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._inside: dict[str, str] = {}
        self._size = 0

    def keep(self, name: str, data: bytes) -> None:
        if self._place.in_one:
            kind = "flac" if name.startswith(_TONES) else "mpeg"
            self._inside[name] = f"data:audio/{kind};base64,{base64.b64encode(data).decode('ascii')}"
            return
        self._size += len(data)
        write_bytes(self._place.page / SOUNDS / f"{name}.flac", data)

    def write(self, study: Study) -> int:
        page = render(study, self._inside, SOUNDS).encode("utf-8")
        write_bytes(self._place.index, page)
        return self._size + len(page)
