"""Sound files into memory, whole or not at all.

WAV, AIFF, FLAC and Vorbis are read by libsndfile, whatever else there is by FFmpeg (`with_ffmpeg.py` has the
list); which one it was is noted with the clip. Files are known by their content, not by their names. Opus is
decoded at 48 kHz, its own rate, whatever rate its header remembers.

Files come from outside and may be anything. Whatever cannot be decoded to its promised end becomes one
`UnreadableAudio` with the verdict to record; sizes are capped before memory is taken; and only regular
files are opened, as a FIFO would wait for ever. Levels are as stored: no normalising, no clamping.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evalkit.audio import with_ffmpeg, with_libsndfile
from evalkit.audio.clip import Clip
from evalkit.audio.containers.survey import MOST_PARTS, Part, Survey, survey
from evalkit.audio.decoded import MOST_VALUES, Decoded, Undecodable
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.core.reading import read_regular

SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".mp3", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".aifc", ".w64", ".rf64"),
    *(".webm", ".mka", ".caf", ".au", ".wma", ".amr", ".wv"),
)
"""How the files in a folder are called that are taken for sounds."""

VERSION = 3
"""Part of the features' place in the cache: raise it where a file may decode to other samples than before."""

MOST_BYTES = 1 << 30
"""The largest file that is read: 1 GiB."""

HINT = "evalkit reads wav, flac, ogg, mp3, opus, m4a, aac, aiff, webm and what else FFmpeg takes for sound"


class UnreadableAudio(UserError):
    """A sound file that cannot be used; `verdict` ("unreadable" or "truncated") is what its row records."""

    def __init__(self, path: Path, reason: str, hint: str = "", verdict: str = "unreadable") -> None:
        super().__init__(f"{_shown(path)}: {reason}", hint)
        self.verdict = verdict


def decode(path: Path) -> Clip:
    """Read one sound file whole; of files that were joined, each part after the other.

    Returns float32 (channels, samples) at the file's own rate, with the sha256 of the file's bytes; a file
    that holds no sample gives (channels, 0). Raises UnreadableAudio for whatever is not a sound file, ends before
    its container says, or is absurdly large.
    """
    return decode_bytes(read(path), path)


def decode_bytes(data: bytes, path: Path) -> Clip:
    """As `decode` does, of the bytes of a sound file; `path` is what errors call it."""
    found = survey(data)
    try:
        if found.cut:
            raise Undecodable(f"cut short: {found.cut}", "truncated")
        parts = _all_parts(found)
    except Undecodable as error:
        hint = "write or copy the file again" if error.verdict == "truncated" else HINT
        raise UnreadableAudio(path, str(error), hint, error.verdict) from None
    first = parts[0]
    samples = first.samples if len(parts) == 1 else np.concatenate([part.samples for part in parts], axis=1)
    return Clip(samples, first.rate, digest_bytes(data), first.rails, _readers(parts), _notes(found))


def _all_parts(found: Survey) -> list[Decoded]:
    """Every part, of one rate and one number of channels."""
    if len(found.parts) > MOST_PARTS:
        raise Undecodable(f"joined of more than {MOST_PARTS} files")
    parts: list[Decoded] = []
    for part in found.parts:
        parts.append(_decoded(part))
        shapes = [(each.rate, each.samples.shape[0]) for each in (parts[0], parts[-1])]
        if shapes[0] != shapes[1]:
            raise Undecodable(
                "joined of parts with {} Hz in {} and {} Hz in {} channels".format(*shapes[0], *shapes[1])
            )
        if sum(each.samples.size for each in parts) > MOST_VALUES:
            raise Undecodable(f"more than {MOST_VALUES} samples")
    return parts


def _decoded(part: Part) -> Decoded:
    if part.plain:
        try:
            return with_libsndfile.read(part.data)
        except with_libsndfile.NotItsFormat:
            pass
    return with_ffmpeg.read(part.data)


def _readers(parts: list[Decoded]) -> str:
    """Which library read the file, and how many parts, where there was more than one."""
    names = " and ".join(dict.fromkeys(part.reader for part in parts))
    return names if len(parts) == 1 else f"{names}, {len(parts)} parts"


def _notes(found: Survey) -> tuple[str, ...]:
    return (*(("open_end",) if found.open_end else ()), *(("unread_rest",) if found.unread else ()))


def _shown(path: Path) -> str:
    """The path on one line, whatever characters it is made of."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def read(path: Path) -> bytes:
    """The bytes of a regular file; a FIFO is refused and not waited for."""
    try:
        data = read_regular(path, MOST_BYTES)
    except FileNotFoundError:
        raise UnreadableAudio(path, "no such file") from None
    except OSError as error:
        raise UnreadableAudio(path, f"cannot be read: {error.strerror}") from None
    if not data:
        raise UnreadableAudio(path, "the file is empty")
    return data
