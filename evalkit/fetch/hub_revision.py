"""Which commit of its hub repository a folder of weights is of, where the folder itself tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.paths import files_under
from evalkit.core.reading import open_regular

_COMMIT = re.compile(r"[0-9a-f]{40}")
_LINKS = 40
_NOTES = Path(".cache") / "huggingface" / "download"


def hub_revision(place: Path) -> str:
    """The commit that the files of a folder (or a file) were fetched at, "" where nothing tells or files disagree.

    huggingface_hub keeps a repository as `models--<owner>--<name>/snapshots/<commit>`, and beside what it puts into a
    folder of one's own it notes the commit in `.cache/huggingface/download/<file>.metadata`. A link is followed.
    """
    for step in _way(place):
        for parent in (step, *step.parents):
            if _is_snapshot(parent):
                return parent.name
    root = place if place.is_dir() else place.parent
    told: set[str] = set()
    with suppress(UserError):  # no such folder, mostly
        told = {_first_line(note) for note in files_under(root / _NOTES) if note.suffix == ".metadata"}
    commit = told.pop() if len(told) == 1 else ""
    return commit if _COMMIT.fullmatch(commit) else ""


def called(place: Path) -> str:
    """What a file or folder of weights is called: a file by its name less the suffix, a folder of the hub's cache by
    its repository (its own name is the commit), any other folder by its name."""
    if not place.is_dir():
        return place.stem
    folder = place.resolve()
    return folder.parent.parent.name.rpartition("--")[2] if _is_snapshot(folder) else folder.name


def _is_snapshot(folder: Path) -> bool:
    return folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name) is not None


def _way(place: Path) -> Iterator[Path]:
    """The path with its folders resolved, then wherever its links lead, one by one: a file of the hub's cache is a
    link that leads out of its snapshot."""
    step = place.absolute()
    for _ in range(_LINKS):
        step = step.parent.resolve() / step.name
        yield step
        if not step.is_symlink():
            return
        step = step.parent / step.readlink()


def _first_line(note: Path) -> str:
    try:
        with open_regular(note) as file:
            return file.readline(100).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
