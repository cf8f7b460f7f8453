"""Each ladder does the damage that it is called after, stronger at each step, and the same damage each time."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.audio.clip import Clip, samples_digest
from evalkit.audio.ladders import LADDERS, harmed
from evalkit.audio.measures import bandwidth, clipped_share, floored_loudness, side_mid_ratio, silent_share

RATE = 44_100
SOUNDS = [name for name, ladder in LADDERS.items() if ladder.harm is not None]


def scene(channels: int = 2, seconds: float = 1.0) -> Clip:
    """A low and a high tone with noise under them, wider than mono, quiet enough to be turned up."""
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE)) / RATE
    tones = 0.1 * np.sin(2 * np.pi * 300 * time) + 0.05 * np.sin(2 * np.pi * 9000 * time)
    samples = (tones + rng.normal(0, 0.01, (channels, len(time)))).astype(np.float32)
    clip = Clip(samples, RATE, "")
    return Clip(samples, RATE, samples_digest(clip))


def along(ladder: str) -> list[Clip]:
    return [harmed(scene(), ladder, step) for step in LADDERS[ladder].steps]


def test_noise_is_as_far_below_the_sound_as_it_says() -> None:
    for step, clip in zip(LADDERS["noise"].steps, along("noise"), strict=True):
        added = clip.samples - scene().samples
        ratio = 10 * np.log10(np.mean(np.square(scene().samples)) / np.mean(np.square(added)))
        assert ratio == pytest.approx(step, abs=0.2)


def test_what_each_step_leaves_is_less() -> None:
    """Held to `audio.measures`, which is code of its own."""
    measured = {
        "low_pass": [bandwidth(clip.samples, RATE) for clip in along("low_pass")],
        "mp3": [-float(np.mean(np.square(clip.samples - scene().samples))) for clip in along("mp3")],
        "clipped": [-clipped_share(clip.samples, clip.rails) for clip in along("clipped")],
        "gain": [floored_loudness(clip.samples, RATE) for clip in along("gain")],
        "mono": [side_mid_ratio(clip.samples) for clip in along("mono")],
        "crop": [clip.seconds for clip in along("crop")],
        "dropped": [-silent_share(clip.samples, RATE) for clip in along("dropped")],
    }
    for name, values in measured.items():
        assert values == sorted(values, reverse=True) and len(set(values)) == len(values), name
    assert side_mid_ratio(along("mono")[-1].samples) == -60
    assert measured["dropped"] == pytest.approx([-step for step in LADDERS["dropped"].steps], abs=0.15)
    assert measured["crop"] == pytest.approx(LADDERS["crop"].steps, abs=1e-3)


def test_mp3_is_at_its_place_and_of_its_length() -> None:
    """An encoder's delay would be heard as what it is not."""
    for channels, rate in ((1, 16_000), (2, 48_000), (6, 44_100)):
        samples = np.random.default_rng(1).normal(0, 0.1, (channels, rate)).astype(np.float32)
        samples[:, : rate // 2] = 0
        made = harmed(Clip(samples, rate, ""), "mp3", 64)
        assert made.samples.shape == (min(2, channels), rate) and made.rate == rate
        heard = np.abs(made.samples).max(axis=0)
        assert heard[: rate // 2 - rate // 20].max() < 0.02 < heard[rate // 2 + 400 :].max()


@pytest.mark.parametrize("name", SOUNDS)
def test_the_same_sound_is_damaged_in_the_same_way_and_a_short_one_too(name: str) -> None:
    for clip in (scene(), scene(1, 0.1), Clip(np.zeros((2, 4410), np.float32), RATE, "")):
        for step in LADDERS[name].steps:
            made = harmed(clip, name, step)
            assert made.samples.dtype == np.float32 and np.isfinite(made.samples).all()
            assert np.array_equal(made.samples, harmed(clip, name, step).samples)
            assert made.digest == samples_digest(made)


def test_a_stronger_step_has_what_a_weaker_one_has() -> None:
    silent = [np.abs(clip.samples).max(axis=0) == 0 for clip in along("dropped")]
    assert all((weak <= strong).all() for weak, strong in zip(silent, silent[1:], strict=False))
