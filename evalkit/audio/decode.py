"""Sound files into memory: WAV, FLAC, Ogg (Vorbis, Opus) and MP3, read by libsndfile.

Files come from outside and may be anything. Whatever cannot be decoded to its promised end becomes one
`UnreadableAudio` with the verdict to record; sizes are capped before memory is taken; and only regular
files are opened, as a FIFO would wait for ever. Levels are as stored: no normalising, no clamping.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import numpy as np
import soundfile

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.containers import cut_short
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.core.interrupts import held

FORMATS = frozenset({"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3"})
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")

MOST_BYTES = 1 << 30
"""The largest file that is read: 1 GiB."""

MOST_VALUES = 1 << 28
"""The most samples times channels: 1 GiB of float32, 50 minutes of stereo at 44.1 kHz."""

RATES = (1_000, 768_000)
"""Lowest and highest believable sample rate in Hz; a header that says 1 Hz would resample to gigabytes."""

_BLOCK = 1 << 20


class UnreadableAudio(UserError):
    """A sound file that cannot be used; `verdict` ("unreadable" or "truncated") is what its row records."""

    def __init__(self, path: Path, reason: str, hint: str = "", verdict: str = "unreadable") -> None:
        super().__init__(f"{_shown(path)}: {reason}", hint)
        self.verdict = verdict


def decode(path: Path) -> Clip:
    """Read one sound file whole.

    Returns float32 (channels, samples) at the file's own rate, with the sha256 of the file's bytes; a file
    that holds no sample gives (channels, 0). Raises UnreadableAudio for whatever is not a sound file of the
    formats above, ends before its header says, or is absurdly large.
    """
    data = _read(path)
    reason = cut_short(data)
    if reason:
        raise UnreadableAudio(path, f"cut short: {reason}", "write or copy the file again", "truncated")
    samples, rate = _decode_bytes(path, data)
    return Clip(samples, rate, digest_bytes(data))


def _shown(path: Path) -> str:
    """The path on one line, whatever characters it is made of."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def _read(path: Path) -> bytes:
    """The bytes of a regular file; opened without blocking, so that a FIFO is refused and not waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise UnreadableAudio(path, "no such file") from None
    except (OSError, ValueError) as error:
        raise UnreadableAudio(path, f"cannot be opened: {getattr(error, 'strerror', None) or error}") from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableAudio(path, "not a regular file")
        if status.st_size > MOST_BYTES:
            raise UnreadableAudio(path, f"{status.st_size} bytes are more than evalkit reads ({MOST_BYTES})")
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(MOST_BYTES)
    except OSError as error:
        raise UnreadableAudio(path, f"cannot be read: {error.strerror}") from None
    finally:
        os.close(handle)
    if not data:
        raise UnreadableAudio(path, "the file is empty")
    return data


def _decode_bytes(path: Path, data: bytes) -> tuple[Samples, int]:
    try:
        with held():
            opened = soundfile.SoundFile(io.BytesIO(data))
        with opened as sound:
            _check(path, sound)
            return _read_all(path, sound), int(sound.samplerate)
    except soundfile.LibsndfileError as error:
        hint = "evalkit reads wav, flac, ogg and mp3"
        raise UnreadableAudio(path, f"not readable as sound: {error.error_string}", hint) from None


def _check(path: Path, sound: soundfile.SoundFile) -> None:
    if sound.format not in FORMATS:
        raise UnreadableAudio(path, f"holds {sound.format}", "evalkit reads wav, flac, ogg and mp3")
    if not RATES[0] <= sound.samplerate <= RATES[1]:
        raise UnreadableAudio(path, f"its header says {sound.samplerate} Hz")
    # A stream of unknown length states the largest count there is: that is no promise, the read is capped.
    if MOST_VALUES < sound.frames * sound.channels < 1 << 60:
        raise UnreadableAudio(path, f"its header says {sound.frames} samples in {sound.channels} channels")


def _read_all(path: Path, sound: soundfile.SoundFile) -> Samples:
    """Every sample, in blocks; what stops decoding on the way to the promised count is a cut or damaged file."""
    blocks = [np.zeros((0, sound.channels), dtype=np.float32)]
    count = 0
    try:
        while (block := _next(sound)).shape[0]:
            blocks.append(block)
            count += block.shape[0]
            if count * sound.channels > MOST_VALUES:
                raise UnreadableAudio(path, f"more than {MOST_VALUES} samples")
    except soundfile.LibsndfileError as error:
        reason = f"stops decoding after {count} samples: {error.error_string}"
        raise UnreadableAudio(path, reason, "write or copy the file again", "truncated") from None
    if count < sound.frames < 1 << 60:
        reason = f"cut short or damaged: {count} of {sound.frames} samples can be decoded"
        raise UnreadableAudio(path, reason, "write or copy the file again", "truncated")
    return np.ascontiguousarray(np.concatenate(blocks).T)


def _next(sound: soundfile.SoundFile) -> Samples:
    """The next samples (at most _BLOCK, channels), none at the end. libsndfile reads the bytes by calling back."""
    with held():
        block: Samples = sound.read(_BLOCK, dtype="float32", always_2d=True)
    return block
