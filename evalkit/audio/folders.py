"""Which files of a folder are sounds."""

from __future__ import annotations

from pathlib import Path

from evalkit.audio.decode import SUFFIXES
from evalkit.core.errors import UserError


def sound_files(folder: Path) -> list[Path]:
    """The sound files directly in a folder, by name; sub-folders are not searched.

    Raises UserError where it is no folder, cannot be read, or holds none.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder", "give the folder that holds the audio files")
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror}") from None
    if not paths:
        raise UserError(f"{folder}: holds no audio", f"it reads {', '.join(SUFFIXES)} files")
    return paths
