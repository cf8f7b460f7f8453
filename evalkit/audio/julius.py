"""julius' sample-rate conversion, without julius: a longer sinc under a Hann window, whose ends hold on to the sound.

`julius.resample_frac` with its defaults (julius 0.2.8, `resample.py`: 24 zero crossings, rolloff 0.945), by which
audiocraft converts, and so its metrics. torchaudio's conversion began as this one: the same filters, here each of sum
1, and the first and last samples repeated beyond the ends in place of zeros; the length is rounded down.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from evalkit.audio.clip import Samples
from evalkit.audio.sinc import filtered

ZERO_CROSSINGS = 24
ROLLOFF = 0.945


def resample_as_julius(samples: Samples, rate_from: int, rate_to: int) -> Samples:
    """Convert float32 (channels, samples) from `rate_from` to `rate_to` Hz, to floor(samples * to / from) of them; the
    same rate is a copy. Memory is bounded for any two rates."""
    count = samples.shape[1]
    if rate_from == rate_to or not count:
        return np.array(samples, dtype=np.float32)
    old, new = (rate // math.gcd(rate_from, rate_to) for rate in (rate_from, rate_to))
    filters = _filters(old, new)
    taps = filters.shape[1]
    padded = np.pad(np.asarray(samples, dtype=np.float32), ((0, 0), (taps // 2 - 1, old + taps)), mode="edge")
    return filtered(padded, filters, old, new * count // old)


@lru_cache(maxsize=8)
def _filters(old: int, new: int) -> Samples:
    """(new, 2 reach + 2) float32, as `evalkit.audio.sinc` has them."""
    cutoff = np.float32(ROLLOFF * min(old, new))
    reach = math.ceil(ZERO_CROSSINGS * old / float(ROLLOFF * min(old, new)))
    index = (np.arange(new) * old // new)[:, None] + np.arange(-reach, reach + 2)
    place = index.astype(np.float32) / np.float32(old) + (-np.arange(new) / new).astype(np.float32)[:, None]
    crossings = np.clip(place * cutoff, np.float32(-ZERO_CROSSINGS), np.float32(ZERO_CROSSINGS))
    angle = crossings * np.float32(math.pi)
    window = np.cos(angle / np.float32(ZERO_CROSSINGS) / np.float32(2)) ** 2
    middle = angle == 0
    kernel = np.where(middle, np.float32(1), np.sin(angle) / np.where(middle, np.float32(1), angle)) * window
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True), dtype=np.float32)
