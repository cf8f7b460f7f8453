"""OpenL3's decibels, with the rounding of TensorFlow on a processor.

kapre 0.3.7 takes 10 log10 of magnitudes, and reaches down to 1e-8 of a window's loudest band. That is below the
rounding of a float32 transform: what bands hold where a sound has nothing (above the upper end of a recording, in
the edges of its zeros) is the rounding of whatever computed it, up to 10 dB apart between two libraries, and the
network hears it: FD-OpenL3 moves by 1e-3 of itself. To print the original's number it is computed as there:

- frames times window in float32, the window from the cosine of Eigen without fused multiplication, which is what
  the published builds of TensorFlow run;
- `scipy.fft.rfft` in float32, which is pocketfft, and equal to the bit to `tf.signal.rfft` (ducc, pocketfft's
  successor); torch's and NumPy's are not;
- magnitudes rounded once.

`reports/parity.md` has what each of these is worth. It runs on the CPU whatever the network runs on, so that a
score does not depend on the device.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft

from evalkit.nets.melbank import slaney_bank
from evalkit.nets.openl3 import OpenL3Config

Array = NDArray[np.float32]

LOWEST = 1e-10
"""Magnitudes under this count as this."""

RANGE_DB = 80.0


class LogMel:
    """(windows, rate) samples of one second each to decibels (windows, 1, n_mels, frames) in [-80, 0].

    STFT with a periodic Hann window, zeros after the end and none before; magnitude (not power) through
    Slaney's bank; 10 log10 of that, relative to the loudest band of its own window. openl3 0.4.2, `models.py`
    31-49; kapre 0.3.7, `time_frequency.py`.
    """

    def __init__(self, config: OpenL3Config) -> None:
        self.config = config
        self._window = hann_window(config.n_fft)
        bank = slaney_bank(config.rate, config.n_fft, config.n_mels, 0.0, config.rate / 2)
        self._bank = np.ascontiguousarray(bank.numpy().T)

    def __call__(self, windows: Array) -> Array:
        """Computes in the precision of `windows`, float32 or float64; only float32 is the original's."""
        bank, window = self._bank.astype(windows.dtype), self._window.astype(windows.dtype)
        return np.stack([_decibels(samples, window, bank, self.config) for samples in windows])[:, None]


def hann_window(size: int) -> Array:
    """float32 (size,), periodic: `tf.signal.hann_window` to the bit."""
    turn = np.float32(2 * np.pi) * np.arange(size, dtype=np.float32) / np.float32(size)
    return np.float32(0.5) - np.float32(0.5) * _cosine(turn)


def _decibels(samples: Array, window: Array, bank: Array, config: OpenL3Config) -> Array:
    padded = np.zeros((config.frames - 1) * config.hop + config.n_fft, dtype=samples.dtype)
    padded[: len(samples)] = samples
    spectrum = rfft(sliding_window_view(padded, config.n_fft)[:: config.hop] * window)
    magnitude = np.hypot(spectrum.real, spectrum.imag) @ bank
    ten = np.array(10, dtype=samples.dtype)
    decibel = ten * (np.log(np.maximum(magnitude, samples.dtype.type(LOWEST))) / np.log(ten))
    return np.maximum(decibel - decibel.max(), samples.dtype.type(-RANGE_DB)).T


def _cosine(angle: Array) -> Array:
    """float32 cosines of angles from 0 to 2 pi as Eigen rounds them (`psincos_float`, without FMA)."""
    quarter = np.rint(angle * np.float32(2 / np.pi))
    # pi / 2 in four parts of few bits each, so that the first products are exact.
    for part in (1.5703125, 0.000483989715576171875, -1.62865035235881805e-07, -5.56443155441677107e-11):
        angle = angle - np.float32(part) * quarter
    square = angle * angle
    cosine = _polynomial(square, 2.43722661252832032e-05, -0.00138865201734006405, 0.0416666194796562195, -0.5, 1.0)
    sine = _polynomial(square, -0.000195923411408370290, 0.00833268736556168517, -0.166666620398298256)
    sine = sine * square * angle + angle
    turned = quarter.astype(np.int64)
    sign = np.where((turned + 1) // 2 % 2, np.float32(-1), np.float32(1))
    return sign * np.where(turned % 2, sine, cosine)


def _polynomial(square: Array, *coefficients: float) -> Array:
    value = np.full_like(square, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * square + np.float32(coefficient)
    return value
