"""Sound in memory into bytes: WAV for the record, a small MP3 to listen to in a report.

The WAV is written here and not by libsndfile because a run folder must be the same bytes for the same
sound, and libsndfile stamps the time of writing into every float WAV (its PEAK chunk).
"""

from __future__ import annotations

import io
import struct

import numpy as np
import soundfile

from evalkit.audio.clip import Samples
from evalkit.audio.resample import resample
from evalkit.core.interrupts import held

MP3_RATES = (32_000, 44_100, 48_000)
"""Those of MP3 in which a place is found: after a jump a browser is late by the encoder's 1105 samples, 69 ms at 16 kHz
and at most 35 here (measured in Chromium), and two sounds are to be compared at one place."""

_PCM, _FLOAT = 1, 3


def wav_bytes(samples: Samples, rate: int) -> bytes:
    """A WAV file of (channels, samples): 24-bit PCM where every |x| < 1, float32 otherwise; level untouched.

    24-bit values are x * 2**23 rounded to the nearest, so decoding and encoding again gives the same bytes.
    Raises ValueError on NaN or infinity, as an integer file would hide them, and on no channel.
    """
    sound = checked(samples)
    channels = sound.shape[0]
    if not sound.size or float(np.abs(sound).max()) < 1.0:
        scaled = np.clip(np.rint(sound.T.astype(np.float64) * 2**23), -(2**23), 2**23 - 1).astype("<i4")
        body = np.ascontiguousarray(scaled).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        return _wave(body, _PCM, 24, channels, rate)
    return float_wav_bytes(sound, rate)


def float_wav_bytes(samples: Samples, rate: int) -> bytes:
    """A float32 WAV file of (channels, samples), to the bit, whatever the samples are: NaN and infinity too."""
    return _wave(np.ascontiguousarray(samples.T, dtype="<f4").tobytes(), _FLOAT, 32, samples.shape[0], rate)


def flac_bytes(samples: Samples, rate: int) -> bytes:
    """A 16-bit FLAC of (channels, samples), to listen to: what lies beyond full scale is cut.

    Raises ValueError as `wav_bytes` does, and on no sample.
    """
    sound = checked(samples)
    if not sound.shape[1]:
        raise ValueError("no samples to encode")
    scaled = np.clip(np.rint(sound.T.astype(np.float64) * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
    with io.BytesIO() as file, held():
        soundfile.write(file, scaled, rate, format="FLAC", subtype="PCM_16")
        return file.getvalue()


def mp3_bytes(samples: Samples, rate: int, compression: float = 0.8) -> bytes:
    """An MP3 of (channels, samples) to listen to, small at libsndfile's `compression` 0.8. Lossy: never scored.

    Other rates go to the next of `MP3_RATES` up, at most 48 kHz; more than two channels
    become their mean; a peak over 0.98 is brought down to it, as lossy coding overshoots and would clip.
    Raises ValueError as `wav_bytes` does, and on no sample.
    """
    sound = checked(samples)
    if not sound.shape[1]:
        raise ValueError("no samples to encode")
    if sound.shape[0] > 2:
        sound = sound.mean(axis=0, keepdims=True)
    legal = next((known for known in MP3_RATES if known >= rate), MP3_RATES[-1])
    sound = resample(sound, rate, legal)
    sound = sound * np.float32(preview_gain(sound))
    with io.BytesIO() as file, held():
        soundfile.write(file, sound.T, legal, format="MP3", subtype="MPEG_LAYER_III", compression_level=compression)
        return file.getvalue()


def preview_gain(sound: Samples) -> float:
    """The factor, 1 or less, by which `mp3_bytes` and `preview_bytes` bring a peak down to 0.98 of full scale."""
    return min(1.0, 0.98 / max(float(np.abs(sound).max()), 1e-9))


def checked(samples: Samples) -> Samples:
    """The samples as float32 (channels, samples). Raises ValueError on another shape, no channel, NaN or infinity."""
    sound = np.asarray(samples, dtype=np.float32)
    if sound.ndim != 2 or not sound.shape[0]:
        raise ValueError(f"expected (channels, samples), got shape {sound.shape}")
    if not np.isfinite(sound).all():
        raise ValueError("NaN or infinity among the samples")
    return sound


def _wave(body: bytes, kind: int, bits: int, channels: int, rate: int) -> bytes:
    """RIFF header and data; a float file also carries the `fact` chunk that its format asks for."""
    block = channels * bits // 8
    layout = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)
    fact = b"fact" + struct.pack("<II", 4, len(body) // block) if kind == _FLOAT else b""
    if kind == _FLOAT:
        layout += b"\0\0"
    chunks = b"fmt " + struct.pack("<I", len(layout)) + layout + fact
    chunks += b"data" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
