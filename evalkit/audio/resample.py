"""Sample-rate conversion, by one stated algorithm for each purpose.

`resample` is soxr at quality HQ, the general converter. `resample_kaiser_best` is the converter inside
OpenL3 0.4.2: resampy 0.2.2 with its `kaiser_best` filter. resampy 0.3.0 replaced that filter, and with
the later one FD-OpenL3 on 16 real pairs moved by 1.7 %, so the old one is rebuilt here from its
parameters, to the bit. `resample_as_librosa` is the first of them at librosa's lengths. All take and give
float32 (channels, samples).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from evalkit.audio.clip import Samples
from evalkit.audio.ordered_sums import Adder, adder

# resampy 0.2.2, data/kaiser_best.npz: a sinc of 64 zero crossings, tabulated 512 times per crossing,
# under a Kaiser window. These four numbers give that table back to the last bit or two.
ZERO_CROSSINGS = 64
TABLE_PER_CROSSING = 512
ROLLOFF = 0.9475937167399596
KAISER_BETA = 14.769656459379492

_MOST_PLACES = 1 << 10
"""Places of an output sample between two input samples that are worked through one by one."""

_CHUNK = 1 << 11
"""Output samples of one place worked on at a time: their input samples take 10 MB in stereo."""

_BLOCK = 1 << 16
"""Samples that are resampled at a time where they are wanted one after the other."""

Doubles = NDArray[np.float64]
Whole = NDArray[np.int64]


def resample(samples: Samples, rate_from: int, rate_to: int) -> Samples:
    """Convert (channels, samples) from `rate_from` to `rate_to` Hz with soxr HQ; the same rate is a copy."""
    if rate_from == rate_to or samples.shape[1] == 0:
        return np.array(samples, dtype=np.float32)
    frames = np.ascontiguousarray(samples.T, dtype=np.float32)
    return np.ascontiguousarray(soxr.resample(frames, rate_from, rate_to, quality="HQ").T)


def resampled_blocks(frames: Samples, rate_from: int, rate_to: int) -> Iterator[Samples]:
    """:func:`resample` of (samples, channels) by blocks of a second or two, one after the other: they stay in
    a processor's cache, and a long sound is never in memory twice."""
    stream = soxr.ResampleStream(rate_from, rate_to, frames.shape[1], dtype="float32", quality="HQ")
    for start in range(0, frames.shape[0], _BLOCK):
        block = np.ascontiguousarray(frames[start : start + _BLOCK], dtype=np.float32)
        if rate_from != rate_to:
            block = stream.resample_chunk(block, last=start + _BLOCK >= frames.shape[0])
        if block.shape[0]:
            yield block


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
    """The same for rates in the ratio up/down, up > down, in a sixth of the time or less.

    An output sample falls on one of `up` places between two input samples, so that every `up`-th of them, a block
    apart, needs the same table entries, and input samples that lie `down` apart: rows of numbers at once.
    """
    channels, count = samples.shape
    blocks = -(-len(time) // up)
    running = np.pad(time, (0, blocks * up - len(time)), mode="edge").reshape(blocks, up)
    before, size = kernel.most + 1, 2 * kernel.most + down + 2
    missing = max(0, (blocks - 1) * down + size - before - count)
    padded = np.pad(samples.astype(np.float64), ((0, 0), (before, missing)))
    windows = sliding_window_view(padded, size, axis=1)[:, ::down]
    out = np.empty((channels, blocks, up), dtype=np.float32)
    add = adder(out.size)
    for start in range(0, blocks, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, blocks))
        inputs = np.array(windows[:, chunk].transpose(2, 0, 1), order="C")
        times = np.ascontiguousarray(running[chunk].T)
        origins = before - np.arange(chunk.start, chunk.stop) * down
        for place in range(up):
            out[:, chunk, place] = _row(inputs, times[place], origins, kernel, add)
    return out.reshape(channels, -1)[:, : len(time)]


def _row(inputs: Doubles, times: Doubles, origins: Whole, kernel: _Kernel, add: Adder) -> Samples:
    """(channels, blocks) at one place in the blocks. `inputs` (rows, channels, blocks) are neighbouring input samples
    of each block, `origins` (blocks,) the row that would be input sample 0.

    resampy's running time strays a little from the places, so that one on a table entry or an input sample lies
    before it in some blocks and after it in others: the row is cut there.
    """
    nearest = times.astype(np.int64)
    left = times - nearest
    right, middle = 1.0 - left, nearest + origins
    (to_left, past_left), (to_right, past_right) = kernel.entry(left), kernel.entry(right)
    turns = (np.diff(middle) != 0) | (np.diff(to_left) != 0) | (np.diff(to_right) != 0)
    cuts = [0, *(np.flatnonzero(turns) + 1).tolist(), len(times)]
    found = np.empty(inputs.shape[1:], dtype=np.float32)
    for start, stop in zip(cuts, cuts[1:], strict=False):
        sums = np.zeros((len(found), stop - start), dtype=np.float32)
        row = int(middle[start])
        for turn, at, first, past in ((-1, row, to_left, past_left), (1, row + 1, to_right, past_right)):
            index = first[start] + kernel.step * np.arange(int(kernel.taps(first)[start]))
            add(sums, inputs, at, turn, start, past[start:stop], kernel.table[index], kernel.slope[index])
        found[:, start:stop] = sums
    return found
