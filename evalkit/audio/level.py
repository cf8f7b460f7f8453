"""Level: peak normalising, as the metrics' protocols ask, and loudness, as listeners need."""

from __future__ import annotations

import numpy as np

from evalkit.audio.clip import SURROUND, Samples
from evalkit.audio.resample import resample

BLOCK_SECONDS, BLOCK_STEP = 0.4, 0.25
"""A gating block of BS.1770-4, and the part of it by which the next one begins later."""

LOWEST_RATE, WEIGHTED_RATE = 16_000, 48_000
LOW_CHANNEL = 3


def peak_gain(samples: Samples, dbfs: float = -1.0) -> float | None:
    """The factor that brings the peak over all channels to `dbfs` (dB under full scale); None for pure silence."""
    peak = float(np.abs(samples).max()) if samples.size else 0.0
    return 10 ** (dbfs / 20) / peak if peak > 0 else None


def peak_normalize(samples: Samples, dbfs: float = -1.0) -> Samples:
    """`samples` of any shape with their joint peak at `dbfs`, float32.

    One gain for all channels, so the stereo picture stays. Pure silence stays as it is, where pyloudnorm
    0.1.1 divides by zero and hands NaN to the statistics: ask `peak_gain`, which is None then, to know.
    The gain is rounded to float32 before it is applied, as NumPy 1 did when the published figures were made.
    """
    gain = peak_gain(samples, dbfs)
    if gain is None:
        return np.array(samples, dtype=np.float32)
    return np.asarray(samples, dtype=np.float32) * np.float32(gain)


def divide_by_peak(samples: Samples, dbfs: float = -1.0) -> Samples:
    """As :func:`peak_normalize`, in the arithmetic of stable-audio-tools: divided by the peak, then times the level,
    each rounded to float32. Last bits differ, and so does what a cut to 16 bits makes of them."""
    peak = np.abs(samples).max(initial=0)
    if not peak > 0:
        return np.array(samples, dtype=np.float32)
    return np.asarray(samples, dtype=np.float32) / np.float32(peak) * np.float32(10 ** (dbfs / 20))


def loudness(samples: Samples, rate: int) -> float | None:
    """Integrated loudness of (channels, samples) in LUFS (ITU-R BS.1770-4), by pyloudnorm.

    None where there is none: under 0.4 s (one gating block), nothing above the absolute gate of -70 LUFS,
    samples that are not finite, or channels other than the five that the standard weighs and those of 5.1, whose
    low-frequency one it leaves out. Under 16 kHz the weighting's filters have no room (0.3 LU at 8 kHz,
    no number at 3 kHz), so such sound is brought to 48 kHz first.
    """
    import pyloudnorm  # here, as its import costs a fifth of a second that `evalkit --help` need not pay

    if samples.shape[0] == SURROUND:
        samples = np.delete(samples, LOW_CHANNEL, axis=0)
    channels, count = samples.shape
    if count < BLOCK_SECONDS * rate or not 1 <= channels <= 5 or not np.isfinite(samples).all():
        return None
    if rate < LOWEST_RATE:
        samples, rate = resample(samples, rate, WEIGHTED_RATE), WEIGHTED_RATE
    # Of pyloudnorm's K-weightings, De Man's parameters give the standard's own coefficients at 48 kHz.
    meter = pyloudnorm.Meter(rate, filter_class="DeMan", block_size=BLOCK_SECONDS, overlap=1 - BLOCK_STEP)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(meter.integrated_loudness(_whole_blocks(samples, rate).T.astype(np.float64)))
    return value if np.isfinite(value) else None


def _whole_blocks(samples: Samples, rate: int) -> Samples:
    """The samples up to the end of the last gating block that is whole: the standard leaves out a partial one (eq. 3),
    which pyloudnorm 0.2 would take for whole, and so for quieter than it is."""
    block = BLOCK_SECONDS * rate
    steps = max(0, int((samples.shape[1] - block) / (block * BLOCK_STEP) + 1e-9))
    return samples[:, : int(np.ceil(block * (1 + steps * BLOCK_STEP) - 1e-6))]
