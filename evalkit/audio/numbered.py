"""Which of a prompt's several sounds a file is, by the number at the end of its name.

evalkit writes the first sound of `rain` as `rain.wav`, the second as `rain.s1.wav`, the third as `rain.s2.wav`. What
others write is taken too, where a folder holds nothing named so: `rain_1.wav`, `rain-1.wav` or `rain.1.wav`, whichever
of them fits most files, with zeros before the number or without; counted from 0, or from 1 where no file of the folder
has the number 0 or none. A file whose whole name is an id is the first sound of that prompt; where it could as well be
a missing sound of another one, it is refused, as nobody could say which of them was scored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evalkit.audio.names import Match, match, told
from evalkit.core.errors import UserError
from evalkit.core.ids import safe_name

OWN = ".s"
_MARKS = (OWN, "_", "-", ".")
"""What stands between a prompt's name and the number of its sound, evalkit's own first."""

_PLAIN, _PADDED = r"0|[1-9]\d{0,3}", r"\d{1,4}"
_NUMBERED = {
    mark: re.compile(rf"(.+){re.escape(mark)}({_PLAIN if mark == OWN else _PADDED})(\.[^.]+)", re.DOTALL | re.ASCII)
    for mark in _MARKS
}

Sound = tuple[str, int]
"""A prompt's id and the number of its sound, from 0."""


@dataclass(frozen=True)
class Numbered:
    """`files` {sound: name of its file} of every prompt and number, no name twice; `notes` are sentences on names that
    nearly fit, and on numbers that are not evalkit's or are more than were asked for."""

    files: Mapping[Sound, str]
    notes: Sequence[str]


def match_numbered(
    where: str, ids: Sequence[str], others: Sequence[str], names: Iterable[str], samples: int
) -> Numbered:
    """Which file is which of the `samples` sounds of each of `ids`; `others` are ids that are not asked for, whose
    files are theirs all the same.

    Raises UserError, naming `where`, for two files of one sound, and for a file that may be of two sounds.
    """
    there, known = list(names), [*ids, *others]
    whole = match(where, known, _unnumbered(known, there))
    files = {(identifier, 0): name for identifier, name in whole.files.items()}
    taken = set(files.values())
    # Where each prompt has one sound, a number at the end of a name is part of the name, but for evalkit's own.
    mark, parts = _numbered(where, known, [name for name in there if name not in taken], samples > 1)
    shift = 1 if mark != OWN and parts and min(parts) == 1 and not whole.files else 0
    for number, part in parts.items():
        for identifier, name in part.files.items():
            sound = identifier, number - shift
            if sound in files:
                told_of = f"{where}: two files for the first sound of {identifier!r}: {files[sound]} and {name}"
                raise UserError(told_of, "keep one of them")
            files[sound] = name
    if samples > 1:
        missing = {(identifier, sample) for identifier in ids for sample in range(samples)} - files.keys()
        _refuse_double(where, missing, set(known), files, (OWN,) if parts and mark == OWN else _MARKS)
    notes = [sentence for each in (whole, *parts.values()) for sentence in told(each.only(set(ids)))]
    if parts and mark != OWN:
        first = f"NAME{mark}1" if shift else f"NAME or NAME{mark}0"
        notes.append(f"the sounds of a prompt are taken as numbered NAME{mark}NUMBER, the first being {first}")
    return Numbered(files, notes + _beyond(files, set(ids), samples))


def without_numbers(stems: Sequence[str]) -> dict[str, str]:
    """{name of a file without its suffix: the same without the number of its sound}, by evalkit's own mark where any of
    them has it, else by any."""
    own = any(_NUMBERED[OWN].fullmatch(f"{stem}.x") for stem in stems)
    forms = [_NUMBERED[mark] for mark in ((OWN,) if own else _MARKS)]
    found = {}
    for stem in stems:
        parts = (form.fullmatch(f"{stem}.x") for form in forms)
        found[stem] = next((each[1] for each in parts if each), stem)
    return found


def _unnumbered(ids: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names that may be an id as a whole: all but those of evalkit's own further sounds that spell an id whose file
    is there under its safe name (the ids `a` and `a.s1` were both written by evalkit)."""
    known, safe, stems = set(ids), {safe_name(each) for each in ids}, {name.rpartition(".")[0] for name in names}

    def is_further(name: str) -> bool:
        parts, stem = _NUMBERED[OWN].fullmatch(name), name.rpartition(".")[0]
        return parts is not None and parts[1] in safe and stem in known and safe_name(stem) in stems

    return [name for name in names if not is_further(name)]


def _beyond(files: Mapping[Sound, str], ids: set[str], samples: int) -> list[str]:
    """A sentence on files of sounds that were not asked for, where there are any."""
    more = [(sample, name) for (identifier, sample), name in files.items() if identifier in ids and sample >= samples]
    if not more:
        return []
    which = f"{more[0][1]}{f' and {len(more) - 1} more' if len(more) > 1 else ''}"
    return [f"further sounds of prompts are left out: {which}; --samples {max(more)[0] + 1} takes them too"]


def _numbered(where: str, ids: Sequence[str], names: Sequence[str], several: bool) -> tuple[str, dict[int, Match]]:
    """The mark by which the names are numbered, evalkit's own where any has it, and what belongs to whom by number."""
    found = {mark: _by_number(where, ids, names, mark) for mark in (_MARKS if several else (OWN,))}
    if not several:
        return OWN, {number: part for number, part in found[OWN].items() if number}
    fits = {mark: sum(len(part.files) for part in parts.values()) for mark, parts in found.items()}
    best = OWN if fits[OWN] else max(_MARKS, key=lambda mark: fits[mark])
    return best, found[best]


def _by_number(where: str, ids: Sequence[str], names: Sequence[str], mark: str) -> dict[int, Match]:
    """{number: which file of that number is which prompt's}; only numbers under which there is one."""
    bare: dict[int, dict[str, str]] = {}
    for name in names:
        parts = _NUMBERED[mark].fullmatch(name)
        if parts:
            same = bare.setdefault(int(parts[2]), {}).setdefault(parts[1] + parts[3], name)
            if same != name and mark != OWN:
                raise UserError(f"{where}: two files of one number: {same} and {name}", "keep one of them")
    found = {}
    for number, full in sorted(bare.items()):
        try:
            part = match(where, ids, full)
        except UserError as error:
            raise UserError(f"{error.message}, both with {mark}{number} before the dot", error.hint) from None
        if part.files:
            files = {identifier: full[short] for identifier, short in part.files.items()}
            undecided = {identifier: [full[short] for short in close] for identifier, close in part.undecided.items()}
            found[number] = Match(files, part.nearly, undecided)
    return found


def _refuse_double(
    where: str, missing: set[Sound], known: set[str], files: Mapping[Sound, str], marks: Sequence[str]
) -> None:
    """Raises UserError where a file that is named by one id may be a sound of another that has none else."""
    for (identifier, _), name in files.items():
        for mark in marks:
            parts = _NUMBERED[mark].fullmatch(name)
            if parts and parts[1] in known and parts[1] != identifier and (parts[1], int(parts[2])) in missing:
                raise UserError(
                    f"{where}: {name} may be sound {parts[2]} of prompt {parts[1]!r}, or a sound of {identifier!r}",
                    f"name the sounds of a prompt NAME.wav, NAME{OWN}1.wav, NAME{OWN}2.wav",
                )
