"""Ladders: one kind of damage in steps from weak to strong, on which it shows what a metric hears.

Each step takes the sound as it was, not the step before it, and the same sound is damaged in the same way each time:
the random numbers of a clip come from its samples, and a stronger step has all that a weaker one has and more of it.
Two of the ladders damage no sound: captions go to other sounds (`captions`), and one sound takes the place of others
(`repeated`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from evalkit.audio.anchors import low_passed
from evalkit.audio.clip import Clip, Samples, samples_digest
from evalkit.audio.decode import decode_bytes
from evalkit.audio.resample import resample
from evalkit.core.interrupts import held
from evalkit.core.paths import typed

Harm = Callable[[Clip, float], Samples]


@dataclass(frozen=True)
class Ladder:
    """`steps` are in `unit`, the weakest first. `works_on` says what a step is done to: "sounds": `harm` gives each
    clip's samples (channels, samples) at a step; "share": its strongest form takes the place of a share of the clips;
    "captions" and "set": that share of the clips gets the caption of another, or makes way for one and the same
    clip."""

    title: str
    unit: str
    steps: tuple[float, ...]
    works_on: Literal["sounds", "share", "captions", "set"] = "sounds"
    harm: Harm | None = None


def harmed(clip: Clip, ladder: str, step: float) -> Clip:
    """The clip at one step of a ladder of sounds; a mono clip has no width to lose and stays as it is."""
    harm = LADDERS[ladder].harm
    assert harm is not None, f"{ladder} damages no sound"
    made = replace(clip, samples=np.ascontiguousarray(harm(clip, step), dtype=np.float32))
    return replace(made, digest=samples_digest(made))


def _noisy(clip: Clip, decibels: float) -> Samples:
    """White noise in each channel, so far below the clip's mean power."""
    power = float(np.mean(np.square(clip.samples, dtype=np.float64)))
    noise = _random(clip).standard_normal(clip.samples.shape)
    return np.asarray(clip.samples + noise * np.sqrt(power / 10 ** (decibels / 10)), dtype=np.float32)


def _low_passed(clip: Clip, hertz: float) -> Samples:
    return low_passed(clip.samples, clip.rate, hertz)


_MPEG_1, _MPEG_2 = 44_100, 22_050
_LOW_RATES = 32.0
"""kbit/s up to which an encoder takes half the rate of samples, as LAME does by itself."""


def _through_mp3(clip: Clip, kilobits: float) -> Samples:
    """Through MP3 of a constant rate (LAME, by PyAV) and back, at its place and of its length; of several channels the
    first two."""
    import av

    rate = _MPEG_2 if kilobits <= _LOW_RATES else _MPEG_1
    sound = resample(clip.samples[:2], clip.rate, rate)
    layout = "mono" if sound.shape[0] == 1 else "stereo"
    with io.BytesIO() as file, held():
        with av.open(file, "w", format="mp3") as container:
            stream = container.add_stream("libmp3lame", rate=rate, layout=layout, format="fltp")
            stream.bit_rate = round(1000 * kilobits)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=layout)
            frame.rate = rate
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        coded = file.getvalue()
    return _fitted(resample(decode_bytes(coded, typed("step.mp3")).samples, rate, clip.rate), clip)


def _fitted(samples: Samples, clip: Clip) -> Samples:
    """The samples as long as the clip's: a coder works in whole frames."""
    length = clip.samples.shape[1]
    return np.pad(samples[:, :length], ((0, 0), (0, max(0, length - samples.shape[1]))))


def _narrowed(clip: Clip, width: float) -> Samples:
    """The side signal of the first two channels at `width` of what it was; 0 is mono in both."""
    if clip.channels < 2:
        return clip.samples
    mid, side = (clip.samples[0] + clip.samples[1]) / 2, (clip.samples[0] - clip.samples[1]) / 2
    return np.stack([mid + np.float32(width) * side, mid - np.float32(width) * side])


def _cropped(clip: Clip, share: float) -> Samples:
    return clip.samples[:, : max(1, round(share * clip.samples.shape[1]))]


def _turned_down(clip: Clip, decibels: float) -> Samples:
    return clip.samples * np.float32(10 ** (-decibels / 20))


def _clipped(clip: Clip, decibels: float) -> Samples:
    """The peak that far beyond full scale, and cut there."""
    peak = max(float(np.abs(clip.samples).max(initial=0.0)), 1e-9)
    loud = clip.samples * np.float32(10 ** (decibels / 20) / peak)
    low, high = clip.rails
    return np.clip(loud, np.float32(low), np.float32(high))


_BLOCKS = 20
_RAMP_SECONDS = 0.005


def _dropped(clip: Clip, share: float) -> Samples:
    """Silence in that share of the clip's twentieths, with ramps of 5 ms, so that no click is heard in its place."""
    from scipy.ndimage import uniform_filter1d

    length = clip.samples.shape[1]
    ends = np.linspace(0, length, _BLOCKS + 1).round().astype(int)
    kept = np.ones(length)
    for block in _random(clip).permutation(_BLOCKS)[: round(share * _BLOCKS)]:
        kept[ends[block] : ends[block + 1]] = 0.0
    ramped = uniform_filter1d(kept, max(1, round(_RAMP_SECONDS * clip.rate)), mode="nearest")
    return np.asarray(clip.samples * np.where(ramped < 1e-9, 0.0, ramped), dtype=np.float32)


def _reversed(clip: Clip, _: float) -> Samples:
    return clip.samples[:, ::-1]


def _random(clip: Clip) -> np.random.Generator:
    return np.random.default_rng(int(samples_digest(clip)[:8], 16))


_SHARES = (0.25, 0.5, 0.75, 1.0)

LADDERS: Mapping[str, Ladder] = MappingProxyType(
    {
        "noise": Ladder("white noise", "dB below the sound", (40, 30, 20, 10, 0), harm=_noisy),
        "low_pass": Ladder("low-pass", "Hz", (8000, 4000, 2000, 1000), harm=_low_passed),
        "mp3": Ladder("MP3", "kbit/s", (128, 64, 32, 16), harm=_through_mp3),
        "clipped": Ladder("overdriven", "dB over full scale", (6, 12, 18, 24), harm=_clipped),
        "gain": Ladder("turned down", "dB", (6, 12, 24, 36), harm=_turned_down),
        "mono": Ladder("narrowed to mono", "of its width", (0.75, 0.5, 0.25, 0.0), harm=_narrowed),
        "crop": Ladder("cropped", "of its length", (0.8, 0.6, 0.4, 0.2), harm=_cropped),
        "dropped": Ladder("events dropped", "of the time silenced", (0.2, 0.4, 0.6, 0.8), harm=_dropped),
        "reversed": Ladder("played backwards", "of the sounds", _SHARES, "share", _reversed),
        "captions": Ladder("wrong captions", "of the sounds", _SHARES, "captions"),
        "repeated": Ladder("one sound over again", "of the sounds", (0.2, 0.4, 0.6, 0.8), "set"),
    }
)
"""Name -> ladder, in the order in which they are told."""
