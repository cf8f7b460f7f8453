"""resampy's conversion of rates since its 0.3, without resampy: `resample` with the filter `kaiser_best` of 2022.

torchvggish, frechet-audio-distance and audioldm_eval's FAD until 2023 convert by whatever resampy is installed. Its
older filter, which OpenL3 was published with, is `evalkit.audio.resample.resample_kaiser_best`.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from evalkit.audio.clip import Samples

# resampy 0.4.3, data/kaiser_best.npz: these four numbers give its table back to 4e-16.
_CROSSINGS = 50
_PER_CROSSING = 1 << 13
_ROLLOFF = 0.9173473712608761
_BETA = 12.984585247040012

Doubles = NDArray[np.float64]


def resample_as_resampy(samples: Samples, rate_from: int, rate_to: int) -> Samples:
    """(channels, samples) at `rate_to` Hz, of int(samples * ratio) samples, which may be none; within 1e-7 of resampy
    0.4.3's. The same rate is a copy."""
    if rate_from == rate_to or samples.shape[1] == 0:
        return np.array(samples, dtype=np.float32)
    count = int(samples.shape[1] * float(rate_to) / float(rate_from))
    scale = min(1.0, float(rate_to) / rate_from)
    up, down = (rate // math.gcd(rate_from, rate_to) for rate in (rate_to, rate_from))
    taps = int(_CROSSINGS / scale) + 2
    padded = np.pad(samples.astype(np.float64), ((0, 0), (taps, taps + 1)))
    windows = sliding_window_view(padded, 2 * taps, axis=1)
    found = np.empty((samples.shape[0], count), dtype=np.float32)
    for place in range(min(up, count)):  # outputs that lie alike between two input samples
        nearest = np.arange(place, count, up) * down // up
        found[:, place::up] = windows[:, nearest + 1] @ _weights(place * down % up / up, scale, taps)
    return found


def _weights(past: float, scale: float, taps: int) -> Doubles:
    """(2 * taps,) of the input samples around an output that lies `past` the `taps`-th of them, in [0, 1)."""
    left, right = (_wing(distance, scale, taps) for distance in (scale * past, scale - scale * past))
    return np.concatenate((left[::-1], right))


def _wing(distance: float, scale: float, taps: int) -> Doubles:
    """The filter from `distance` on, in steps of one input sample, as resampy steps: truncated to whole entries."""
    table, step = _table(), int(scale * _PER_CROSSING)
    position = distance * _PER_CROSSING
    first = int(position)
    index = first + step * np.arange(min(taps, (len(table) - first) // step))
    slope = table[np.minimum(index + 1, len(table) - 1)] - table[index]
    return np.pad(scale * (table[index] + (position - first) * slope), (0, taps - len(index)))


@lru_cache(maxsize=1)
def _table() -> Doubles:
    """The right half of the filter, (409601,)."""
    count = _CROSSINGS * _PER_CROSSING
    window = np.kaiser(2 * count + 1, _BETA)[count:]
    return np.asarray(window * _ROLLOFF * np.sinc(_ROLLOFF * np.linspace(0, _CROSSINGS, count + 1)))
