"""Batches for clap-mini: scenes with their captions, seen by many ears.

238 recordings overfit in minutes, so every scene is changed on its way to the tower: played faster or
slower, coloured, buried in noise, shifted, masked (SpecAugment, Park et al. 2019). All of it is drawn from
the generator that is passed in, one per step, so that a resumed training sees the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator as Rng
from torch import Tensor

from evalkit.audio.clip import Samples
from evalkit.audio.level import peak_normalize
from evalkit.mini.recordings.captions import caption
from evalkit.mini.recordings.scenes import CLASSES, Event, Recording, Scene, random_event, random_scene, render
from evalkit.nets.clap import FrontEnd, fusion_input, int16_round_trip

_SIDES = ("", "left", "right")
_LEVELS = ("", "loud", "faint")
_RELATIONS = ("alone", "with", "then")

TEXT_TARGETS = {
    "first class": len(CLASSES),
    "first count": 3,
    "first side": 3,
    "first loudness": 3,
    "relation": 3,
    "second class": len(CLASSES) + 1,
    "second count": 4,
    "second side": 4,
    "second loudness": 4,
}
"""What a caption says, as questions with a number of answers; the last answer is "there is no second"."""


@dataclass(frozen=True)
class AudioBatch:
    """`mels` (batch, 4, frames, mels) dB, `longer` (batch,), the scenes and their captions."""

    mels: Tensor
    longer: Tensor
    scenes: tuple[Scene, ...]
    captions: tuple[str, ...]


def text_targets(scene: Scene) -> list[int]:
    """The answers to TEXT_TARGETS for a scene."""
    first, *others = [_answers(event) for event in scene.events]
    second = others[0] if others else [len(CLASSES), 3, 3, 3]
    return [*first, _RELATIONS.index(scene.relation), *second]


def _answers(event: Event) -> list[int]:
    sound = CLASSES.index(event.recording.sound)
    return [sound, event.count - 1, _SIDES.index(event.side), _LEVELS.index(event.loudness)]


def written(scene: Scene, rng: Rng) -> str:
    """A caption, sometimes with the full stop that people type."""
    text = caption(scene, rng)
    return text + "." if rng.random() < 0.1 else text


class SceneBank:
    """Scenes rendered once and used many times: the mel is most of a batch's price, and what happens to it
    afterwards (captions, colour, noise, masks) is drawn anew each time."""

    def __init__(self, rng: Rng, recordings: Sequence[Recording], front: FrontEnd, short: int, long: int) -> None:
        """`short` scenes within the window, and `long` ones above it that train the fusion branch."""
        self._short = [_rendered(rng, recordings, front, None) for _ in range(short)]
        self._long = [_rendered(rng, recordings, front, float(rng.uniform(6.5, 9.5))) for _ in range(long)]

    def batch(self, rng: Rng, size: int, long: int, strength: float) -> AudioBatch:
        """`size` scenes of which the last `long` are above the window; `strength` in [0, 1] as in `disturb`."""
        drawn = [self._short[int(rng.integers(len(self._short)))] for _ in range(size - long)]
        drawn += [self._long[int(rng.integers(len(self._long)))] for _ in range(long)]
        mels = [disturb(mel.float(), rng, scene.relation != "then", strength).expand(4, -1, -1) for scene, mel in drawn]
        return AudioBatch(
            torch.stack(mels),
            torch.arange(size) >= size - long,
            tuple(scene for scene, _ in drawn),
            tuple(written(scene, rng) for scene, _ in drawn),
        )


def _rendered(
    rng: Rng, recordings: Sequence[Recording], front: FrontEnd, seconds: float | None
) -> tuple[Scene, Tensor]:
    """A scene and its mel in fp16, (1, frames, mels), or (4, frames, mels) where it is longer than the window."""
    scene = random_scene(rng, recordings, seconds)
    samples = augment(render(scene, front.rate).mean(axis=0), front, rng, within=seconds is None)
    mel, longer = fusion_input(samples, front, int(rng.integers(2**62)))
    return scene, (mel if longer else mel[:1]).half()


def class_prompts(rng: Rng, recordings: Sequence[Recording]) -> list[str]:
    """One random caption for each class alone, in the order of CLASSES."""
    first = {recording.sound: recording for recording in reversed(recordings)}
    scenes = [Scene((random_event(rng, first[sound], 0.0, 4.0),), 4.0, "alone") for sound in CLASSES]
    return [written(scene, rng) for scene in scenes]


def augment(samples: Samples, front: FrontEnd, rng: Rng, within: bool) -> Tensor:
    """(n,) at another speed (pitch goes with it), sometimes with silence behind it, at -1 dBFS and 16 bits.

    `within` keeps the clip from growing past the window.
    """
    speed = float(np.exp(rng.uniform(-0.2, 0.2)))
    length = round(len(samples) / speed)
    moved = np.interp(np.arange(length) * speed, np.arange(len(samples)), samples).astype(np.float32)
    if within:
        moved = moved[: front.max_samples]
        if rng.random() < 0.3:
            moved = np.pad(moved, (0, int(rng.integers(front.max_samples - len(moved) + 1))))
    return int16_round_trip(torch.from_numpy(peak_normalize(moved)))


def disturb(mel: Tensor, rng: Rng, roll: bool, strength: float) -> Tensor:
    """(crops, frames, mels) dB: recoloured, over a noise floor, and with bands and spans hidden.

    `roll` also turns it round in time, which a scene that has an order does not bear. `strength` in [0, 1]
    sets how much and how often: a tower that has learnt nothing yet learns faster from plain sound.
    """
    _, frames, bands = mel.shape
    curve = np.interp(np.linspace(0, 5, bands), np.arange(6), rng.normal(0.0, 4.0, size=6)) + rng.uniform(-10, 5)
    mel = mel + torch.from_numpy((strength * curve).astype(np.float32))
    if rng.random() < 0.4 * strength:
        tilt = np.linspace(0.0, rng.normal(0, 10), bands) + rng.uniform(-70, -10)
        floor = torch.from_numpy(tilt.astype(np.float32))
        mel = 10.0 * torch.log10(10.0 ** (mel / 10.0) + 10.0 ** (floor / 10.0))
    if roll:
        mel = mel.roll(int(rng.integers(frames)), dims=1)
    level = mel.mean()
    for _ in range(2):
        if rng.random() < 0.7 * strength:
            width, begin = int(rng.integers(1, 10)), int(rng.integers(bands))
            mel[:, :, begin : begin + width] = level
        if rng.random() < 0.7 * strength:
            width, begin = int(rng.integers(1, 40)), int(rng.integers(frames))
            mel[:, begin : begin + width] = level
    return mel


def agreement(scenes: Sequence[Scene]) -> tuple[Tensor, Tensor]:
    """(batch, batch) bool: pairs that say the same, and pairs that cannot be called wrong.

    The same: the same classes in the same relation (and order, where one follows the other). Count, side and
    loudness make no difference here, as a mono clip that is repeated to fill the window and set to one level
    does not keep them; a pair that differs in the relation alone is neither right nor wrong.
    """
    ordered = torch.tensor([scene.relation == "then" for scene in scenes])
    sets = [frozenset(scene.labels) for scene in scenes]
    keys = [(s.relation, s.labels if s.relation == "then" else tuple(sorted(s.labels))) for s in scenes]
    same = torch.tensor([[a == b for b in keys] for a in keys])
    alike = torch.tensor([[a == b for b in sets] for a in sets])
    return same, alike & ~same & ~(ordered[:, None] & ordered[None, :])
