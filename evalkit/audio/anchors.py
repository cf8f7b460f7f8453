"""The anchors of a MUSHRA test: a recording, low-passed so that everybody hears how far it is from itself.

ITU-R BS.1534-3, 5.1: the low anchor passes up to 3.5 kHz within ±0.1 dB and is 25 dB down at 4 kHz, 50 dB at 4.5 kHz;
the middle one passes up to 7 kHz.
"""

from __future__ import annotations

import numpy as np

from evalkit.audio.clip import Samples

_STOP_DB = 80.0
"""How far down the stop band is: with it the pass band is flat to a thousandth of a decibel."""

_TRANSITION = 1 / 7
"""Of the cutoff, from the pass band's end to the stop band: 3.5 to 4 kHz, 7 to 8 kHz."""


def low_passed(samples: Samples, rate: int, hertz: float) -> Samples:
    """(channels, samples) with what lies above `hertz` taken away, at the same place in time; as it is where `rate` has
    nothing above. A linear-phase FIR filter with a Kaiser window, 80 dB down from 8/7 of `hertz` on."""
    from scipy.signal import fftconvolve, firwin, kaiserord

    width = hertz * _TRANSITION
    if hertz + width >= rate / 2 or not samples.size:
        return np.array(samples, dtype=np.float32)
    taps, beta = kaiserord(_STOP_DB, width / (rate / 2))
    kernel = firwin(taps | 1, hertz + width / 2, window=("kaiser", beta), fs=rate)
    return np.asarray(fftconvolve(samples, kernel[None, :], mode="full", axes=1), dtype=np.float32)[
        :, len(kernel) // 2 : len(kernel) // 2 + samples.shape[1]
    ]
