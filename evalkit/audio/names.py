"""Which sound file belongs to which prompt id, also where the two nearly fit.

A file belongs to a prompt when its name without suffix is the id, or the id's file-safe form (`core.ids.safe_name`).
People's lists differ from their files in ways that mean nothing: Clotho's ids end in `.wav`, macOS writes names in
NFD, a spreadsheet leaves a space or changes the case, a converter leaves `rain.wav.mp3`, a loop writes `007.wav`. Such
a name is taken too, the likeliest form first, but only where one id and one file have that form in common and nobody
else has: a guess between two is none. Whoever calls this tells what was taken so (:func:`told`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote

from evalkit.audio.decode import SUFFIXES
from evalkit.core.errors import UserError
from evalkit.core.ids import safe_name

_SOUNDS = frozenset((*SUFFIXES, ".mp4"))
_UNICODE = "Unicode form"
_YOUTUBE = 11
_PERCENT = re.compile("%[0-9A-Fa-f]{2}")
_POINT = re.compile("([0-9]+)[.]0+")
_NAMED = 3
"""Names that a sentence gives before it only counts the rest."""


@dataclass(frozen=True)
class Match:
    """`files` {id: name of its file}, no name twice; `nearly` {id: what the two differ in} for those of them that
    were not named to the letter; `undecided` {id: names} where several ids or files came close to one another."""

    files: Mapping[str, str]
    nearly: Mapping[str, str]
    undecided: Mapping[str, Sequence[str]]

    def only(self, ids: Container[str]) -> Match:
        """What concerns these ids."""
        return Match(_of(self.files, ids), _of(self.nearly, ids), _of(self.undecided, ids))


_Value = TypeVar("_Value")


def _of(table: Mapping[str, _Value], ids: Container[str]) -> dict[str, _Value]:
    return {key: value for key, value in table.items() if key in ids}


def match(where: str, ids: Iterable[str], names: Iterable[str]) -> Match:
    """Which of `names` (of files, with or without a sound's suffix) belongs to which id; both are taken as sets.

    Exact names come first, so a near one never takes a file from the id that it is named by. Raises UserError, naming
    `where`, for two files that are named by one id.
    """
    wanted, there = list(dict.fromkeys(ids)), list(dict.fromkeys(names))
    files = _exact(where, wanted, there)
    taken, nearly = set(files.values()), dict[str, str]()
    for words, form in _FORMS:
        for identifier, name in _alone(wanted, there, form):
            if identifier not in files and name not in taken:
                files[identifier], nearly[identifier] = name, words
                taken.add(name)
    return Match(files, nearly, _undecided(wanted, there, files))


def told(found: Match) -> list[str]:
    """A sentence on the names that nearly fit and were taken, and one on those that were not, where there are any."""
    sentences = []
    if found.nearly:
        taken = [_pair(key, found.files[key], why) for key, why in found.nearly.items()]
        sentences.append(f"{_nearly_fit(taken)}; taken: {_some(taken)}")
    if found.undecided:
        open_ = [f"{key!r} may be {' or '.join(map(repr, names))}" for key, names in found.undecided.items()]
        sentences.append(f"{_nearly_fit(open_)} more than one; not taken: {_some(open_)}")
    return sentences


def _nearly_fit(names: Sequence[str]) -> str:
    return "1 name nearly fits" if len(names) == 1 else f"{len(names)} names nearly fit"


def _pair(identifier: str, name: str, why: str) -> str:
    """Spelled out where the two would look alike."""
    show = ascii if why == _UNICODE else repr
    return f"{show(identifier)} is {show(name)} ({why})"


def nothing_fits(where: str, ids: Sequence[str], names: Sequence[str]) -> UserError:
    """The error for names of which none belongs to any id, with some of each and what may be behind it."""
    shown = f"ids {_some(list(map(repr, ids)))}; files {_some(list(map(repr, names)))}"
    found = match(where, ids, names)
    if found.undecided:
        key, close = next(iter(found.undecided.items()))
        hint = f"{key!r} could be {' or '.join(map(repr, close[:_NAMED]))}: name each file by its id"
    else:
        hint = "name each file by its prompt's id, or say whose prompts they are: --suite, or --prompts and --columns"
    return UserError(f"{where}: no file is named by a prompt that is asked for: {shown}", hint)


def _exact(where: str, ids: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    by_stem: dict[str, list[str]] = {}
    for name in names:
        by_stem.setdefault(_stem(name), []).append(name)
    files: dict[str, str] = {}
    for identifier in ids:
        stems = dict.fromkeys((identifier, safe_name(identifier)))
        found = [name for stem in stems for name in by_stem.pop(stem, [])]
        if len(found) > 1:
            raise UserError(f"{where}: two files for prompt {identifier!r}: {' and '.join(found)}", "keep one of them")
        if found:
            files[identifier] = found[0]
    return files


def _alone(ids: Sequence[str], names: Sequence[str], form: Callable[[str], str]) -> Iterable[tuple[str, str]]:
    """The pairs of an id and a name that have a form in common which no other id and no other name has."""
    forms = {identifier: form(identifier) for identifier in ids}
    owners: dict[str, list[str]] = {}
    for name in names:
        owners.setdefault(form(name), []).append(name)
    count = Counter(forms.values())
    for identifier, key in forms.items():
        if count[key] == 1 and len(owners.get(key, ())) == 1:
            yield identifier, owners[key][0]


def _undecided(ids: Sequence[str], names: Sequence[str], files: Mapping[str, str]) -> dict[str, list[str]]:
    form = _FORMS[-1][1]
    taken = set(files.values())
    free: dict[str, list[str]] = {}
    for name in names:
        if name not in taken:
            free.setdefault(form(name), []).append(name)
    return {key: free[form(key)] for key in ids if key not in files and form(key) in free}


def _stem(name: str) -> str:
    """A name without its last suffix, where that is a sound's."""
    start, dot, end = name.rpartition(".")
    return start if dot and start and f".{end.lower()}" in _SOUNDS else name


def _bare(name: str) -> str:
    """A name without any sound's suffix at its end, and without the spaces around them."""
    while (shorter := _stem(name.strip())) != name:
        name = shorter
    return name


def _suffixes(name: str) -> str:
    while (shorter := _stem(name)) != name:
        name = shorter
    return name


def _composed(name: str) -> str:
    return _suffixes(unicodedata.normalize("NFC", name))


def _spaced(name: str) -> str:
    """Without spaces at its ends or twice in a row, nor letters of no width, which editors leave behind."""
    seen = "".join(letter for letter in unicodedata.normalize("NFC", name) if unicodedata.category(letter) != "Cf")
    return " ".join(_bare(seen).split())


def _decoded(name: str) -> str:
    """As an address writes it, `a%20dog` for `a dog`."""
    return _spaced(unpercented(_bare(name)))


def unpercented(text: str) -> str:
    """The text that is written with %20 and the like, as in an address; any other as it is."""
    if not _PERCENT.search(text):
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _folded(name: str) -> str:
    """Without case, and without what only looks different (full-width letters, joined ones)."""
    return _decoded(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()))


def _numbered(name: str) -> str:
    """A number without the zeros before it."""
    bare = _folded(name)
    return bare.lstrip("0") or "0" if bare.isdecimal() and bare.isascii() else bare


def _counted(name: str) -> str:
    """A whole number without the point that a spreadsheet puts behind it."""
    found = _POINT.fullmatch(_numbered(name))
    return _numbered(found[1]) if found else _numbered(name)


def _last(name: str) -> str:
    return _counted(name.replace("\\", "/").rstrip("/").rpartition("/")[2])


def _youtube(name: str) -> str:
    """Without the Y that AudioCaps' tools put before the eleven letters of a YouTube id, so that none begins with -."""
    last = _last(name)
    return last[1:] if len(last) == _YOUTUBE + 1 and last[0] == "y" else last


_FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("the suffix", str),
    ("the suffix", _suffixes),
    (_UNICODE, _composed),
    ("white space", _spaced),
    ("signs written as %20", _decoded),
    ("upper and lower case", _folded),
    ("zeros before the number", _numbered),
    ("a decimal point behind the number", _counted),
    ("a folder before the name", _last),
    ("a Y before a YouTube id", _youtube),
)
"""What a form leaves out beside what those before it do, and the form of a name: the likeliest first."""


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more
