"""What the classifiers hear while they train: degradations do what their numbers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evalkit.mini.recordings.scenes import CLASSES, Recording
from evalkit.mini.recordings.sounds import add_noise, held_out_clips, low_pass, power, random_sound

RATE = 16000


def tone(frequency: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)


def recording(sound: str, frequency: float = 400.0) -> Recording:
    samples = tone(frequency, 2.0)
    return Recording(f"{sound}.ogg", sound, 1, RATE, samples, ((0, len(samples)),))


def test_noise_has_the_power_it_was_asked_for() -> None:
    """openl3-mini learns the ratio as a number, so the number must be right."""
    for snr in (-5.0, 0.0, 20.0):
        clean = tone(440)
        found = add_noise(np.random.default_rng(0), clean, snr)
        assert abs(10 * np.log10(power(clean) / power(found - clean)) - snr) < 0.1


def test_low_pass_keeps_what_is_below_and_removes_what_is_above() -> None:
    both = tone(500) + tone(4000)
    np.testing.assert_allclose(low_pass(both, RATE, 2000.0), tone(500), atol=1e-3)


def test_a_random_sound_is_of_the_class_asked_for_and_about_as_long() -> None:
    pool = [recording(sound, 200.0 + 100 * index) for index, sound in enumerate(CLASSES)]
    rng = np.random.default_rng(0)
    for index, sound in enumerate(CLASSES):
        found = random_sound(rng, pool, sound, 1.0)
        assert abs(len(found) - RATE) <= 1
        peak = np.abs(np.fft.rfft(found)).argmax() * RATE / len(found)
        assert abs(peak / (200.0 + 100 * index) - 1) < 0.2


def test_held_out_clips_are_fold_four_uncut(esc10: Path) -> None:
    """Eighty clips of up to five seconds that no recipe trains on, silence at their ends included."""
    clips, labels = held_out_clips(esc10)
    assert len(clips) == len(labels) == 80
    assert set(labels) == set(range(10))
    assert np.mean([clip.seconds > 4.9 for clip in clips]) > 0.5
