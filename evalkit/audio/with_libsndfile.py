"""WAV, AIFF, FLAC and Vorbis by libsndfile, whose samples the parity of the metrics was measured with."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from evalkit.audio.clip import Samples
from evalkit.audio.decoded import RAILS, WIDE, Decoded, Undecodable, check_rate, most_values
from evalkit.core.interrupts import held

READER = f"libsndfile {soundfile.__libsndfile_version__}"

_KINDS = {"PCM_U8": "8-bit", "PCM_S8": "8-bit", "ULAW": "mu-law", "ALAW": "A-law"}
_FORMATS = frozenset({"WAV", "WAVEX", "RF64", "AIFF", "FLAC", "OGG"})
_BLOCK = 1 << 20
_ENDLESS = 1 << 60


class _Bytes(io.BytesIO):
    """Where libsndfile asks for a place before the start, the place stays: an exception would be printed by C."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


class NotItsFormat(Undecodable):
    """libsndfile does not know it; another reader may."""


def read(data: bytes) -> Decoded:
    """Decode one part to the count that its header promises. Raises Undecodable; NotItsFormat before any sample."""
    try:
        with held():
            opened = soundfile.SoundFile(_Bytes(data))
        with opened as sound:
            if sound.format not in _FORMATS or sound.frames >= _ENDLESS:
                raise NotItsFormat(f"holds {sound.format}")
            check_rate(sound.samplerate)
            if sound.frames * sound.channels > most_values(len(data)):
                raise Undecodable(f"its header says {sound.frames} samples in {sound.channels} channels")
            rails = RAILS.get(_KINDS.get(sound.subtype, ""), WIDE)
            return Decoded(_read_all(sound), int(sound.samplerate), rails, READER)
    except soundfile.LibsndfileError as error:
        raise NotItsFormat(f"not readable as sound: {error.error_string}") from None


def _read_all(sound: soundfile.SoundFile) -> Samples:
    """Every sample, in blocks; what stops decoding on the way to the promised count is a cut or damaged file."""
    samples = np.empty((sound.channels, sound.frames), dtype=np.float32)
    count = 0
    try:
        while count < sound.frames and (block := _next(sound)).shape[0]:
            samples[:, count : count + block.shape[0]] = block.T
            count += block.shape[0]
    except soundfile.LibsndfileError as error:
        raise Undecodable(f"stops decoding after {count} samples: {error.error_string}", "truncated") from None
    if count < sound.frames:
        raise Undecodable(f"cut short or damaged: {count} of {sound.frames} samples can be decoded", "truncated")
    return samples


def _next(sound: soundfile.SoundFile) -> Samples:
    """The next samples (at most _BLOCK, channels), none at the end. libsndfile reads the bytes by calling back."""
    with held():
        block: Samples = sound.read(_BLOCK, dtype="float32", always_2d=True)
    return block
