"""Quantities that a clip shows without any network: silence, clipping, loudness, stereo, bandwidth.

Each takes (channels, samples) and gives a finite number for any finite clip with at least one sample; what a
definition leaves open (silence, mono, a clip too short) is settled here and said in each docstring. Nothing
is resampled, mixed or normalised before measuring: these are facts of the file.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalkit.audio.clip import FULL_SCALE, Samples
from evalkit.audio.level import loudness
from evalkit.audio.verdicts import clipped

SILENT_DBFS = -60.0
"""A frame is silent where no channel's RMS is above this (dB under a full-scale square wave)."""

SILENCE_FRAME_SECONDS = 0.02
LOUDNESS_FLOOR = -70.0
"""LUFS: the absolute gate of BS.1770, under which nothing counts as sound."""

LOUDNESS_BLOCK_SECONDS = 0.4
SIDE_MID_LIMIT_DB = 60.0
BANDWIDTH_SHARE_DB = -60.0
"""The bandwidth leaves this share of the energy above it."""

BANDWIDTH_FRAME_SECONDS = 0.046
_FRAMES_AT_ONCE = 256

Sound = NDArray[np.float64]


def silent_share(samples: Samples, rate: int) -> float:
    """The share of 20-ms frames in which no channel's RMS is above -60 dBFS, between 0 and 1.

    Each channel's mean over the whole clip is taken off first, so a constant offset is no sound. The last
    frame may be shorter and counts by its length.
    """
    sound = _moving(samples)
    size = max(1, round(SILENCE_FRAME_SECONDS * rate))
    starts = np.arange(0, sound.shape[1], size)
    lengths = np.minimum(size, sound.shape[1] - starts)
    power = np.add.reduceat(np.square(sound), starts, axis=1) / lengths
    silent = power.max(axis=0) <= 10 ** (SILENT_DBFS / 10)
    return float(lengths[silent].sum() / sound.shape[1])


def clipped_share(samples: Samples, rails: tuple[float, float] = (-FULL_SCALE, FULL_SCALE)) -> float:
    """The share of all samples of all channels at or beyond the ends of their encoding (`Clip.rails`); 0 to 1."""
    return float(clipped(samples, rails).mean())


def floored_loudness(samples: Samples, rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4), -70 where nothing passes its absolute gate.

    A clip shorter than one gating block (0.4 s) is measured as one block, with silence after it.
    """
    missing = int(np.ceil(LOUDNESS_BLOCK_SECONDS * rate)) - samples.shape[1]
    padded = np.pad(samples, ((0, 0), (0, missing))) if missing > 0 else samples
    found = loudness(padded, rate)
    return LOUDNESS_FLOOR if found is None else max(found, LOUDNESS_FLOOR)


def stereo_correlation(samples: Samples) -> float:
    """The correlation of the first two channels over the clip, their means taken off; -1 to 1.

    1 for one channel (which both ears hear alike) and for two that stand still; 0 where only one moves.
    """
    sound = _moving(samples[:2])
    energies = np.square(sound).sum(axis=1)
    if len(sound) < 2 or not energies.any():
        return 1.0
    if not energies.all():
        return 0.0
    return float(np.clip((sound[0] * sound[1]).sum() / np.sqrt(energies[0] * energies[1]), -1.0, 1.0))


def side_mid_ratio(samples: Samples) -> float:
    """Energy of the side (L - R) over that of the mid (L + R) in dB, means taken off, cut at -60 and 60 dB.

    -60 for one channel, for two that are equal, and for two that stand still.
    """
    sound = _moving(samples[:2])
    if len(sound) < 2:
        return -SIDE_MID_LIMIT_DB
    side, mid = (float(np.square(each).sum()) for each in (sound[0] - sound[1], sound[0] + sound[1]))
    if side == 0:
        return -SIDE_MID_LIMIT_DB
    if mid == 0:
        return SIDE_MID_LIMIT_DB
    return float(np.clip(10 * np.log10(side / mid), -SIDE_MID_LIMIT_DB, SIDE_MID_LIMIT_DB))


def bandwidth(samples: Samples, rate: int) -> float:
    """The frequency in Hz above which less than a millionth (-60 dB) of the clip's energy lies.

    Energy is summed over the channels and over Hann windows of about 46 ms, half overlapping, a shorter clip
    being filled up with silence; each channel's mean is taken off first. 0 for a clip that stands still.

    Of 40 recordings of ESC-10 (44.1 kHz) half lie above 16.1 kHz; resampled to 16 kHz and back, nine in ten lie
    between 7.2 and 7.8 kHz. A roll-off at 99 % would tell of the timbre instead.
    """
    power = _power(_moving(samples), 1 << max(4, round(np.log2(BANDWIDTH_FRAME_SECONDS * rate))))
    total = float(power.sum())
    if total <= 0:
        return 0.0
    above = total - np.cumsum(power)
    edge = int(np.argmax(above < 10 ** (BANDWIDTH_SHARE_DB / 10) * total))
    return float(edge * rate / (2 * (len(power) - 1)))


def _moving(samples: Samples) -> Sound:
    """Each channel without its mean, float64."""
    sound = np.asarray(samples, dtype=np.float64)
    moving = sound - sound.mean(axis=1, keepdims=True)
    # What is left of a constant is round-off, and a correlation of round-off means nothing.
    still = np.abs(moving).max(axis=1) <= 1e-9 * np.abs(sound).max(axis=1)
    moving[still] = 0.0
    return moving


def _power(sound: Sound, size: int) -> Sound:
    """(size / 2 + 1,) summed over channels and windows; some windows at a time, as clips may last minutes."""
    hop = size // 2
    missing = max(0, size - sound.shape[1])
    padded = np.pad(sound, ((0, 0), (0, missing)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, ::hop]
    window = np.hanning(size + 1)[:-1]
    power = np.zeros(size // 2 + 1)
    for first in range(0, frames.shape[1], _FRAMES_AT_ONCE):
        spectrum = np.fft.rfft(frames[:, first : first + _FRAMES_AT_ONCE] * window, axis=2)
        power += np.square(np.abs(spectrum)).sum(axis=(0, 1))
    return power
