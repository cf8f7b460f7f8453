"""What is measured of a clip without a network, against sounds whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import soxr

from evalkit.audio.measures import (
    bandwidth,
    clipped_share,
    floored_loudness,
    side_mid_ratio,
    silent_share,
    stereo_correlation,
)

RATE = 44100


def noise(seconds: float, channels: int = 2, seed: int = 0, rate: int = RATE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal((channels, round(seconds * rate)))).astype(np.float32)


def test_silence_is_counted_by_time_and_not_by_level_of_the_offset() -> None:
    """A clip that is half empty must say 0.5, also where the converter left a constant behind."""
    sound = noise(2.0)
    sound[:, RATE:] = 0
    assert silent_share(sound, RATE) == pytest.approx(0.5, abs=0.02)
    assert silent_share(np.full((1, RATE), 0.3, np.float32), RATE) == 1.0
    assert silent_share(noise(1.0), RATE) == 0.0
    assert silent_share(noise(1.0) / 1000, RATE) == 1.0, "the threshold is absolute: 0.1 / 1000 is -80 dB"


def test_one_channel_that_sounds_is_no_silence() -> None:
    sound = noise(1.0)
    sound[1] = 0
    assert silent_share(sound, RATE) == 0.0


def test_a_short_last_frame_counts_by_its_length() -> None:
    """2.5 frames of 882 samples, of which the half one sounds: a fifth is sound."""
    sound = np.zeros((1, 2205), np.float32)
    sound[0, 1764:] = np.tile([0.5, -0.5], 221)[:441]
    assert silent_share(sound, RATE) == pytest.approx(0.8)


def test_clipping_counts_samples_at_full_scale_on_both_sides_and_beyond() -> None:
    sound = np.zeros((2, 100), np.float32)
    sound[0, :3] = 1.0, -1.0, 1.7
    sound[1, 0] = 32767 / 32768
    sound[1, 1] = 32766 / 32768
    assert clipped_share(sound) == pytest.approx(4 / 200)


def test_loudness_of_the_standards_own_tone() -> None:
    """BS.1770: a 997-Hz sine at full scale in one channel reads -3.01 LUFS, in both 0.00."""
    t = np.arange(2 * 48000) / 48000
    tone = np.sin(2 * np.pi * 997 * t).astype(np.float32)[None]
    assert floored_loudness(tone, 48000) == pytest.approx(-3.01, abs=0.02)
    assert floored_loudness(np.repeat(tone, 2, axis=0), 48000) == pytest.approx(0.0, abs=0.02)


@pytest.mark.filterwarnings("error")
def test_loudness_is_a_number_for_silence_and_for_a_click() -> None:
    """A clip under one block of 0.4 s has a loudness too; nothing becomes -inf or NaN."""
    assert floored_loudness(np.zeros((2, RATE), np.float32), RATE) == -70.0
    assert floored_loudness(np.zeros((1, 10), np.float32), RATE) == -70.0
    short = floored_loudness(noise(0.2), RATE)
    assert -70 < short < floored_loudness(noise(1.0), RATE)


def test_correlation_of_mono_opposite_unrelated_and_half_silent() -> None:
    mono = noise(1.0, channels=1)
    assert stereo_correlation(mono) == 1.0
    assert stereo_correlation(np.concatenate([mono, 0.3 * mono + 0.1])) == pytest.approx(1.0)
    assert stereo_correlation(np.concatenate([mono, -mono])) == pytest.approx(-1.0)
    assert stereo_correlation(noise(1.0)) == pytest.approx(0.0, abs=0.02)
    assert stereo_correlation(np.concatenate([mono, np.full_like(mono, 0.2)])) == 0.0
    assert stereo_correlation(np.full((2, 100), 0.1, np.float32)) == 1.0


def test_side_over_mid_of_mono_wide_and_opposite() -> None:
    mono = noise(1.0, channels=1)
    assert side_mid_ratio(mono) == side_mid_ratio(np.repeat(mono, 2, axis=0)) == -60.0
    assert side_mid_ratio(np.concatenate([mono, -mono])) == 60.0
    assert side_mid_ratio(noise(1.0)) == pytest.approx(0.0, abs=0.2)
    assert side_mid_ratio(np.concatenate([mono, np.zeros_like(mono)])) == pytest.approx(0.0)
    # L = 1, R = 0.5: side 0.5, mid 1.5
    assert side_mid_ratio(np.concatenate([mono, mono / 2])) == pytest.approx(20 * np.log10(1 / 3), abs=1e-3)


def test_bandwidth_sees_the_rate_that_a_file_was_upsampled_from() -> None:
    """An 8-kHz band in a 44.1-kHz file is what a 16-kHz model leaves, and no rate in a header tells it."""
    low = noise(2.0, rate=16000)
    upsampled = soxr.resample(low.T, 16000, RATE).T.astype(np.float32)
    assert 7500 < bandwidth(upsampled, RATE) < 8300
    assert bandwidth(noise(2.0), RATE) > 21500
    assert bandwidth(low, 16000) > 7800


def test_bandwidth_of_a_tone_does_not_move_with_its_level() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)[None]
    assert bandwidth(tone, RATE) == bandwidth(tone / 1000, RATE) == pytest.approx(1000, rel=0.2)


@pytest.mark.parametrize(
    "samples",
    [np.zeros((1, 1)), np.ones((2, 1)), np.zeros((2, 3000)), np.full((1, 7), -1.0), np.ones((2, 5)) * 1e30],
    ids=["one zero", "one frame", "silence", "constant", "huge"],
)
@pytest.mark.parametrize("rate", [8000, 96000])
@pytest.mark.filterwarnings("error")
def test_every_measure_of_a_strange_clip_is_finite(samples: np.ndarray, rate: int) -> None:
    """One clip without a number would take the mean of the whole run with it."""
    clip = samples.astype(np.float32)
    timed: list[Callable[[np.ndarray, int], float]] = [silent_share, floored_loudness, bandwidth]
    found = [measure(clip, rate) for measure in timed]
    found += [clipped_share(clip), stereo_correlation(clip), side_mid_ratio(clip)]
    assert np.isfinite(found).all()


def test_minutes_of_sound_are_measured_in_pieces_to_the_same_end() -> None:
    """285 s, as Stable Audio 2 makes, must not need all its spectra in memory at once."""
    long = noise(30.0, channels=1)
    assert bandwidth(long, RATE) == pytest.approx(bandwidth(long[:, : 5 * RATE], RATE), rel=0.01)
