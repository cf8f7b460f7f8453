"""The sounds of a prompt are alike in all that is no part of how they sound."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.audio.clip import Clip
from evalkit.audio.level import loudness
from evalkit.listening.level import PEAK, RATE, TARGET, levelled


def noise(seconds: float, rate: int, channels: int, level: float, seed: int = 0) -> Clip:
    rng = np.random.default_rng(seed)
    return Clip((level * rng.standard_normal((channels, int(seconds * rate)))).clip(-1, 1).astype(np.float32), rate, "")


def test_rate_channels_length_and_loudness_tell_no_model() -> None:
    clips = [noise(2.0, 16_000, 1, 0.01), noise(2.1, 44_100, 2, 0.2), noise(2.3, 48_000, 6, 0.05)]
    made = levelled(clips, match=True)
    assert {each.samples.shape for each in made} == {(2, 2 * RATE)}
    for each in made:
        assert loudness(each.samples, RATE) == pytest.approx(TARGET, abs=0.1)
        assert each.matched


def test_a_sound_that_is_much_longer_stays_so() -> None:
    """A model that made five seconds where ten were asked for is heard to have done so."""
    made = levelled([noise(2.0, RATE, 2, 0.1), noise(4.0, RATE, 2, 0.1)], match=True)
    assert [each.samples.shape[1] for each in made] == [2 * RATE, 4 * RATE]


def test_where_a_peak_leaves_no_room_all_are_quieter() -> None:
    click = np.zeros((1, 2 * RATE), dtype=np.float32)
    click[0, ::RATE] = 0.9
    click += 0.001 * np.random.default_rng(1).standard_normal(click.shape).astype(np.float32)
    made = levelled([Clip(click, RATE, ""), noise(2.0, RATE, 1, 0.1)], match=True)
    levels = [loudness(each.samples, RATE) for each in made]
    assert levels[0] == pytest.approx(levels[1], abs=0.1)
    assert levels[0] is not None
    assert levels[0] < TARGET
    assert max(float(np.abs(each.samples).max()) for each in made) <= PEAK + 1e-6


def test_silence_is_told_and_not_turned_up() -> None:
    made = levelled([Clip(np.zeros((1, RATE), dtype=np.float32), RATE, ""), noise(1.0, RATE, 1, 0.1)], match=True)
    assert [each.matched for each in made] == [False, True]
    assert not made[0].samples.any()


def test_as_is_keeps_the_levels_to_one_another() -> None:
    loud, quiet = noise(1.0, RATE, 2, 0.5), noise(1.0, RATE, 2, 0.05)
    made = levelled([loud, quiet], match=False)
    assert made[0].gain_db == made[1].gain_db < 0
    assert float(np.abs(made[0].samples).max()) <= PEAK + 1e-6
