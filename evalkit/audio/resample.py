"""Sample-rate conversion, by one stated algorithm for each purpose.

`resample` is soxr at quality HQ, the general converter. `resample_kaiser_best` is the converter inside
OpenL3 0.4.2: resampy 0.2.2 with its `kaiser_best` filter. resampy 0.3.0 replaced that filter, and with
the later one FD-OpenL3 on 16 real pairs moved by 1.7 %, so the old one is rebuilt here from its
parameters, to the bit. `resample_as_librosa` is the first of them at librosa's lengths. All take and give
float32 (channels, samples).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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

_MOST_PLACES = 1 << 10
"""Places of an output sample between two input samples that are worked through one by one."""

_CHUNK = 1 << 11
"""Output samples of one place worked on at a time: 64 times as many numbers stay in a processor's cache."""

Doubles = NDArray[np.float64]
Whole = NDArray[np.int64]


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
    """Convert (channels, samples) as resampy 0.2.2's `resample(..., filter="kaiser_best")` does, to the bit.

    The output has `int(samples * ratio)` samples. resampy adds up the filter's 127 terms in float32, and the
    rounding of these sums is all that there is above half the lower rate. OpenL3's decibels reach down to it:
    with sums in float64 FD-OpenL3 moved by 1.4e-3 of itself. So the terms are added here in resampy's order,
    each sum rounded, at the times that resampy's running sum in float64 gives.
    """
    if rate_from == rate_to or samples.shape[1] == 0:
        return np.array(samples, dtype=np.float32)
    ratio = float(rate_to) / rate_from
    length = int(samples.shape[1] * ratio)
    kernel = _kernel(rate_from, rate_to)
    time = np.cumsum(np.concatenate(([0.0], np.full(max(length - 1, 0), 1.0 / ratio))))[:length]
    up, down = (rate // math.gcd(rate_from, rate_to) for rate in (rate_to, rate_from))
    if up <= down or up > _MOST_PLACES:
        return _at(samples, time, kernel)
    return _by_places(samples, time, kernel, up, down)


@lru_cache(maxsize=1)
def kaiser_best_table() -> Doubles:
    """The right half of the filter at steps of 1/512 zero crossing, (32769,), for an unchanged rate."""
    count = TABLE_PER_CROSSING * ZERO_CROSSINGS
    crossings = np.linspace(0, ZERO_CROSSINGS, num=count + 1)
    window = np.kaiser(2 * count + 1, KAISER_BETA)[count:]
    return np.asarray(window * ROLLOFF * np.sinc(ROLLOFF * crossings))


@dataclass(frozen=True)
class _Kernel:
    """The filter for a ratio of rates: `table` of one side, `slope` from each entry to the next, `scale` of time.

    `step` is the number of entries between neighbouring input samples, truncated, as resampy does.
    """

    table: Doubles
    slope: Doubles
    scale: float
    step: int

    def entry(self, distance: Doubles) -> tuple[Whole, Doubles]:
        """The table entry at or before a way in input samples (scaled), and how far past that entry it is."""
        position = distance * TABLE_PER_CROSSING
        first = position.astype(np.int64)
        return first, position - first

    def taps(self, first: Whole) -> Whole:
        """Terms of a side that starts at this entry; resampy leaves out one closer than a step to the end."""
        return (len(self.table) - first) // self.step

    @property
    def most(self) -> int:
        """Terms of the longest side."""
        return len(self.table) // self.step


@lru_cache(maxsize=8)
def _kernel(rate_from: int, rate_to: int) -> _Kernel:
    scale = min(1.0, float(rate_to) / rate_from)
    table = kaiser_best_table() * scale
    return _Kernel(table, np.append(np.diff(table), 0.0), scale, int(scale * TABLE_PER_CROSSING))


def _at(samples: Samples, time: Doubles, kernel: _Kernel) -> Samples:
    """(channels, times): the sums at any times, in input samples."""
    padded = np.pad(samples.astype(np.float64), ((0, 0), (kernel.most, kernel.most + 1)))
    out = np.zeros((samples.shape[0], len(time)), dtype=np.float32)
    for start in range(0, len(time), _CHUNK * 8):
        part = slice(start, start + _CHUNK * 8)
        nearest = time[part].astype(np.int64)
        left = kernel.scale * (time[part] - nearest)
        sums = out[:, part]
        for distance, origin, turn in ((left, nearest, -1), (kernel.scale - left, nearest + 1, 1)):
            first, past = kernel.entry(distance)
            taps = kernel.taps(first)
            for tap in range(kernel.most):
                inside = tap < taps
                index = np.where(inside, first + tap * kernel.step, 0)
                weight = np.where(inside, kernel.table[index] + past * kernel.slope[index], 0.0)
                sums[:] = sums + weight * padded[:, kernel.most + origin + turn * tap]
    return out


def _by_places(samples: Samples, time: Doubles, kernel: _Kernel, up: int, down: int) -> Samples:
    """The same for rates in the ratio up/down, up > down, in a fifth of the time.

    An output sample falls on one of `up` places between two input samples, so that every `up`-th of them needs
    the same table entries, and input samples that lie `down` apart. resampy's running time strays a little from
    these places; where that leads to other entries or input samples, :func:`_at` gives the sample.
    """
    channels, count = samples.shape
    blocks = -(-len(time) // up)
    whole = np.arange(up) * down // up
    running = np.pad(time, (0, blocks * up - len(time)), mode="edge").reshape(blocks, up)
    past = running - (np.arange(blocks)[:, None] * down + whole)
    size = 2 * kernel.most + down + 1
    missing = max(0, (blocks - 1) * down + size - kernel.most - count)
    padded = np.pad(samples.astype(np.float64), ((0, 0), (kernel.most, missing)))
    windows = sliding_window_view(padded, size, axis=1)[:, ::down]
    out = np.empty((channels, blocks, up), dtype=np.float32)
    strays = (past < 0) | (past >= 1)
    for start in range(0, blocks, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, blocks))
        inputs = np.ascontiguousarray(windows[:, chunk].transpose(2, 0, 1))
        for place, middle in enumerate(kernel.most + whole):
            sides = inputs[middle::-1], inputs[middle + 1 :]
            out[:, chunk, place], others = _sums(sides, past[chunk, place], kernel)
            strays[chunk, place] |= others
    found = out.reshape(channels, -1)[:, : len(time)]
    left = np.flatnonzero(strays.reshape(-1)[: len(time)])
    found[:, left] = _at(samples, time[left], kernel)
    return found


def _sums(sides: tuple[Doubles, Doubles], past: Doubles, kernel: _Kernel) -> tuple[Samples, NDArray[np.bool_]]:
    """(channels, blocks) at one place, `past` (blocks,) input samples after the sample left of it.

    `sides` are the input samples to the left and right, nearest first, (taps, channels, blocks). Also which
    blocks need other table entries than the one in the middle, and are wrong.
    """
    exact = np.zeros(sides[0].shape[1:])
    rounded = np.zeros(exact.shape, dtype=np.float32)
    others = np.zeros(len(past), dtype=np.bool_)
    for inputs, distance in zip(sides, (past, 1.0 - past), strict=True):
        entries, _ = kernel.entry(np.clip(distance, 0.0, 1.0))
        first = entries[[len(entries) // 2]]
        others |= entries != first
        index = first + kernel.step * np.arange(kernel.taps(first)[0])
        weights = (distance * TABLE_PER_CROSSING - first) * kernel.slope[index, None]
        weights += kernel.table[index, None]
        for term in weights[:, None] * inputs[: len(index)]:
            np.add(exact, term, out=exact)
            rounded[...] = exact
            exact[...] = rounded
    return rounded, others
