"""clap-mini's batches: what would teach the towers something false."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evalkit.mini.recordings.captions import caption
from evalkit.mini.recordings.clap_batches import (
    TEXT_TARGETS,
    SceneBank,
    agreement,
    augment,
    class_prompts,
    disturb,
    text_targets,
)
from evalkit.mini.recordings.scenes import CLASSES, Event, Recording, Relation, Scene, random_scene
from evalkit.mini.train.clap_format import front_end


def recording(sound: str, fold: int = 1) -> Recording:
    rng = np.random.default_rng(CLASSES.index(sound))
    samples = (0.3 * rng.standard_normal(24000)).astype(np.float32)
    return Recording(f"{sound}/{fold}.ogg", sound, fold, 16000, samples, ((0, 24000),))


RECORDINGS = [recording(sound) for sound in CLASSES]


def scene(relation: Relation, *sounds: str, count: int = 1) -> Scene:
    events = tuple(Event(recording(sound), 0.0, 2.0, count, 0.5, 0.0, "", "", 0.0) for sound in sounds)
    return Scene(events, 4.0, relation)


def test_scenes_that_say_the_same_are_not_set_against_each_other() -> None:
    """Rain with a dog is a dog with rain; only "then" has an order, and only two orders contradict each other."""
    scenes = [
        scene("with", "rain", "dog_bark"),
        scene("with", "dog_bark", "rain"),
        scene("then", "rain", "dog_bark"),
        scene("then", "dog_bark", "rain"),
        scene("alone", "rain"),
        scene("alone", "dog_bark", count=2),
        scene("alone", "dog_bark"),
    ]
    same, unclear = agreement(scenes)
    pairs = {(i, j) for i in range(7) for j in range(7) if same[i, j] and i < j}
    assert pairs == {(0, 1), (5, 6)}
    assert {(i, j) for i in range(7) for j in range(7) if unclear[i, j] and i < j} == {(0, 2), (0, 3), (1, 2), (1, 3)}
    assert torch.equal(same, same.T)
    assert bool(same.diagonal().all())


def test_answers_are_within_their_questions() -> None:
    """A wrong index would train the text tower to say one thing for another."""
    rng = np.random.default_rng(0)
    sizes = list(TEXT_TARGETS.values())
    for _ in range(300):
        drawn = random_scene(rng, RECORDINGS)
        answers = text_targets(drawn)
        assert len(answers) == len(sizes)
        assert all(0 <= answer < size for answer, size in zip(answers, sizes, strict=True))
        assert CLASSES[answers[0]] == drawn.events[0].recording.sound
        assert (answers[5] == len(CLASSES)) == (len(drawn.events) == 1)


def test_bank_batches_are_the_generators_alone() -> None:
    """A resumed training must see the batches that an uninterrupted one sees; the last ones are the long ones."""
    front = front_end()
    banks = [SceneBank(np.random.default_rng(1), RECORDINGS, front, short=4, long=2) for _ in range(2)]
    first, second = (bank.batch(np.random.default_rng(2), 5, 2, 1.0) for bank in banks)
    assert torch.equal(first.mels, second.mels)
    assert first.captions == second.captions
    assert first.mels.shape == (5, 4, front.frames, front.mels)
    assert first.longer.tolist() == [False, False, False, True, True]
    assert torch.equal(first.mels[0, 0], first.mels[0, 3])
    assert not torch.equal(first.mels[4, 1], first.mels[4, 3])


def test_augmented_clips_stay_within_the_window() -> None:
    """A clip that is slowed past the window would become a long one without the tower being told."""
    front = front_end()
    rng = np.random.default_rng(0)
    for _ in range(20):
        out = augment(np.ones(80000, np.float32), front, rng, within=True)
        assert len(out) <= front.max_samples
        assert float(out.abs().max()) == pytest.approx(10 ** (-1 / 20), abs=1e-3)


def test_no_strength_leaves_the_mel_as_it_is() -> None:
    """At strength 0 and without turning in time nothing is done to the sound."""
    mel = torch.randn(1, 251, 64)
    assert torch.equal(disturb(mel, np.random.default_rng(0), roll=False, strength=0.0), mel)


def test_every_class_is_asked_for_in_order() -> None:
    """The class loss reads the prompts by their place."""
    prompts = class_prompts(np.random.default_rng(3), RECORDINGS)
    assert len(prompts) == len(CLASSES)
    for sound, prompt in zip(CLASSES, prompts, strict=True):
        words = {caption(scene("alone", sound), np.random.default_rng(i)).lower() for i in range(60)}
        stem = {"baby_cry": ("baby", "infant"), "rooster": ("rooster", "cock")}.get(sound)
        if stem:
            assert any(word in prompt.lower() for word in stem), (prompt, words)
