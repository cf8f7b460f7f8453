"""Sample-rate conversion, by one stated algorithm for each purpose.

`resample` is soxr at quality HQ, the general converter. `resample_kaiser_best` is the converter inside
OpenL3 0.4.2: resampy 0.2.2 with its `kaiser_best` filter. resampy 0.3.0 replaced that filter, and with
the later one FD-OpenL3 on 16 real pairs moved by 1.7 %, so the old one is rebuilt here from its
parameters. `resample_as_librosa` is the first of them at librosa's lengths. All take and give float32
(channels, samples).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from evalkit.audio.clip import Samples

# resampy 0.2.2, data/kaiser_best.npz: a sinc of 64 zero crossings, tabulated 512 times per crossing,
# under a Kaiser window. These four numbers give that table back to the last bit or two.
ZERO_CROSSINGS = 64
TABLE_PER_CROSSING = 512
ROLLOFF = 0.9475937167399596
KAISER_BETA = 14.769656459379492

_LARGEST_BANK = 1 << 22
"""Entries of a filter bank (32 MiB of float64); pairs of rates that need more are filtered directly."""

_CHUNK = 1 << 14
"""Output samples worked on at a time in the direct route, so that a long clip needs no long memory."""


def resample(samples: Samples, rate_from: int, rate_to: int) -> Samples:
    """Convert (channels, samples) from `rate_from` to `rate_to` Hz with soxr HQ; the same rate is a copy."""
    if rate_from == rate_to or samples.shape[1] == 0:
        return np.array(samples, dtype=np.float32)
    frames = np.ascontiguousarray(samples.T, dtype=np.float32)
    return np.ascontiguousarray(soxr.resample(frames, rate_from, rate_to, quality="HQ").T)


def resample_as_librosa(samples: Samples, rate_from: int, rate_to: int) -> Samples:
    """:func:`resample`, at the length that `librosa.load(sr=rate_to)` gives: zeros or a cut at the end.

    librosa rounds samples * (rate_to / rate_from) up in floating point, so that whole seconds of 44.1 kHz often
    come out one sample too long at 48 kHz: 5 s are 240,001 samples. What counts samples afterwards (windows,
    CLAP's repeats) must see that sample.
    """
    found = resample(samples, rate_from, rate_to)
    if rate_from == rate_to:
        return found
    length = math.ceil(samples.shape[1] * (float(rate_to) / rate_from))
    return np.pad(found[:, :length], ((0, 0), (0, max(0, length - found.shape[1]))))


def resample_kaiser_best(samples: Samples, rate_from: int, rate_to: int) -> Samples:
    """Convert (channels, samples) as resampy 0.2.2's `resample(..., filter="kaiser_best")` does.

    The filter's weights depend only on where an output sample falls between two input samples, and for
    rates in the ratio up/down there are `up` such places: one matrix product of overlapping input blocks
    with the bank of all places replaces resampy's loop. The output has `int(samples * ratio)` samples.

    Going down, resampy's truncated step leaves a jump in the filter at whole input samples, and which side
    of it an output sample takes hangs on resampy's running float time; there its time is followed instead.
    """
    if rate_from == rate_to or samples.shape[1] == 0:
        return np.array(samples, dtype=np.float32)
    signal = np.asarray(samples, dtype=np.float64)
    length = int(signal.shape[1] * (float(rate_to) / rate_from))
    common = math.gcd(rate_from, rate_to)
    up, down = rate_to // common, rate_from // common
    taps = _taps(rate_from, rate_to)
    times = max(1, (2 * taps) // down)
    if rate_to > rate_from and (2 * taps + times * down) * times * up <= _LARGEST_BANK:
        return _by_bank(signal, _bank(rate_from, rate_to, times), length, times * down, taps)
    return _directly(signal, rate_from, rate_to, length, taps)


@lru_cache(maxsize=1)
def kaiser_best_table() -> NDArray[np.float64]:
    """The right half of the filter at steps of 1/512 zero crossing, (32769,), for an unchanged rate."""
    count = TABLE_PER_CROSSING * ZERO_CROSSINGS
    crossings = np.linspace(0, ZERO_CROSSINGS, num=count + 1)
    window = np.kaiser(2 * count + 1, KAISER_BETA)[count:]
    return np.asarray(window * ROLLOFF * np.sinc(ROLLOFF * crossings))


def _step(rate_from: int, rate_to: int) -> int:
    """Table entries between neighbouring input samples; truncated to a whole number, as resampy does."""
    return int(min(1.0, rate_to / rate_from) * TABLE_PER_CROSSING)


def _taps(rate_from: int, rate_to: int) -> int:
    """The most input samples that reach one output sample from one side."""
    return (TABLE_PER_CROSSING * ZERO_CROSSINGS + 1) // _step(rate_from, rate_to)


def _wing(distance: NDArray[np.float64], rate_from: int, rate_to: int) -> NDArray[np.float64]:
    """Weights (places, taps) of the input samples on one side, the nearest first.

    `distance` (places,) is the way to the nearest input sample of that side, in input samples. Between
    two table entries the weight is interpolated linearly; past the table's end it is 0.
    """
    ratio = rate_to / rate_from
    table = kaiser_best_table() * min(1.0, ratio)
    slope = np.append(np.diff(table), 0.0)
    position = min(1.0, ratio) * distance * TABLE_PER_CROSSING
    first = position.astype(np.int64)
    step = _step(rate_from, rate_to)
    index = first[:, None] + step * np.arange(_taps(rate_from, rate_to))
    # resampy sums (table - offset) // step terms, which leaves out a last entry closer than a step to the end.
    inside = index <= len(table) - step
    index = np.where(inside, index, 0)
    return np.where(inside, table[index] + (position - first)[:, None] * slope[index], 0.0)


@lru_cache(maxsize=8)
def _bank(rate_from: int, rate_to: int, times: int) -> NDArray[np.float64]:
    """Weights (2 * taps + times * down, times * up): column t makes the t-th output sample of a block."""
    common = math.gcd(rate_from, rate_to)
    up, down = rate_to // common, rate_from // common
    taps = _taps(rate_from, rate_to)
    whole, part = np.divmod(np.arange(times * up) * down, up)
    left = _wing(part / up, rate_from, rate_to)
    right = _wing(1.0 - part / up, rate_from, rate_to)
    bank = np.zeros((2 * taps + times * down, times * up))
    column = np.arange(times * up)[:, None]
    reach = np.arange(taps)
    bank[taps - 1 + whole[:, None] - reach, column] = left
    bank[taps + whole[:, None] + reach, column] = right
    return bank


def _by_bank(signal: NDArray[np.float64], bank: NDArray[np.float64], length: int, hop: int, taps: int) -> Samples:
    blocks = -(-length // bank.shape[1])
    missing = max(0, (blocks - 1) * hop + bank.shape[0] - (taps - 1) - signal.shape[1])
    padded = np.pad(signal, ((0, 0), (taps - 1, missing)))
    out = np.empty((signal.shape[0], blocks * bank.shape[1]), dtype=np.float32)
    for channel, row in enumerate(padded):
        windows = sliding_window_view(row, bank.shape[0])[::hop][:blocks]
        out[channel] = (windows @ bank).reshape(-1)
    return out[:, :length]


def _directly(signal: NDArray[np.float64], rate_from: int, rate_to: int, length: int, taps: int) -> Samples:
    step = 1.0 / (float(rate_to) / rate_from)
    time = np.cumsum(np.concatenate(([0.0], np.full(max(length - 1, 0), step))))[:length]
    padded = np.pad(signal, ((0, 0), (taps, 2 * taps)))
    out = np.empty((signal.shape[0], length), dtype=np.float32)
    reach = np.arange(taps)
    for start in range(0, length, _CHUNK):
        part, whole = np.modf(time[start : start + _CHUNK])
        nearest = whole.astype(np.int64)[:, None]
        left = padded[:, taps + nearest - reach] * _wing(part, rate_from, rate_to)
        right = padded[:, taps + 1 + nearest + reach] * _wing(1.0 - part, rate_from, rate_to)
        out[:, start : start + len(part)] = left.sum(axis=2) + right.sum(axis=2)
    return out
