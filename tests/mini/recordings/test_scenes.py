"""Scenes and captions on made-up recordings: what a caption says must be in the sound."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.mini.recordings.captions import caption, class_caption, phrase
from evalkit.mini.recordings.scenes import (
    CLASSES,
    COUNTABLE,
    Event,
    Recording,
    Scene,
    find_bursts,
    place,
    random_scene,
    render,
    with_recordings,
)

RATE = 8000


def _recordings() -> list[Recording]:
    """Two of each class: a steady tone, or one short burst for the sounds that are counted."""
    found = []
    for index, sound in enumerate(CLASSES):
        for take in range(2):
            seconds = 0.3 if sound in COUNTABLE else 5.0
            time = np.arange(round(seconds * RATE)) / RATE
            samples = (0.5 * np.sin(2 * np.pi * (200 + 50 * index + 10 * take) * time)).astype(np.float32)
            found.append(Recording(f"{sound}-{take}", sound, 1, RATE, samples, ((0, len(samples)),)))
    return found


def _event(sound: str, *, count: int = 1, side: str = "", loudness: str = "", seconds: float = 3.0) -> Event:
    recording = next(one for one in _recordings() if one.sound == sound)
    return place(recording, 0.0, seconds, count, side, loudness, np.random.default_rng(0))  # type: ignore[arg-type]


def test_a_scene_has_its_length_and_never_clips() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        scene = random_scene(rng, _recordings())
        sound = render(scene, RATE)
        assert sound.dtype == np.float32
        assert sound.shape == (2, round(scene.seconds * RATE))
        assert 1 <= scene.seconds <= 5
        assert 0 < np.abs(sound).max() <= 0.99
        assert len(set(scene.labels)) == len(scene.events)


def test_the_same_seed_gives_the_same_scene_and_caption() -> None:
    """A recipe that cannot be repeated cannot be checked."""
    made = []
    for _ in range(2):
        rng = np.random.default_rng(7)
        scene = random_scene(rng, _recordings())
        made.append((render(scene, RATE).tobytes(), caption(scene, rng)))
    assert made[0] == made[1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_bursts_as_the_caption_says(count: int) -> None:
    scene = Scene((_event("dog_bark", count=count),), 3.0, "alone")
    assert len(find_bursts(render(scene, RATE)[0], RATE)) == count
    words = {1: "once|a dog|dog bark|barking", 2: "twice|two times", 3: "three times"}[count]
    text = phrase(scene.events[0], np.random.default_rng(1)).lower()
    assert any(word in text for word in words.split("|"))


@pytest.mark.parametrize(("side", "louder"), [("left", 0), ("right", 1)])
def test_a_side_is_heard_where_it_is_named(side: str, louder: int) -> None:
    event = _event("rain", side=side)
    energy = np.square(render(Scene((event,), 3.0, "alone"), RATE)).sum(axis=1)
    assert energy[louder] > 4 * energy[1 - louder]
    assert side in phrase(event, np.random.default_rng(2))


def test_faint_is_fainter_than_loud() -> None:
    levels = [
        np.abs(render(Scene((_event("rain", loudness=word),), 3.0, "alone"), RATE)).max()
        for word in ("faint", "", "loud")
    ]
    assert levels[0] < levels[1] < levels[2]


def test_then_puts_one_after_the_other() -> None:
    first, second = _event("rain", seconds=1.5), _event("helicopter", seconds=1.5)
    late = Event(second.recording, 1.5, 1.5, 1, second.gain, second.pan, "", "", second.offset)
    scene = Scene((first, late), 3.0, "then")
    sound, alone = render(scene, RATE), render(Scene((first,), 3.0, "alone"), RATE)
    assert np.array_equal(sound[:, :RATE], alone[:, :RATE])
    assert np.abs(alone[:, 2 * RATE :]).max() == 0 < np.abs(sound[:, 2 * RATE :]).max()
    text = caption(scene, np.random.default_rng(0)).lower()
    assert text.index("rain") < text.index("helicopter")


def test_bursts_of_silence_and_of_nothing_are_one() -> None:
    assert find_bursts(np.zeros(RATE, dtype=np.float32), RATE) == ((0, RATE),)
    assert find_bursts(np.zeros(3, dtype=np.float32), RATE) == ((0, 3),)


def test_a_scene_moves_to_recordings_of_another_rate() -> None:
    scene = random_scene(np.random.default_rng(3), _recordings())
    with pytest.raises(ValueError, match="Hz"):
        render(scene, 2 * RATE)
    faster = [
        Recording(one.name, one.sound, 1, 2 * RATE, np.repeat(one.samples, 2), ((0, 2 * len(one.samples)),))
        for one in _recordings()
    ]
    assert render(with_recordings(scene, faster), 2 * RATE).shape[1] == round(scene.seconds * 2 * RATE)


def test_every_class_has_words() -> None:
    assert len({class_caption(sound) for sound in CLASSES}) == len(CLASSES)
