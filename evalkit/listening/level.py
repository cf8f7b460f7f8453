"""All sounds of a prompt alike in everything but what they sound like: rate, channels, length and loudness.

A mono sound among stereo ones, one that is always 0.24 s longer, or one that is 8 dB louder, would be known again from
prompt to prompt, or preferred for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.level import loudness
from evalkit.audio.resample import resample

RATE = 48_000
TARGET = -23.0
"""LUFS, as EBU R 128 has programmes."""

PEAK = 10 ** (-1 / 20)
"""The highest sample: one decibel under full scale."""

MOST_GAIN = 30.0
"""dB. What would have to be turned up further is nearly silent, and would be heard as its own noise."""

SAME_LENGTH = 0.5
"""Seconds by which the sounds of a prompt may differ and are still cut to the shortest."""

_FADE = 0.02


@dataclass(frozen=True)
class Levelled:
    """(2, samples) float32 at `RATE`, and by how many dB it was turned up; `matched` says whether it is as loud as its
    prompt's others were brought to."""

    samples: Samples
    gain_db: float
    matched: bool


def levelled(clips: Sequence[Clip], match: bool) -> list[Levelled]:
    """The sounds of one prompt as listeners get them. `match` brings all to -23 LUFS, or to as much as the peaks leave
    room for; without, one gain for all keeps the peaks under full scale."""
    sounds = _cut([_plain(clip) for clip in clips])
    if not match:
        gain = min(1.0, PEAK / max(max(float(np.abs(each).max()), 1e-9) for each in sounds))
        return [_turned(each, 20 * np.log10(gain), False) for each in sounds]
    levels = [loudness(each, RATE) for each in sounds]
    known = [(level, each) for level, each in zip(levels, sounds, strict=True) if level is not None]
    target = min([TARGET, *(level + _room(each) for level, each in known)])
    gains = [0.0 if level is None else min(target - level, MOST_GAIN) for level in levels]
    return [
        _turned(each, min(gain, _room(each)), level is not None and gain == target - level)
        for each, gain, level in zip(sounds, gains, levels, strict=True)
    ]


def _plain(clip: Clip) -> Samples:
    """Two channels at `RATE`: one channel on both sides, 5.1 folded down, other counts as their mean."""
    try:
        sound = clip.stereo()
    except ValueError:
        sound = clip.samples.mean(axis=0, keepdims=True, dtype=np.float32)
    sound = resample(np.asarray(sound, dtype=np.float32), clip.rate, RATE)
    return np.repeat(sound, 2, axis=0) if sound.shape[0] == 1 else sound


def _cut(sounds: Sequence[Samples]) -> list[Samples]:
    """Those that are hardly longer than the shortest are cut to it, with a short fade."""
    shortest = min(each.shape[1] for each in sounds)
    longest = shortest + int(SAME_LENGTH * RATE)
    return [_faded(each[:, :shortest]) if shortest < each.shape[1] <= longest else each for each in sounds]


def _faded(sound: Samples) -> Samples:
    count = min(int(_FADE * RATE), sound.shape[1])
    faded = np.array(sound)
    faded[:, sound.shape[1] - count :] *= np.linspace(1, 0, count, dtype=np.float32)
    return faded


def _room(sound: Samples) -> float:
    """By how many dB a sound can be turned up before its peak is at `PEAK`."""
    return float(20 * np.log10(PEAK / max(float(np.abs(sound).max()), 1e-9)))


def _turned(sound: Samples, gain_db: float, matched: bool) -> Levelled:
    return Levelled(sound * np.float32(10 ** (gain_db / 20)), round(float(gain_db), 2), matched)
