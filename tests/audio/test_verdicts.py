"""Each named defect gets its verdict, and a sound clip gets none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.audio.clip import Clip
from evalkit.audio.decode import decode
from evalkit.audio.resample import resample
from evalkit.audio.verdicts import FATAL, VERDICTS, inspect

RATE = 44100


def _noise(channels: int = 2, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.3, 0.3, (channels, int(seconds * rate))).astype(np.float32)


def _clip(samples: np.ndarray, rate: int = RATE) -> Clip:
    return Clip(np.asarray(samples, np.float32), rate, "")


def _with(value: float) -> np.ndarray:
    sound = _noise()
    sound[1, 77] = value
    return sound


def _clipped(share: float) -> np.ndarray:
    sound = _noise()
    sound[:, : int(share * sound.shape[1])] = 1.0
    sound[:, : int(share * sound.shape[1]) : 2] = -1.0
    return sound


def _left_only() -> np.ndarray:
    sound = _noise()
    sound[1] = 0
    return sound


def _anti_phase() -> np.ndarray:
    mono = _noise(1)
    return np.concatenate([mono, -0.999 * mono])


CASES = {
    "sound stereo": (_noise(), ()),
    "sound mono": (_noise(1), ()),
    "no frame": (np.zeros((2, 0)), ("empty",)),
    "no channel": (np.zeros((0, 100)), ("empty",)),
    "one NaN": (_with(np.nan), ("nonfinite",)),
    "one infinity": (_with(-np.inf), ("nonfinite",)),
    "all NaN": (np.full((2, 100), np.nan), ("nonfinite",)),
    "all zeros": (np.zeros((2, RATE)), ("silent",)),
    "level 1e-7": (_noise() * 1e-6, ("silent",)),
    "DC of 0.5 alone": (np.full((1, RATE), 0.5), ("silent", "dc_offset")),
    "DC of 0.5 under sound": (_noise() + 0.5, ("dc_offset",)),
    "clipped 1 %": (_clipped(0.01), ("clipped",)),
    "clipped 50 %": (_clipped(0.5), ("clipped",)),
    "beyond full scale": (_noise() * 4, ("clipped",)),
    "16-bit whole numbers as floats": (_noise() * 32767, ("integer_scale", "clipped", "dc_offset")),
    "8-bit whole numbers as floats": (_noise() * 127, ("integer_scale", "clipped", "dc_offset")),
    "left channel only": (_left_only(), ("one_channel_silent",)),
    "mono as stereo": (np.repeat(_noise(1), 2, axis=0), ("dual_mono",)),
    "anti-phase stereo": (_anti_phase(), ("anti_phase",)),
    "eight channels": (_noise(8), ("too_many_channels",)),
}


@pytest.mark.parametrize("name", CASES)
def test_content(name: str) -> None:
    samples, expected = CASES[name]
    assert inspect(_clip(samples)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1.0, ()),
        (1.01, ()),
        (1.05, ("short",)),
        (1.2, ("short",)),
        (0.95, ("long",)),
        (0.1, ("long",)),
        (0.99, ()),
    ],
)
def test_length_against_what_was_asked(seconds: float, expected: tuple[str, ...]) -> None:
    """A second of sound: a crash that cut it shows only here, where the container has no size."""
    assert inspect(_clip(_noise()), seconds=seconds) == expected


def test_one_frame_is_short_and_does_not_crash() -> None:
    assert "short" in inspect(_clip(np.array([[0.3]])), seconds=1.0)
    assert "short" in inspect(_clip(_noise(seconds=0.01)), seconds=1.0)


def test_rate_and_channels_against_what_the_model_states() -> None:
    assert inspect(_clip(_noise(), 22050), rate=44100) == ("wrong_rate",)
    assert inspect(_clip(_noise(1)), channels=2) == ("wrong_channels",)
    assert inspect(_clip(_noise()), seconds=1.0, rate=RATE, channels=2) == ()


def test_upsampled_sound_is_band_limited() -> None:
    """A 16 kHz model behind a 44.1 kHz file: its FD is bad for a reason that a reader should know."""
    low = _noise(2, 1.0, 16000)
    assert inspect(_clip(resample(low, 16000, RATE))) == ("band_limited",)
    assert inspect(_clip(low, 16000)) == ()


def test_every_verdict_is_documented_and_fatal_ones_exist() -> None:
    assert set(VERDICTS) >= FATAL
    assert all(sentence.endswith(".") for sentence in VERDICTS.values())
    assert {"unreadable", "truncated", "empty", "nonfinite", "silent"} <= FATAL


def test_inspection_changes_nothing() -> None:
    sound = _noise()
    before = sound.copy()
    inspect(_clip(sound), seconds=1.0, rate=RATE)
    assert np.array_equal(sound, before)


def test_real_recordings_are_not_failed(esc10: Path) -> None:
    """A fatal verdict on a sound recording would take it out of every score."""
    clips = [decode(path) for path in sorted(esc10.glob("*/*.ogg"))[::4]]
    failed = [clip.digest for clip in clips if FATAL & set(inspect(clip))]
    told = sum(bool(inspect(clip)) for clip in clips)
    assert failed == []
    assert told < 0.1 * len(clips)
