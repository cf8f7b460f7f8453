"""Scenes: short mixes of real recordings, with a caption that says what is in them.

240 clips become many: a scene picks one or two sounds, trims each to where something happens, repeats the
short ones, sets them side by side or one after the other at random gains and pans, and the caption names
what, how many, in which order, where and how loud. Two sources at random gains is AudioGen's augmentation
(Kreuk et al. 2023, section 3.3); order, count and pan are added because a stereo suite asks for them.

All randomness comes from the `numpy` generator that is passed in.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.random import Generator as Rng

from evalkit.audio.clip import Samples

CLASSES = (
    "baby_cry",
    "chainsaw",
    "clock_tick",
    "dog_bark",
    "fire_crackling",
    "helicopter",
    "person_sneeze",
    "rain",
    "rooster",
    "sea_waves",
)

COUNTABLE = frozenset({"dog_bark", "person_sneeze", "rooster"})
"""Sounds short enough to be heard two or three times within a scene."""

Relation = Literal["alone", "with", "then"]
Side = Literal["left", "right", ""]
Loudness = Literal["loud", "faint", ""]

WINDOW_SECONDS = 5.12
"""The longest scene, and the window that stable-audio-mini is trained on."""


@dataclass(frozen=True)
class Recording:
    """One clip of ESC-10: `samples` float32 (samples,) at `rate`, cut to where it sounds; `bursts` are
    (start, stop) sample ranges of its separate events."""

    name: str
    sound: str
    fold: int
    rate: int
    samples: Samples
    bursts: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Event:
    """One sound within a scene: from `start` for `seconds`, `count` times, at `gain` and `pan` in [-1, 1]."""

    recording: Recording
    start: float
    seconds: float
    count: int
    gain: float
    pan: float
    side: Side
    loudness: Loudness
    offset: float


@dataclass(frozen=True)
class Scene:
    events: tuple[Event, ...]
    seconds: float
    relation: Relation

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes heard, in order of appearance, without repeats."""
        return tuple(dict.fromkeys(event.recording.sound for event in self.events))


def load_recordings(root: Path, rate: int, folds: Sequence[int], bandwidth: int | None = None) -> list[Recording]:
    """The clips of the given folds at `rate` Hz, mono, cut to where they sound.

    `bandwidth` (Hz) first takes them down to twice that rate and back, which is how recordings sound at
    the rate of a smaller generator. Raises FileNotFoundError where `root/clips.csv` is absent.
    """
    with (root / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["fold"]) in folds]
    return [_read_recording(root, row, rate, bandwidth) for row in rows]


def _read_recording(root: Path, row: dict[str, str], rate: int, bandwidth: int | None) -> Recording:
    samples, native = soundfile.read(root / row["file"], dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if bandwidth:
        mono = soxr.resample(mono, native, 2 * bandwidth)
        native = 2 * bandwidth
    if native != rate:
        mono = soxr.resample(mono, native, rate)
    bursts = find_bursts(mono, rate)
    first, last = bursts[0][0], bursts[-1][1]
    mono = np.ascontiguousarray(mono[first:last], dtype=np.float32)
    mono /= max(float(np.abs(mono).max()), 1e-4)
    shifted = tuple((start - first, stop - first) for start, stop in bursts)
    return Recording(row["file"], row["class"], int(row["fold"]), rate, mono, shifted)


def find_bursts(samples: Samples, rate: int, floor_db: float = -35.0, gap: float = 0.15) -> tuple[tuple[int, int], ...]:
    """(start, stop) ranges whose 20-ms level is within `floor_db` of the peak level, joined over `gap` s.

    Never empty: a clip with nothing above the floor is one burst.
    """
    hop = max(rate // 50, 1)
    frames = len(samples) // hop
    if frames == 0:
        return ((0, len(samples)),)
    level = np.sqrt(np.mean(samples[: frames * hop].reshape(frames, hop).astype(np.float64) ** 2, axis=1))
    active = np.flatnonzero(level > level.max() * 10 ** (floor_db / 20))
    if len(active) == 0 or level.max() <= 0:
        return ((0, len(samples)),)
    breaks = np.flatnonzero(np.diff(active) > gap * 50)
    starts = active[np.concatenate([[0], breaks + 1])]
    stops = active[np.concatenate([breaks, [len(active) - 1]])] + 1
    return tuple((int(a) * hop, min(int(b + 1) * hop, len(samples))) for a, b in zip(starts, stops, strict=True))


def random_scene(rng: Rng, recordings: Sequence[Recording], seconds: float | None = None) -> Scene:
    """A scene of one sound (60 %), two at once (20 %) or one after the other (20 %), 1 to 5 s long."""
    length = float(seconds if seconds is not None else rng.choice([1, 2, 3, 4, 5, rng.uniform(1, 5)]))
    relation: Relation = str(rng.choice(["alone", "with", "then"], p=[0.6, 0.2, 0.2]))  # type: ignore[assignment]
    if length < 2:
        relation = "alone"
    first = _pick(rng, recordings, exclude=None)
    if relation == "alone":
        return Scene((random_event(rng, first, 0.0, length),), length, relation)
    second = _pick(rng, recordings, exclude=first.sound)
    if relation == "with":
        events = (random_event(rng, first, 0.0, length), random_event(rng, second, 0.0, length))
    else:
        middle = length * float(rng.uniform(0.4, 0.6))
        events = (random_event(rng, first, 0.0, middle), random_event(rng, second, middle, length - middle))
    return Scene(events, length, relation)


def _pick(rng: Rng, recordings: Sequence[Recording], exclude: str | None) -> Recording:
    sounds = sorted({recording.sound for recording in recordings} - {exclude})
    sound = sounds[int(rng.integers(len(sounds)))]
    pool = [recording for recording in recordings if recording.sound == sound]
    return pool[int(rng.integers(len(pool)))]


def random_event(rng: Rng, recording: Recording, start: float, seconds: float) -> Event:
    """One sound placed at random: how often, how loud, on which side; extremes are named in the caption."""
    count = 1
    if recording.sound in COUNTABLE and seconds >= 1.5:
        count = int(rng.choice([1, 1, 2, 3]))
    loudness: Loudness = str(rng.choice(["", "loud", "faint"], p=[0.7, 0.15, 0.15]))  # type: ignore[assignment]
    side: Side = str(rng.choice(["", "left", "right"], p=[0.6, 0.2, 0.2]))  # type: ignore[assignment]
    return place(recording, start, seconds, count, side, loudness, rng)


def place(
    recording: Recording, start: float, seconds: float, count: int, side: Side, loudness: Loudness, rng: Rng
) -> Event:
    """An event with the gain and pan that its words stand for (with a little spread)."""
    decibel = {"loud": -2.0, "faint": -22.0, "": -9.0}[loudness] + float(rng.uniform(-2, 2))
    centre = {"left": -0.8, "right": 0.8, "": 0.0}[side]
    pan = float(np.clip(centre + rng.uniform(-0.15, 0.15), -1, 1))
    return Event(recording, start, seconds, count, 10 ** (decibel / 20), pan, side, loudness, float(rng.random()))


def render(scene: Scene, rate: int) -> Samples:
    """float32 (2, samples) of the scene at `rate`, which must be its recordings' rate; peak at most 0.99."""
    out = np.zeros((2, round(scene.seconds * rate)), dtype=np.float32)
    for event in scene.events:
        if event.recording.rate != rate:
            raise ValueError(f"recording at {event.recording.rate} Hz in a scene rendered at {rate} Hz")
        begin = round(event.start * rate)
        length = min(round(event.seconds * rate), out.shape[1] - begin)
        sound = _sound_of(event, length) * event.gain
        angle = (event.pan + 1) * np.pi / 4
        out[0, begin : begin + length] += sound * np.float32(np.sqrt(2) * np.cos(angle))
        out[1, begin : begin + length] += sound * np.float32(np.sqrt(2) * np.sin(angle))
    peak = float(np.abs(out).max(initial=0.0))
    return out * np.float32(0.99 / peak) if peak > 0.99 else out


def _sound_of(event: Event, length: int) -> Samples:
    """(length,) of the event's recording: its bursts laid out `count` times, or a looped excerpt."""
    if event.recording.sound in COUNTABLE:
        return _bursts_of(event, length)
    samples = event.recording.samples
    if len(samples) >= length:
        begin = int(event.offset * (len(samples) - length + 1))
        return _faded(samples[begin : begin + length])
    begin = int(event.offset * len(samples))
    return _faded(np.resize(np.roll(samples, -begin), length))


def _bursts_of(event: Event, length: int) -> Samples:
    """One burst of the recording, heard `count` times at even distances."""
    samples, bursts = event.recording.samples, event.recording.bursts
    slot = length // event.count
    start, stop = max(bursts, key=lambda burst: burst[1] - burst[0])
    longest = min(stop - start, slot)
    out = np.zeros(length, dtype=np.float32)
    lead = int(event.offset * 0.5 * max(slot - longest, 0))
    for turn in range(event.count):
        out[turn * slot + lead : turn * slot + lead + longest] = _faded(samples[start : start + longest])
    return out


def _faded(samples: Samples, fade: int = 64) -> Samples:
    """The samples with short ramps at both ends, so that a cut is not heard as a click."""
    out = samples.copy()
    size = min(fade, len(out) // 2)
    if size:
        ramp = np.linspace(0, 1, size, dtype=np.float32)
        out[:size] *= ramp
        out[-size:] *= ramp[::-1]
    return out


def with_recordings(scene: Scene, recordings: Sequence[Recording]) -> Scene:
    """The same scene over the same recordings at another rate (matched by name)."""
    named = {recording.name: recording for recording in recordings}
    events = tuple(replace(event, recording=named[event.recording.name]) for event in scene.events)
    return replace(scene, events=events)
