"""Which files of a folder are sounds."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from evalkit.audio.decode import MOST_BYTES, SUFFIXES
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_file
from evalkit.core.paths import is_file, is_folder

MOST_ENTRIES = 500_000

_LOOKED_AT = 100
"""Entries of a sub-folder that are looked at for a hint."""


def sound_files(folder: Path) -> list[Path]:
    """The sound files directly in a folder, by name; sub-folders are not searched.

    Raises UserError where it is no folder, cannot be read, or holds none.
    """
    if is_file(folder):
        raise UserError(f"{folder}: is a file, and no folder", "give the folder that holds the audio files")
    if not is_folder(folder):
        raise UserError(f"{folder}: no such folder", "give the folder that holds the audio files")
    try:
        names = list(islice(folder.iterdir(), MOST_ENTRIES + 1))
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror}") from None
    if len(names) > MOST_ENTRIES:
        raise UserError(f"{folder}: holds more than {MOST_ENTRIES:,} files", "name a folder of its own")
    paths = sorted(path for path in names if path.suffix.lower() in SUFFIXES)
    if not paths:
        inside = inner_sounds(folder)
        told = f"; {inside}" if inside else ""
        raise UserError(f"{folder}: holds no audio", f"it reads {', '.join(SUFFIXES)} files{told}")
    return paths


def inner_sounds(folder: Path) -> str:
    """A sentence on the first sub-folder that holds sounds, which nobody reads; "" where none does."""
    inside = (
        path.name for path in sorted(islice(folder.iterdir(), MOST_ENTRIES)) if path.is_dir() and _any_sound(path)
    )
    first = next(inside, "")
    return f"sub-folders are not searched, and {first!r} holds some" if first else ""


def _any_sound(folder: Path) -> bool:
    try:
        return any(path.suffix.lower() in SUFFIXES for path in islice(folder.iterdir(), _LOOKED_AT))
    except OSError:
        return False


def sound_digest(path: Path) -> str:
    """sha256 of a file that may be read as a sound, "" for any other: no regular file, or too large a one. Decoding it
    will say why."""
    try:
        return digest_file(path) if path.is_file() and path.stat().st_size <= MOST_BYTES else ""
    except OSError:
        return ""
