"""The sounds of the checks: tones that only headphones tell apart, and beeps to count.

The headphone check is that of Woods et al. 2017 (Attention, Perception & Psychophysics 79, 2064-2072): of three tones
of 200 Hz one is 6 dB quieter and one has its channels in antiphase. Over loudspeakers the antiphase cancels in the air
and that tone seems the quietest; over headphones nobody takes it for that. Six turns, five of which must be right.
"""

from __future__ import annotations

import random

import numpy as np

from evalkit.audio.clip import Samples

RATE = 48_000
TURNS = 6
FEWEST_BEEPS, MOST_BEEPS = 2, 6

_LEVEL = 0.1
"""The amplitude of tones and beeps, -20 dBFS: about as loud as the sounds of a study at -23 LUFS."""

_TONE, _RAMP, _GAP = 1.0, 0.1, 0.5


def three_tones(quiet: int, antiphase: int) -> Samples:
    """(2, samples) at `RATE`: three tones of a second, half a second apart; the one at place `quiet` (0 to 2) is 6 dB
    quieter, the one at `antiphase` has its right channel turned round."""
    time = np.arange(int(_TONE * RATE)) / RATE
    tone = _LEVEL * np.sin(2 * np.pi * 200 * time) * _faded(time, _TONE, _RAMP)
    gap = np.zeros((2, int(_GAP * RATE)))
    parts = []
    for place in range(3):
        level = 10 ** (-6 / 20) if place == quiet else 1.0
        parts += [gap, level * np.stack([tone, -tone if place == antiphase else tone])]
    return np.concatenate(parts[1:], axis=1).astype(np.float32)


def beeps(count: int, chance: random.Random) -> Samples:
    """(2, samples) at `RATE`: `count` beeps of 1 kHz, a third to two thirds of a second apart."""
    time = np.arange(int(0.12 * RATE)) / RATE
    beep = _LEVEL * np.sin(2 * np.pi * 1000 * time) * _faded(time, 0.12, 0.01)
    parts = [np.zeros(int(0.4 * RATE))]
    for _ in range(count):
        parts += [beep, np.zeros(int(chance.uniform(0.33, 0.67) * RATE))]
    return np.tile(np.concatenate(parts), (2, 1)).astype(np.float32)


def _faded(time: np.ndarray, length: float, ramp: float) -> np.ndarray:
    """A window that rises and falls over `ramp` seconds as a cosine."""
    inside = np.clip(np.minimum(time, length - time) / ramp, 0, 1)
    return 0.5 - 0.5 * np.cos(np.pi * inside)
