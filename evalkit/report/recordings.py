"""The reference recording of a prompt, where the suite has one on this machine and a run says which.

`recordings` in run.json names a folder and, by prompt id, a file in it with its digest. A run folder may come from
anywhere, so a name is that of a regular file inside of that folder, and what is played has the recorded digest: nobody
learns of a sound from a page that he did not have before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.audio.clip import Clip
from evalkit.core.text import part_of
from evalkit.report.media import Media, media, sound
from evalkit.report.records import Item, RunRecord, mapping
from evalkit.report.shelf import WITHIN, Shelf


@dataclass(frozen=True)
class Recorded:
    """A file that a run calls the reference of a prompt: where it was, and its sha256."""

    path: Path
    sha256: str


def recorded(runs: Sequence[RunRecord]) -> dict[str, Recorded]:
    """{prompt id: its recording} by what the runs say, the first of them where several do."""
    found: dict[str, Recorded] = {}
    for run in runs:
        said = mapping(run.facts.get("recordings"))
        folder = said.get("folder")
        if not isinstance(folder, str) or not Path(folder).is_absolute():
            continue
        for key, entry in mapping(said.get("files")).items():
            one = _recorded(Path(folder), entry)
            if one is not None:
                found.setdefault(key, one)
    return found


def _recorded(folder: Path, entry: object) -> Recorded | None:
    match entry:
        case [str(name), str(digest)] if len(digest) == 64 and name not in ("", ".", "..") and Path(name).name == name:
            return Recorded(folder / name, digest)
    return None


def played(one: Recorded, item: Item, shelf: Shelf = WITHIN) -> Media:
    """Preview and picture of a recording on `shelf`, or why there is none; `item` is any sound of its prompt."""
    return Media("", "", _OUTSIDE) if _outside(one) else media(one.path.parent, _as_item(one, item), shelf)


def heard(one: Recorded, item: Item) -> Clip | str:
    """A recording itself, or why there is none; `item` is any sound of its prompt."""
    return _OUTSIDE if _outside(one) else sound(one.path.parent, _as_item(one, item))


_OUTSIDE = "not shown: the recording is not a file of the reference folder"


def _outside(one: Recorded) -> bool:
    try:
        return one.path.resolve().parent != one.path.parent.resolve()
    except (OSError, ValueError, RuntimeError):
        return True


def _as_item(one: Recorded, item: Item) -> Item:
    return replace(item, audio=str(one.path), sha256=one.sha256, loudness=None, reader="")


def told(found: Mapping[str, Recorded], prompts: int, asked: bool) -> str:
    """A sentence on the recordings of a section, or on why it has none."""
    if not asked:
        return "Reference recordings were left out (--no-reference)."
    if not found:
        return "No reference recordings: no run here names any (references of statistics alone, or an older run)."
    some = "" if len(found) >= prompts else f" ({part_of(len(found), prompts, 'prompt')})"
    return f"R is the reference recording{some}."
