"""Level: peak normalising, as the metrics' protocols ask, and loudness, as listeners need."""

from __future__ import annotations

import numpy as np

from evalkit.audio.clip import Samples


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


def loudness(samples: Samples, rate: int) -> float | None:
    """Integrated loudness of (channels, samples) in LUFS (ITU-R BS.1770-4), by pyloudnorm.

    None where there is none: under 0.4 s (one gating block), nothing above the absolute gate of -70 LUFS,
    samples that are not finite, or more channels than the five that the standard weighs.
    """
    import pyloudnorm  # here, as its import costs a fifth of a second that `evalkit --help` need not pay

    channels, count = samples.shape
    if count < 0.4 * rate or not 1 <= channels <= 5 or not np.isfinite(samples).all():
        return None
    # Of pyloudnorm's K-weightings, De Man's parameters give the standard's own coefficients at 48 kHz.
    meter = pyloudnorm.Meter(rate, filter_class="DeMan")
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(meter.integrated_loudness(samples.T.astype(np.float64)))
    return value if np.isfinite(value) else None
