"""Sounds and captions that evalkit and the originals are given alike; made from seeds, or real recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """One sound: `kind` is what it is made of, `gain` its peak; `caption` is what CLAP compares it with."""

    name: str
    seconds: float
    rate: int
    channels: int
    kind: str
    caption: str
    gain: float = 0.5


SYNTHETIC = (
    Case("mono_16k_0.4s", 0.4, 16000, 1, "chirp", "a short beep"),
    Case("stereo_44k_1.4s", 1.4, 44100, 2, "bursts", "Two knocks on a wooden door, then silence."),
    Case("mono_48k_5s_quiet", 5.0, 48000, 1, "chirp", "A very quiet whistle rises.", 1e-4),
    Case("silent_2s", 2.0, 44100, 2, "silence", "nothing"),
    Case("stereo_48k_10.000s", 10.0, 48000, 2, "bursts", "hammering; someone works far away"),
    Case("mono_32k_10.001s", 10.001, 32000, 1, "noise", "wind, wind, and more wind " * 20),
    Case("stereo_44k_31s", 31.0, 44100, 2, "mixed", "Ein Sturm über der See: wind, waves and a bell \N{BELL}"),
)

REPEATED = Case("stereo_44k_5s", 5.0, 44100, 2, "bursts", "five seconds of hammering")
"""For CLAP: librosa makes 240,001 samples of it at 48 kHz, which fit once into 10 s; 240,000 would fit twice."""


EDGES = (
    Case("mono_44k_0.1s", 0.1, 44100, 1, "chirp", "a click"),
    Case("stereo_48k_1s", 1.0, 48000, 2, "bursts", "a second"),
    Case("stereo_44k_9.99s", 9.99, 44100, 2, "mixed", "nearly ten seconds"),
)
"""Further lengths and rates, for judges without a window of their own."""

_KINDS = ("chirp", "bursts", "noise", "mixed")
GRID = tuple(
    Case(f"{seconds}s_{rate}_{channels}", seconds, rate, channels, _KINDS[(place + place // 4) % 4], "")
    for place, (channels, seconds, rate) in enumerate(
        product((1, 2), (0.1, 0.4, 1.0, 9.99, 10.0, 31.0), (16000, 32000, 44100, 48000))
    )
)
"""Each length at each rate in mono and stereo, for protocols that crop."""


def sound(case: Case) -> Sound:
    """float32 (samples, channels) from the case's name and nothing else."""
    generator = np.random.default_rng(list(case.name.encode()))
    count = round(case.seconds * case.rate)
    time = np.arange(count) / case.rate
    parts = {
        "silence": np.zeros(count),
        "chirp": np.sin(2 * np.pi * (200 * time + 0.5 * 900 * time**2)),
        "noise": _brown(generator, count),
        "bursts": generator.standard_normal(count) * np.exp(-12 * (time % 0.7)),
    }
    parts["mixed"] = 0.4 * parts["noise"] + 0.5 * parts["bursts"] + 0.2 * np.sin(2 * np.pi * 440 * time)
    mono = parts[case.kind]
    side = 0.3 * parts["bursts"] if case.kind != "silence" else parts["silence"]
    channels = np.stack([mono + side, mono - side][: case.channels] if case.channels == 2 else [mono], axis=1)
    return (case.gain * channels / max(1e-12, float(np.abs(channels).max()))).astype(np.float32)


def _brown(generator: np.random.Generator, count: int) -> NDArray[np.float64]:
    walk = np.convolve(generator.standard_normal(count + 63), np.hanning(64), mode="valid")
    return np.asarray(walk * (1 + 0.5 * np.sin(np.linspace(0, 20, count))))


def write_synthetic(case: Case, folder: Path) -> Path:
    """A 32-bit float WAV file of the case."""
    path = folder / f"{case.name}.wav"
    soundfile.write(path, sound(case), case.rate, subtype="FLOAT")
    return path


def real_cases(esc10: Path) -> list[tuple[str, Path, str]]:
    """Name, file and caption of real recordings: two of 5 s as they are."""
    found = []
    for name, folder in (("real_dog_bark", "dog_bark"), ("real_rain", "rain"), ("real_rooster", "rooster")):
        first = sorted((esc10 / folder).glob("*.ogg"))[0]
        found.append((name, first, f"the sound of {folder.replace('_', ' ')}"))
    return found


def recordings(esc10: Path, count: int) -> tuple[list[Path], list[Path]]:
    """Two sets of `count` real recordings each, none in both, kind by kind."""
    kinds = [sorted(folder.glob("*.ogg")) for folder in sorted(esc10.iterdir()) if folder.is_dir()]
    places = [divmod(number, len(kinds)) for number in range(count)]
    first, second = ([kinds[kind][2 * turn + side] for turn, kind in places] for side in (1, 2))
    return first, second


def write_long_real(esc10: Path, folder: Path) -> tuple[str, Path, str]:
    """Three recordings after one another, 15 s, as one WAV file."""
    pieces, rate = [], 0
    for kind in ("sea_waves", "helicopter", "chainsaw"):
        samples, rate = soundfile.read(sorted((esc10 / kind).glob("*.ogg"))[0], dtype="float32", always_2d=True)
        pieces.append(samples[:, :1])
    path = folder / "real_long_15s.wav"
    soundfile.write(path, np.concatenate(pieces), rate, subtype="FLOAT")
    return "real_long_15s", path, "waves, then a helicopter, then a chainsaw"


def all_files(folder: Path, esc10: Path | None, more: tuple[Case, ...] = ()) -> Iterator[tuple[str, Path, str]]:
    """Name, file and caption of every case and of `more`; real ones only where the recordings are."""
    for case in (*SYNTHETIC, *more):
        yield case.name, write_synthetic(case, folder), case.caption
    if esc10 is not None:
        yield from real_cases(esc10)
        yield write_long_real(esc10, folder)
