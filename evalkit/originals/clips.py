"""The clips that both sides score: those of a folder, or a few that are made here.

Each becomes a WAV file first, as evalkit reads kinds of files that the originals do not; both sides start from that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.decode import decode
from evalkit.audio.encode import wav_bytes
from evalkit.audio.folders import sound_files
from evalkit.core.errors import UserError
from evalkit.core.files import write_bytes
from evalkit.core.text import count

FEWEST = 4
"""Clips: the distance is between two sets of two."""

_SHORTEST = 0.2
"""Seconds: PaSST's original fails for a clip that is shorter than one of its patches."""

MADE = (
    ("mono_16k_0.4s", 0.4, 16000, 1, 0.5),
    ("stereo_44k_1.4s", 1.4, 44100, 2, 0.9),
    ("mono_48k_5s_quiet", 5.0, 48000, 1, 1e-4),
    ("stereo_48k_3s", 3.0, 48000, 2, 0.5),
    ("mono_32k_10.001s", 10.001, 32000, 1, 0.7),
    ("stereo_44k_12s", 12.0, 44100, 2, 0.3),
)
"""Name, seconds, Hz, channels and peak of the clips that are made: every rate at which the originals resample, one
window and more than one, quiet ones too."""


@dataclass(frozen=True)
class Sound:
    """A clip as a WAV file, with the text that CLAP compares it with: its name in words."""

    name: str
    path: Path
    caption: str
    seconds: float


def sounds_for(folder: Path | None, into: Path) -> tuple[list[Sound], list[str]]:
    """The clips, written to the folder `into`, and a line on each file that was left out, with the reason.

    Raises UserError where there are too few of them.
    """
    found: list[Sound] = []
    left_out: list[str] = []
    for name, clip in _made() if folder is None else _of(folder, left_out):
        reason = _unfit(clip)
        if reason:
            left_out.append(f"{name}: {reason}")
            continue
        path = into / f"{len(found)}.wav"
        write_bytes(path, wav_bytes(clip.samples, clip.rate))
        found.append(Sound(name, path, _caption(name), clip.seconds))
    if len(found) < FEWEST:
        told = "; ".join(left_out[:3])
        raise UserError(
            f"{folder}: has {count(len(found), 'clip')} that can be compared, at least {FEWEST} are needed"
            f"{f' (left out: {told})' if told else ''}"
        )
    return found, left_out


def _of(folder: Path, left_out: list[str]) -> Iterator[tuple[str, Clip]]:
    for path in sound_files(folder):
        try:
            yield path.name, decode(path)
        except UserError as error:
            left_out.append(error.message)


def _unfit(clip: Clip) -> str:
    """Why the originals make no number of a clip, "" where they do."""
    if clip.channels > 2:
        return f"has {clip.channels} channels; the originals read one or two"
    if clip.seconds < _SHORTEST:
        return f"is {clip.seconds:.2f} s long; hear21passt needs {_SHORTEST} s"
    if not np.isfinite(clip.samples).all():
        return "holds NaN or infinity"
    if not clip.samples.any():
        return "is silent; the originals divide by its peak"
    return ""


def _caption(name: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in Path(name).stem).split()) or "a sound"


def _made() -> Iterator[tuple[str, Clip]]:
    for name, seconds, rate, channels, peak in MADE:
        yield name, Clip(_signal(name, seconds, rate, channels, peak), rate, "")


def _signal(name: str, seconds: float, rate: int, channels: int, peak: float) -> Samples:
    """(channels, samples) from the name and nothing else: gliding tones, noise under an envelope, and knocks."""
    generator = np.random.default_rng(list(name.encode()))
    time = np.arange(round(seconds * rate)) / rate
    noise = generator.standard_normal((channels, time.size))
    glide = np.sin(2 * np.pi * (180 * time + 0.5 * min(600.0, rate / 4 / seconds) * time**2))
    sound = 0.5 * glide + 0.2 * noise * np.sin(3 * time) ** 2 + noise[:, :1] * np.exp(-12 * (time % 0.7))
    return np.asarray(peak * sound / np.abs(sound).max(), dtype=np.float32)
