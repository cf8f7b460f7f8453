"""A recording is found again among others whatever became of it; silence and other recordings are not it."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from evalkit.audio.fingerprints import COMMON, Catalogue, fingerprint
from evalkit.audio.resample import resample

RATE = 16_000


def field(seed: int, seconds: float = 4.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    size = int(seconds * RATE)
    slow = np.interp(np.arange(size), np.linspace(0, size, 30), rng.uniform(0.02, 0.3, 30))
    return np.asarray((slow * rng.standard_normal(size))[None], dtype=np.float32)


def mp3(sound: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, sound.T, RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=0.6)  # 66 kbit/s
    file.seek(0)
    return np.asarray(soundfile.read(file, always_2d=True, dtype="float32")[0].T)


def test_it_is_found_among_many_through_gain_shift_rate_and_mp3() -> None:
    known = {str(seed): fingerprint(field(seed), RATE) for seed in range(60)}
    catalogue = Catalogue.of(known)
    for seed in (3, 41):
        sound = field(seed)
        changed = {
            "as it is": fingerprint(sound, RATE),
            "quieter": fingerprint(0.05 * sound, RATE),
            "upside down": fingerprint(-sound, RATE),
            "shifted by 7 ms": fingerprint(sound[:, 112:], RATE),
            "shifted by a second": fingerprint(np.concatenate([field(99, 1.0), sound], axis=1), RATE),
            "at 44.1 kHz": fingerprint(resample(sound, RATE, 44_100), 44_100),
            "stereo": fingerprint(np.concatenate([sound, 0.3 * sound]), RATE),
            "as MP3, shifted and quieter": fingerprint(mp3(0.4 * sound[:, 90:]), RATE),
        }
        for name, words in changed.items():
            assert catalogue.likely(words)[:1] == [str(seed)], name


def test_what_is_in_no_recording_finds_none() -> None:
    catalogue = Catalogue.of({str(seed): fingerprint(field(seed), RATE) for seed in range(60)})
    assert all(catalogue.likely(fingerprint(field(seed), RATE)) == [] for seed in range(100, 140))
    assert Catalogue.of({}).likely(fingerprint(field(0), RATE)) == []


def test_silence_and_broken_sounds_have_no_fingerprint() -> None:
    for sound in (
        np.zeros((1, RATE)),
        np.full((2, RATE), np.nan),
        np.full((1, RATE), np.inf),
        np.zeros((1, 0)),
        field(0, 0.3),
    ):
        assert fingerprint(np.asarray(sound, np.float32), RATE).size == 0
    # A constant and a tone have some, of which a hundred recordings of the same make nothing.
    tone = np.asarray(np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)[None], np.float32)
    same = Catalogue.of({str(place): fingerprint(tone, RATE) for place in range(COMMON + 1)})
    assert same.likely(fingerprint(tone, RATE)) == []
