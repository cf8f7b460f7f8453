"""Paths as people type them: `~` is their home, and a link goes by its own name.

A model hub's cache keeps a file as `snapshots/<commit>/model.safetensors`, a link to `blobs/<sha256>`. What the link
is called says what it holds and what lies beside it; where it leads says neither. So a path is made absolute and
never resolved before its name was read.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection
from itertools import islice
from pathlib import Path

from evalkit.core.errors import UserError

MOST_ENTRIES = 20_000
"""Files and folders of one model's folder; a repository of the hub has some hundreds."""


_NO_NAME = (errno.ENAMETOOLONG, errno.EILSEQ)


def is_file(path: Path) -> bool:
    """As `Path.is_file`, for a name from outside: one that no disk can have (too long, say) is no file, and no error
    that names neither the file it stood in nor what else is wrong there."""
    return _looked(path.is_file)


def is_folder(path: Path) -> bool:
    """As :func:`is_file`, for folders."""
    return _looked(path.is_dir)


def is_there(path: Path) -> bool:
    """As :func:`is_file`, for whatever it is."""
    return _looked(path.exists)


def _looked(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except OSError as error:
        if error.errno in _NO_NAME:
            return False
        raise


def typed(path: str | Path) -> Path:
    """The path with `~` and `~name` as the homes that they stand for. Raises UserError where there is none, or where
    nothing was typed (a variable that is not set)."""
    if not str(path):
        raise UserError("an empty path", "is a variable not set?")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path}: no such home folder", "write the path out") from None


def existing(path: str | Path, told: str) -> Path:
    """The path, absolute. Raises UserError, which begins with `told`, where nothing is there, or a link leads
    nowhere."""
    found = typed(path).absolute()
    if not is_there(found):
        raise UserError(f"{told}: {absent(found)}")
    return found


def absent(path: Path) -> str:
    """What to say of a path that does not exist: "no such file or folder", or where its link leads in vain."""
    for link in (path, *path.parents):
        if _looked(link.is_symlink) and not link.exists():
            return f"the link {link} leads to {link.readlink()}, which is not there"
    return "no such file or folder"


def inside(folder: Path, written: str) -> bool:
    """Whether a relative path that a file of the folder names stays in it, whatever links it goes by."""
    if "\0" in written:
        return False
    return Path(os.path.realpath(folder / written)).is_relative_to(os.path.realpath(folder))


def name_of(path: Path) -> str:
    """A file's name as UTF-8, in which names are written: the same in every locale, so that a file finds its prompt
    where Python reads names otherwise. What is no UTF-8 keeps surrogates."""
    return os.fsencode(path.name).decode("utf-8", "surrogateescape")


def files_under(root: Path) -> list[Path]:
    """Every file in a folder and below it, in order of path; linked folders are entered, once on each way down.
    A link that leads nowhere is a file that is not there."""
    return [path for path in entries_under(root) if path.is_file()]


def entries_under(root: Path) -> list[Path]:
    """`files_under`, and with them links that lead nowhere, sockets and the like.

    Raises UserError where there are more than `MOST_ENTRIES`: then it is another folder than was meant, such as `/`.
    """
    found: list[Path] = []
    seen = 0
    waiting: list[tuple[Path, Collection[Path]]] = [(root, ())]
    while waiting:
        folder, above = waiting.pop()
        real = folder.resolve()
        if real in above:
            continue
        for entry in _listed(folder):
            seen += 1
            if seen > MOST_ENTRIES:
                raise UserError(f"{root}: holds more than {MOST_ENTRIES:,} files", "name a folder of its own")
            if entry.is_dir():
                waiting.append((entry, (*above, real)))
            else:
                found.append(entry)
    return sorted(found)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(islice(folder.iterdir(), MOST_ENTRIES + 1))
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror}") from None
