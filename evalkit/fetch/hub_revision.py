"""Which commit of its hub repository a folder of weights is of, where the folder itself tells."""

from __future__ import annotations

import re
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}")
_NOTES = Path(".cache") / "huggingface" / "download"


def hub_revision(place: Path) -> str:
    """The commit that the files of a folder (or a file) were fetched at, "" where nothing tells or files disagree.

    huggingface_hub keeps a repository as `models--<owner>--<name>/snapshots/<commit>`, and beside what it puts into a
    folder of one's own it notes the commit in `.cache/huggingface/download/<file>.metadata`. A link is followed.
    """
    folder = place.resolve()
    for parent in (folder, *folder.parents):
        if parent.parent.name == "snapshots" and _COMMIT.fullmatch(parent.name):
            return parent.name
    root = folder if folder.is_dir() else folder.parent
    told = {_first_line(note) for note in (root / _NOTES).rglob("*.metadata")}
    commit = told.pop() if len(told) == 1 else ""
    return commit if _COMMIT.fullmatch(commit) else ""


def _first_line(note: Path) -> str:
    try:
        with note.open(encoding="utf-8") as file:
            return file.readline(100).strip()
    except (OSError, UnicodeDecodeError):
        return ""
