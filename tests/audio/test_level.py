"""Levels: peak by the protocol, loudness by the standard."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch

from evalkit.audio.level import divide_by_peak, loudness, peak_gain, peak_normalize


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


def test_a_peak_is_divided_by_as_torch_does() -> None:
    """stable-audio-tools divides first; one gain for all would turn 16-bit steps over, which CLAP's rows tell."""
    sound = (0.3 * np.random.default_rng(1).standard_normal((1, 5000))).astype(np.float32)
    tensor = torch.from_numpy(sound)
    wanted = tensor / tensor.abs().max() * (10 ** (-1.0 / 20))
    found = divide_by_peak(sound)
    np.testing.assert_array_equal(found, wanted.numpy())
    assert (found != peak_normalize(sound)).any()
    np.testing.assert_array_equal(divide_by_peak(np.zeros((1, 5), np.float32)), np.zeros((1, 5)))


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


def _by_ffmpeg(sound: np.ndarray, rate: int, path: Path) -> float:
    """Integrated loudness by FFmpeg's ebur128 at 48 kHz."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed (a Debian package)")
    soundfile.write(path, sound.T, rate, subtype="FLOAT")
    command = ["ffmpeg", "-nostats", "-i", str(path), "-af", "aresample=48000,ebur128", "-f", "null", "-"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", told)[-1])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [3000, 4000, 7999, 8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("seconds", [0.45, 0.55, 0.68, 1.03, 3.0])
def test_loudness_is_ffmpegs_at_any_rate_and_length(rate: int, seconds: float, tmp_path: Path) -> None:
    """A last block that is not whole was counted as one (0.2 LU off at 0.55 s), and at 3 kHz there was no number."""
    sound = np.random.default_rng(0).standard_normal((1, round(seconds * rate) + 400))
    narrow = scipy.signal.butter(12, min(0.4 * rate, 18_000), fs=rate, output="sos")
    fading = np.linspace(1, 0.3, round(seconds * rate))
    sound = (0.1 * scipy.signal.sosfilt(narrow, sound)[:, 400:] * fading).astype(np.float32)
    slack = 0.2 if rate == 16000 else 0.07  # the weighting's own bilinear transform, which scores keep from 16 kHz on
    assert loudness(sound, rate) == pytest.approx(_by_ffmpeg(sound, rate, tmp_path / "x.wav"), abs=slack)


def test_a_tone_is_as_loud_at_every_length() -> None:
    """Whatever is behind the last whole block is left out, as the standard says."""
    tone = _sine(-23.0, 3.0)
    whole = loudness(tone[None, : round(0.4 * 48000)], 48000)
    for seconds in (0.41, 0.45, 0.5, 0.55, 0.59, 0.95, 1.05, 2.99):
        assert loudness(tone[None, : round(seconds * 48000)], 48000) == pytest.approx(whole, abs=0.02)


def test_surround_leaves_its_low_channel_out_and_weighs_its_back() -> None:
    tone = _sine(-23.0, 1.0)
    alone = [np.zeros((6, len(tone)), np.float32) for _ in range(6)]
    for place, sound in enumerate(alone):
        sound[place] = tone
    found = [loudness(sound, 48000) for sound in alone]
    assert found[3] is None
    assert found[4] == found[5] == pytest.approx(found[0] + 10 * np.log10(1.41), abs=0.01)
