"""torchaudio's sample-rate conversion, without torchaudio: a sinc under a Hann window.

`resample_as_torchaudio` is `torchaudio.functional.resample` with its defaults (torchaudio 2.11.0,
`functional/functional.py`, `_get_sinc_resample_kernel` and `_apply_sinc_resample_kernel`: `sinc_interp_hann`, six zero
crossings, rolloff 0.99), which audioldm_eval, av-benchmark, MS-CLAP, Audiobox Aesthetics and stable-audio-tools' own
metrics convert by. torchaudio's wheel does not load beside a CPU build of torch, and none of its code is needed: output
sample j of every `new` is one fixed filter over the input, moved on by `old` samples.

The library has two forms of one filter: the function computes it in float32 throughout, `transforms.Resample` in
float64 from places that were rounded to float32. They differ by 2e-5 of the largest tap, so a protocol says which.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from evalkit.audio.clip import Samples

ZERO_CROSSINGS = 6
ROLLOFF = 0.99

Form = Literal["function", "transform"]

_CHUNK = 1 << 22
"""Numbers of the input, each as often as filters see it, that are worked on at a time."""


def resample_as_torchaudio(samples: Samples, rate_from: int, rate_to: int, form: Form = "function") -> Samples:
    """Convert float32 (channels, samples) from `rate_from` to `rate_to` Hz, to ceil(samples * to / from) of them; the
    same rate is a copy."""
    channels, count = samples.shape
    if rate_from == rate_to or not count:
        return np.array(samples, dtype=np.float32)
    old, new = (rate // math.gcd(rate_from, rate_to) for rate in (rate_from, rate_to))
    filters, reach = _filters(old, new, form)
    padded = np.pad(np.asarray(samples, dtype=np.float32), ((0, 0), (reach, reach + old)))
    windows = sliding_window_view(padded, len(filters), axis=1)[:, ::old]
    found = np.empty((channels, windows.shape[1], new), dtype=np.float32)
    step = max(1, _CHUNK // len(filters))
    for first in range(0, windows.shape[1], step):
        found[:, first : first + step] = np.ascontiguousarray(windows[:, first : first + step]) @ filters
    return np.ascontiguousarray(found.reshape(channels, -1)[:, : math.ceil(new * count / old)])


@lru_cache(maxsize=8)
def _filters(old: int, new: int, form: Form) -> tuple[Samples, int]:
    """(2 reach + old, new) float32, a filter for each place of an output sample, and how far they reach."""
    kind: type[np.floating] = np.float32 if form == "function" else np.float64
    cutoff = ROLLOFF * min(old, new)
    reach = math.ceil(ZERO_CROSSINGS * old / cutoff)
    inputs = np.arange(-reach, reach + old, dtype=kind)[:, None] / kind(old)
    place = inputs + np.arange(0, -new, -1, dtype=np.float32) / np.float32(new)
    crossings = np.clip(place * kind(cutoff), kind(-ZERO_CROSSINGS), kind(ZERO_CROSSINGS))
    window = np.cos(crossings * kind(math.pi) / kind(ZERO_CROSSINGS) / kind(2)) ** 2
    angle = crossings * kind(math.pi)
    middle = angle == 0
    sinc = np.where(middle, kind(1), np.sin(angle) / np.where(middle, kind(1), angle))
    return (sinc * (window * kind(cutoff / old))).astype(np.float32), reach
