"""What is written is what was there: exact WAV, and a preview that plays anywhere."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.audio.encode import MP3_RATES, mp3_bytes, wav_bytes


def _read(data: bytes) -> tuple[np.ndarray, int, str, str]:
    with soundfile.SoundFile(io.BytesIO(data)) as sound:
        return sound.read(dtype="float32", always_2d=True).T, sound.samplerate, sound.format, sound.subtype


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(0, 300), st.floats(1e-6, 4.0))
@settings(deadline=None, max_examples=40)
def test_wav_round_trip(seed: int, channels: int, count: int, peak: float) -> None:
    """A run's audio file must give back what the model made, whatever its level."""
    sound = (peak * np.random.default_rng(seed).uniform(-1, 1, (channels, count))).astype(np.float32)
    back, rate, form, subtype = _read(wav_bytes(sound, 16000))
    assert (rate, form, back.shape) == (16000, "WAV", sound.shape)
    if subtype == "FLOAT":
        assert np.abs(sound).max() >= 1
        assert np.array_equal(back, sound)
    else:
        assert subtype == "PCM_24"
        assert np.abs(back - sound).max(initial=0) <= 2**-23
        assert wav_bytes(back, 16000) == wav_bytes(sound, 16000)


def test_wav_bytes_are_stable_at_any_level() -> None:
    """libsndfile's float WAV carries the time of writing; a run folder must not."""
    import time

    sound = np.full((2, 10), 1.5, np.float32)
    first = wav_bytes(sound, 44100)
    time.sleep(1.1)
    assert wav_bytes(sound, 44100) == first


def test_the_loudest_24_bit_value_does_not_wrap_around() -> None:
    """1 - 2**-24 rounds up to full scale, which is one more than 24 bits hold: a click of -1 if it wraps."""
    top = np.nextafter(np.float32(1), np.float32(0))
    back, *_ = _read(wav_bytes(np.array([[top, -top]]), 8000))
    assert back[0, 0] > 0.999
    assert back[0, 1] < -0.999


@pytest.mark.parametrize("encode", [wav_bytes, mp3_bytes])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_samples_are_refused(encode: object, bad: float) -> None:
    """Written as PCM, NaN becomes finite samples and the evidence is gone."""
    sound = np.zeros((1, 100), np.float32)
    sound[0, 50] = bad
    with pytest.raises(ValueError, match="NaN or infinity"):
        encode(sound, 16000)  # type: ignore[operator]


def test_shapes_that_are_no_sound_are_refused() -> None:
    with pytest.raises(ValueError, match="channels, samples"):
        wav_bytes(np.zeros(100, np.float32), 16000)
    with pytest.raises(ValueError, match="no samples"):
        mp3_bytes(np.zeros((1, 0), np.float32), 16000)


@pytest.mark.parametrize("rate", [4000, 8000, 15000, 16000, 44100, 48000, 96000])
def test_mp3_preview_has_a_legal_rate_and_the_sound(rate: int) -> None:
    """A report's player must play it, at the right length and pitch."""
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.float32)
    back, legal, form, _ = _read(mp3_bytes(np.stack([tone, tone]), rate))
    assert form == "MP3"
    assert legal in MP3_RATES
    assert back.shape[0] == 2
    assert back.shape[1] / legal == pytest.approx(1.0, abs=0.06)
    spectrum = np.abs(np.fft.rfft(back[0, : legal // 2]))
    assert spectrum.argmax() * 2 == pytest.approx(440, abs=4)


def test_mp3_preview_does_not_clip_and_is_small() -> None:
    """A clip over full scale must come out whole, and quiet ones at their own level."""
    noise = np.random.default_rng(1).standard_normal((2, 44100)).astype(np.float32) * 3
    data = mp3_bytes(noise, 44100)
    assert len(data) < 44100 * 2 * 2 / 5
    faint = (0.05 * np.sin(np.arange(16000) / 9)).astype(np.float32)[None]
    assert np.abs(_read(mp3_bytes(faint, 16000))[0]).max() == pytest.approx(0.05, rel=0.2)


def test_mp3_takes_more_than_two_channels_as_mono() -> None:
    assert _read(mp3_bytes(np.zeros((6, 16000), np.float32), 16000))[0].shape[0] == 1
