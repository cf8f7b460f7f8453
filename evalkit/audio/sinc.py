"""torchaudio's sample-rate conversion, without torchaudio: a sinc under a Hann window, or under a Kaiser window.

`resample_as_torchaudio` is `torchaudio.functional.resample` with its defaults (torchaudio 2.11.0,
`functional/functional.py`, `_get_sinc_resample_kernel` and `_apply_sinc_resample_kernel`: `sinc_interp_hann`, six zero
crossings, rolloff 0.99), which audioldm_eval, av-benchmark, MS-CLAP, Audiobox Aesthetics and stable-audio-tools' own
metrics convert by. torchaudio's wheel does not load beside a CPU build of torch, and none of its code is needed: output
sample j of every `new` is one fixed filter over the input, moved on by `old` samples.

The library has two forms of one filter: the function computes it in float32 throughout, `transforms.Resample` in
float64 from places that were rounded to float32. They differ by 2e-5 of the largest tap, so a protocol says which.
"kaiser" is `transforms.Resample` with the settings that torchaudio's documentation calls `kaiser_best`, after resampy's
(64 zero crossings, rolloff 0.9475937167399596, beta 14.769656459379492), which fadtk gives it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from evalkit.audio.clip import Samples

ZERO_CROSSINGS = 6
ROLLOFF = 0.99
KAISER_CROSSINGS, KAISER_ROLLOFF, KAISER_BETA = 64, 0.9475937167399596, 14.769656459379492

_PIECE = 1 << 13
"""Outputs worked on at a time: what they need stays in a processor's cache."""

Form = Literal["function", "transform", "kaiser"]


def resample_as_torchaudio(samples: Samples, rate_from: int, rate_to: int, form: Form = "function") -> Samples:
    """Convert float32 (channels, samples) from `rate_from` to `rate_to` Hz, to ceil(samples * to / from) of them; the
    same rate is a copy. Memory is bounded for any two rates, also those that have nothing in common."""
    count = samples.shape[1]
    if rate_from == rate_to or not count:
        return np.array(samples, dtype=np.float32)
    old, new = (rate // math.gcd(rate_from, rate_to) for rate in (rate_from, rate_to))
    filters = _filters(old, new, form)
    taps = filters.shape[1]
    padded = np.pad(np.asarray(samples, dtype=np.float32), ((0, 0), (taps // 2 - 1, old + taps)))
    return filtered(padded, filters, old, math.ceil(new * count / old))


def filtered(padded: Samples, filters: Samples, old: int, length: int) -> Samples:
    """float32 (channels, length): output sample j by the filter of its place among the `new` of (new, taps), over
    inputs that move on by `old` for each `new` outputs.

    Sums are added up first tap first, each rounded to float32 together with its product, as a fused multiply-add
    does: so oneDNN's convolution, to the bit, which torch takes above 20,480 padded samples (below, the BLAS of its
    build decides). What is cut to 16 bits afterwards hears it: one sample in 3,000 falls on the other side otherwise.
    """
    new, taps = filters.shape
    weights, starts = filters.astype(np.float64), np.arange(new) * old // new
    windows = sliding_window_view(padded, old + taps, axis=1)[:, ::old]
    found = np.empty((len(padded), -(-length // new), new), dtype=np.float32)
    step = max(1, _PIECE // new)
    for channel, first in product(range(len(found)), range(0, found.shape[1], step)):
        out = found[channel, first : first + step]
        inputs = windows[channel, first : first + len(out)].T.astype(np.float64, order="C")
        total = np.zeros((new, len(out)), dtype=np.float32)
        for tap in range(taps):
            exact = inputs[starts + tap]
            exact *= weights[:, tap, None]  # of two float32, and so exact
            exact += total
            total[...] = exact
        out[...] = total.T
    return found.reshape(len(found), -1)[:, :length]


@lru_cache(maxsize=8)
def _filters(old: int, new: int, form: Form) -> Samples:
    """(new, 2 reach + 2) float32: for each place of an output sample a filter over the inputs around it, from `reach`
    before the one at or left of it. The original's reach over all `old` inputs, and are zero elsewhere."""
    kind: type[np.floating] = np.float32 if form == "function" else np.float64
    most, rolloff = (KAISER_CROSSINGS, KAISER_ROLLOFF) if form == "kaiser" else (ZERO_CROSSINGS, ROLLOFF)
    cutoff = rolloff * min(old, new)
    reach = math.ceil(most * old / cutoff)
    index = (np.arange(new) * old // new)[:, None] + np.arange(-reach, reach + 2)
    place = index.astype(kind) / kind(old) + (np.arange(0, -new, -1, dtype=np.float32) / np.float32(new))[:, None]
    crossings = np.clip(place * kind(cutoff), kind(-most), kind(most))
    if form == "kaiser":
        window = np.i0(np.float32(KAISER_BETA) * np.sqrt(1 - (crossings / most) ** 2)) / np.i0(np.float32(KAISER_BETA))
    else:
        window = np.cos(crossings * kind(math.pi) / kind(most) / kind(2)) ** 2
    angle = crossings * kind(math.pi)
    middle = angle == 0
    sinc = np.where(middle, kind(1), np.sin(angle) / np.where(middle, kind(1), angle))
    return (sinc * (window * kind(cutoff / old))).astype(np.float32)
