"""Levels: peak by the protocol, loudness by the standard."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.audio.level import loudness, peak_gain, peak_normalize


def _sine(dbfs: float, seconds: float = 20.0, rate: int = 48000) -> np.ndarray:
    return (10 ** (dbfs / 20) * np.sin(2 * np.pi * 1000 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def test_peak_is_joint_over_channels() -> None:
    """Normalised channel by channel, the stereo picture that FD-OpenL3 hears would be gone."""
    sound = np.array([[0.5, -0.25], [0.1, 0.0]], np.float32)
    out = peak_normalize(sound)
    assert out.dtype == np.float32
    assert np.abs(out).max() == pytest.approx(10 ** (-1 / 20), rel=1e-6)
    np.testing.assert_allclose(out[1, 0] / out[0, 0], 0.2, rtol=1e-6)
    assert sound[0, 0] == 0.5


def test_silence_stays_silence_and_is_told() -> None:
    """Upstream divides by zero here and one silent clip turns the whole FD into NaN."""
    for shape in ((2, 100), (1, 0), (50,)):
        assert peak_gain(np.zeros(shape, np.float32)) is None
        out = peak_normalize(np.zeros(shape, np.float32))
        assert out.shape == shape
        assert not out.any()


@pytest.mark.parametrize(("channels", "lufs"), [(1, -23.0 - 3.01), (2, -23.0)])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_loudness_of_the_standards_reference_tone(channels: int, lufs: float, rate: int) -> None:
    """EBU Tech 3341, case 1: a stereo 1 kHz tone at -23 dBFS reads -23.0 +- 0.1 LUFS."""
    sound = np.stack([_sine(-23.0, rate=rate)] * channels)
    assert loudness(sound, rate) == pytest.approx(lufs, abs=0.1)


def test_loudness_gates_silence_out() -> None:
    """A bark in ten seconds of silence is as loud as the bark, not as the mean."""
    tone = np.stack([_sine(-20.0, 5.0)] * 2)
    padded = np.concatenate([tone, np.zeros((2, 48000 * 20), np.float32)], axis=1)
    assert loudness(padded, 48000) == pytest.approx(loudness(tone, 48000), abs=0.3)


def test_no_loudness_where_there_is_none() -> None:
    """A player must not be told to raise silence by infinity."""
    assert loudness(np.zeros((2, 48000), np.float32), 48000) is None
    assert loudness(_sine(-20.0, 0.39)[None], 48000) is None
    assert loudness(np.full((1, 48000), np.nan, np.float32), 48000) is None
    assert loudness(np.ones((8, 48000), np.float32), 48000) is None
    assert loudness(np.full((1, 48000), 1e-7, np.float32), 48000) is None


def test_loudness_leaves_its_input_alone() -> None:
    sound = np.stack([_sine(-20.0, 1.0)] * 2)
    before = sound.copy()
    loudness(sound, 48000)
    assert np.array_equal(sound, before)
