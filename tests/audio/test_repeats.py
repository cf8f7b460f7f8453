"""Planted loops and copies are found as they are met in files, and nothing that merely sounds alike is called one."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.audio.clip import Clip
from evalkit.audio.repeats import copied, flattened, repeated
from evalkit.audio.resample import resample
from evalkit.audio.verdicts import inspect

RATE = 16_000


def field(seed: int, seconds: float = 4.0, rate: int = RATE) -> np.ndarray:
    """(1, samples) of noise that rises and falls, with a tone in it: as unlike another as two recordings are."""
    rng = np.random.default_rng(seed)
    size = int(seconds * rate)
    slow = np.interp(np.arange(size), np.linspace(0, size, 12), rng.uniform(0.02, 0.2, 12))
    hum = 0.05 * np.sin(2 * np.pi * rng.uniform(80, 400) * np.arange(size) / rate)
    return np.asarray((slow * rng.standard_normal(size) + hum)[None], dtype=np.float32)


def looped(seed: int, piece: float = 0.7, times: int = 4) -> np.ndarray:
    return np.concatenate([field(seed, 1.0), *[field(seed + 100, piece)] * times, field(seed + 200, 0.5)], axis=1)


def changes(sound: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(9)
    noise = 0.03 * sound.std() * rng.standard_normal(sound.shape)
    return {
        "louder": 3 * sound,
        "upside down": -0.2 * sound,
        "with noise 30 dB below": sound + noise,
        "at half the rate and back": resample(resample(sound, RATE, 8000), 8000, RATE)[:, : sound.shape[1]],
        "of 8 bits": np.round(sound * 127) / 127,
        "as stereo": np.concatenate([sound, 0.5 * sound]),
        "in channels that cancel": np.concatenate([sound, -sound]),
    }


def test_a_loop_is_found_with_its_length_however_it_was_saved() -> None:
    for seed in range(3):
        for name, sound in {"as it is": looped(seed), **changes(looped(seed))}.items():
            found = repeated(np.asarray(sound, np.float32), RATE)
            assert found is not None, name
            assert found.lag % 0.7 == pytest.approx(0, abs=0.002) or found.lag % 0.7 == pytest.approx(0.7, abs=0.002)
            assert found.seconds >= 0.5 and found.correlation > 0.6


def test_no_loop_where_nothing_comes_again() -> None:
    times = np.arange(4 * RATE) / RATE
    clicks = np.zeros(4 * RATE)
    clicks[:: RATE // 2] = 1.0
    nothing = {
        "noise": field(0)[0],
        "silence": np.zeros(4 * RATE),
        "a constant": np.full(4 * RATE, 0.5),
        "a tone": 0.3 * np.sin(2 * np.pi * 440 * times),
        "a square wave": 0.3 * np.sign(np.sin(2 * np.pi * 100 * times)),
        "a sweep": 0.3 * np.sin(2 * np.pi * (100 + 200 * times) * times),
        "a metronome without any noise": clicks,
        "a loop that is too short": np.tile(field(0, 0.01)[0], 300),
        "less than is looked for": field(0, 0.3)[0],
        "one sample": np.ones(1),
        "NaN": np.full(RATE, np.nan),
        "infinity": np.array([np.inf, *np.ones(RATE)]),
        "a full-scale float": np.full(RATE, 3e38),
    }
    for name, sound in nothing.items():
        assert repeated(np.asarray(sound, np.float32)[None], RATE) is None, name
    assert repeated(np.zeros((1, 0), np.float32), RATE) is None
    assert all(repeated(field(seed), RATE) is None for seed in range(10, 40))


def test_a_copy_is_found_among_others_and_says_how_much_of_it_is_one() -> None:
    one = field(1)
    for name, sound in {"as it is": one, **changes(one)}.items():
        assert copied(flattened(np.asarray(sound, np.float32), RATE), flattened(one, RATE)) > 0.8, name
    shifted = np.concatenate([field(2, 0.03), one], axis=1)[:, : one.shape[1]]
    assert copied(flattened(shifted, RATE), flattened(one, RATE)) > 0.9
    half = np.concatenate([one[:, : 2 * RATE], field(3, 2.0)], axis=1)
    assert copied(flattened(half, RATE), flattened(one, RATE)) == pytest.approx(0.5, abs=0.15)
    other_rate = resample(one, RATE, 44_100)
    assert copied(flattened(other_rate, 44_100), flattened(one, RATE)) > 0.9
    for seed in range(4, 12):
        assert copied(flattened(field(seed), RATE), flattened(one, RATE)) < 0.05
    for empty in (np.zeros((1, RATE)), np.full((1, RATE), 0.3), np.zeros((2, 0))):
        assert copied(flattened(empty.astype(np.float32), RATE), flattened(one, RATE)) == 0.0


def test_the_verdict_is_asked_for_and_costs_nothing_where_it_is_not() -> None:
    clip = Clip(looped(0), RATE, "")
    assert "looped" in inspect(clip, loops=True) and "looped" not in inspect(clip)
    assert "looped" not in inspect(Clip(field(0), RATE, ""), loops=True)
    broken = looped(0)
    broken[0, 5] = np.nan
    assert inspect(Clip(broken, RATE, ""), loops=True) == ("nonfinite",)
