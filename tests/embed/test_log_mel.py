"""OpenL3's decibels: each step of kapre's, and the rounding of TensorFlow where it is all that there is."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from evalkit.embed.log_mel import LogMel, hann_window
from evalkit.nets.melbank import slaney_bank
from evalkit.nets.openl3 import OpenL3Config

TENSORFLOW = "e689f7ccf093a825f8c6252e583e432911bd546aa2ae18c9381b891addb455ec"

MINI = OpenL3Config(n_mels=64, width=2, embedding=16)


def noise(count: int = 1, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((count, 48000)).astype(np.float32)


def test_front_end_is_kapre_0_3_7() -> None:
    """199 frames, zeros after the end only, magnitude through Slaney's bank, dB below the window's own maximum."""
    audio = noise()
    found = LogMel(OpenL3Config())(audio)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    padded = np.concatenate([audio[0], np.zeros(2048)])
    magnitude = np.stack([np.abs(np.fft.rfft(window * padded[242 * t : 242 * t + 2048])) for t in range(199)], axis=1)
    bank = slaney_bank(48000, 2048, 256, 0.0, 24000.0).double().numpy()
    decibel = 10 * np.log10(np.maximum(bank @ magnitude, 1e-10))
    wanted = np.maximum(decibel - decibel.max(), -80)
    assert found.shape == (1, 1, 256, 199)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, 0], wanted, atol=2e-3)


def test_hann_window_is_tensorflows() -> None:
    """To the bit `tf.signal.hann_window(2048)` of TensorFlow 2.20, whose bytes have this SHA-256.

    Another cosine is off in the last bit of a sample in ten, leaves other rounding in the empty bands, and moves
    FD-OpenL3 by 1e-4 of itself.
    """
    window = hann_window(2048)
    assert np.abs(window - (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048))).max() < 2.5e-7
    assert hashlib.sha256(window.tobytes()).hexdigest() == TENSORFLOW


def test_a_window_does_not_hear_its_neighbours() -> None:
    """A quiet window beside a loud one gives what it gives alone, to the bit: the level is the window's own."""
    front = LogMel(MINI)
    loud = noise()
    together = front(np.concatenate([loud, 1e-3 * loud]))
    np.testing.assert_array_equal(together[1:], front(1e-3 * loud))
    assert np.abs(together[1] - together[0]).max() < 1e-2


def test_silence_is_finite() -> None:
    """Digital silence must not become NaN in the statistics."""
    np.testing.assert_array_equal(LogMel(MINI)(np.zeros((2, 48000), np.float32)), np.zeros((2, 1, 64, 199)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_range_is_eighty_decibels(dtype: type[np.floating]) -> None:
    """A tone in one band, nothing above: no value under -80, and the loudest is 0, in either precision."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)[None].astype(dtype)
    found = LogMel(MINI)(tone)
    assert found.dtype == dtype
    assert found.max() == 0
    assert found.min() >= -80
