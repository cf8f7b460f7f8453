"""Hostile and broken files each get one clear line and the right verdict; sound ones come through."""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.audio import decode as module
from evalkit.audio import decoded
from evalkit.audio.decode import UnreadableAudio, decode
from evalkit.audio.encode import wav_bytes
from evalkit.audio.measures import clipped_share
from evalkit.audio.verdicts import FATAL, inspect
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_file

FORMS = {
    ".wav": ("WAV", "PCM_16", 4e-5),
    ".flac": ("FLAC", "PCM_24", 1e-6),
    ".ogg": ("OGG", "VORBIS", 0.1),
    ".mp3": ("MP3", "MPEG_LAYER_III", 0.1),
}


def _tone(channels: int = 2, rate: int = 44100, seconds: float = 2.0) -> np.ndarray:
    time = np.arange(int(rate * seconds)) / rate
    return np.stack([0.5 * np.sin(2 * np.pi * (440 + 110 * c) * time) for c in range(channels)]).astype(np.float32)


def _write(path: Path, sound: np.ndarray, rate: int = 44100) -> bytes:
    form, subtype, _ = FORMS[path.suffix]
    soundfile.write(path, sound.T, rate, format=form, subtype=subtype)
    return path.read_bytes()


def _verdict(path: Path) -> str:
    with pytest.raises(UnreadableAudio) as caught:
        decode(path)
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)
    return caught.value.verdict


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_every_format_comes_back(tmp_path: Path, suffix: str, channels: int, rate: int) -> None:
    """`evalkit score` promises wav, flac, ogg and mp3, mono and stereo, at any rate."""
    path = tmp_path / f"clip{suffix}"
    sound = _tone(channels, rate)
    _write(path, sound, rate)
    clip = decode(path)
    assert (clip.rate, clip.samples.dtype, clip.digest) == (rate, np.float32, digest_file(path))
    assert clip.samples.shape == sound.shape
    assert clip.samples.flags.c_contiguous
    assert np.abs(clip.samples - sound).max() < FORMS[suffix][2]


def test_values_over_full_scale_and_nan_are_kept(tmp_path: Path) -> None:
    """A clamp or a NaN hidden here would hide a fault of the model."""
    path = tmp_path / "x.wav"
    soundfile.write(path, np.array([1.5, -2.0, np.nan, np.inf]), 8000, subtype="FLOAT")
    np.testing.assert_array_equal(decode(path).samples, np.array([[1.5, -2.0, np.nan, np.inf]], np.float32))


@pytest.mark.parametrize("keep", [0.25, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("suffix", FORMS)
def test_a_cut_file_is_never_taken_for_a_short_one(tmp_path: Path, suffix: str, keep: float) -> None:
    """libsndfile reads half a WAV, half an Ogg and half an MP3 without a word; scores would be of half clips."""
    path = tmp_path / f"clip{suffix}"
    data = _write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (2, 88200)).astype(np.float32))
    path.write_bytes(data[: int(len(data) * keep)])
    assert _verdict(path) == "truncated"


def test_a_flipped_flac_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    data = bytearray(_write(path, _tone()))
    for place in range(len(data) // 2, len(data) // 2 + 64):
        data[place] ^= 0x55
    path.write_bytes(data)
    assert _verdict(path) in ("truncated", "unreadable")


def test_a_header_without_samples_is_an_empty_clip(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(wav_bytes(np.zeros((2, 0), np.float32), 44100))
    assert decode(path).samples.shape == (2, 0)


def test_a_header_whose_samples_are_cut_off_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(wav_bytes(_tone(), 44100)[:44])
    assert _verdict(path) == "truncated"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF - 36])
def test_a_streamed_wav_of_unknown_size_is_whole(tmp_path: Path, size: int) -> None:
    """ffmpeg and sox write these sizes into a pipe; refusing them would refuse half the world's WAVs."""
    data = wav_bytes(_tone(1, 16000, 0.5), 16000)
    place = data.index(b"data") + 4
    path = tmp_path / "clip.wav"
    path.write_bytes(
        data[:4] + struct.pack("<I", 0xFFFFFFFF) + data[8:place] + struct.pack("<I", size) + data[place + 4 :]
    )
    assert decode(path).samples.shape == (1, 8000)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.wav", b""),
        ("header.wav", b"RIFF" + bytes(26)),
        ("text.wav", b"this is not sound\n" * 40),
        ("page.mp3", b"<!doctype html><html><body>404 Not Found</body></html>" * 40),
        ("zeros.ogg", bytes(5000)),
        ("ogg.ogg", b"OggS" + bytes(300)),
    ],
)
def test_what_is_not_sound_is_unreadable(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert _verdict(path) in ("unreadable", "truncated")


@pytest.mark.parametrize(("rate", "channels"), [(0, 1), (1, 1), (44100, 0), (4_000_000_000, 1)])
def test_absurd_headers_are_unreadable(tmp_path: Path, rate: int, channels: int) -> None:
    """A header of 1 Hz would ask the resampler for gigabytes."""
    layout = struct.pack("<HHIIHH", 1, channels, rate, (rate * channels * 2) % 2**32, channels * 2, 16)
    body = bytes(2000)
    chunks = b"fmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", len(body)) + body
    path = tmp_path / "clip.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    assert _verdict(path) == "unreadable"


def test_sizes_are_capped_before_memory_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.flac"
    _write(path, _tone())
    monkeypatch.setattr(decoded, "MOST_VALUES", 1000)
    assert _verdict(path) == "unreadable"
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    assert _verdict(path) == "unreadable"


def test_a_flac_that_claims_billions_of_samples_takes_no_memory(tmp_path: Path) -> None:
    """The count in STREAMINFO is 36 bits wide: believed, it would be a 500 GB array."""
    path = tmp_path / "clip.flac"
    data = bytearray(_write(path, _tone()))
    data[21] |= 0x0F
    data[22:26] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert _verdict(path) == "unreadable"


def test_other_formats_are_read_by_content(tmp_path: Path) -> None:
    """A name says nothing: an AIFF called .wav is the same sound."""
    path = tmp_path / "clip.wav"
    soundfile.write(path, _tone().T, 44100, format="AIFF", subtype="PCM_16")
    assert np.abs(decode(path).samples - _tone()).max() < 4e-5


def test_what_is_no_sound_says_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(b"this is not sound" * 40)
    with pytest.raises(UnreadableAudio, match=r"evalkit reads wav, flac, ogg, mp3"):
        decode(path)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """Opening a FIFO would wait for ever; a run must not hang on one."""
    fifo, dangling = tmp_path / "fifo.wav", tmp_path / "dangling.wav"
    os.mkfifo(fifo)
    dangling.symlink_to(tmp_path / "nowhere.wav")
    for path in (fifo, dangling, tmp_path, tmp_path / "absent.wav", tmp_path / "a\0b.wav", Path("/dev/null")):
        assert _verdict(path) == "unreadable"


def test_a_hostile_name_stays_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudio) as caught:
        decode(tmp_path / "a\nb\u202e.wav")
    assert str(caught.value).isprintable()


def test_a_link_to_a_regular_file_is_read(tmp_path: Path) -> None:
    _write(tmp_path / "clip.wav", _tone())
    (tmp_path / "link.wav").symlink_to(tmp_path / "clip.wav")
    assert decode(tmp_path / "link.wav").channels == 2


def test_fuzzed_headers_never_crash(tmp_path: Path) -> None:
    """Whatever the first bytes are: a clip or one UnreadableAudio, and nothing else."""
    generator = np.random.default_rng(11)
    path = tmp_path / "clip.bin"
    for suffix in FORMS:
        whole = _write(tmp_path / f"clip{suffix}", _tone(1, 16000, 0.25), 16000)
        for _ in range(150):
            data = bytearray(whole)
            for place in generator.integers(0, min(len(data), 200), 4):
                data[int(place)] = int(generator.integers(0, 256))
            path.write_bytes(data)
            try:
                assert decode(path).samples.ndim == 2
            except UnreadableAudio as error:
                assert error.verdict in ("unreadable", "truncated")


@pytest.mark.parametrize(
    ("form", "subtype"),
    [("WAV", "PCM_U8"), ("WAV", "ULAW"), ("WAV", "ALAW"), ("FLAC", "PCM_S8"), ("WAV", "PCM_16"), ("AU", "ULAW"),
     ("AU", "ALAW"), ("AIFF", "PCM_S8"), ("CAF", "PCM_S8"), ("WAV", "PCM_24"), ("WAV", "FLOAT")],
)  # fmt: skip
def test_clipping_counts_both_rails_of_the_files_own_encoding(tmp_path: Path, form: str, subtype: str) -> None:
    """The largest 8-bit sample is 127/128, that of mu-law 0.98: measured by 16-bit full scale only one side clipped."""
    path = tmp_path / "clip.bin"
    soundfile.write(path, np.tile([0.1, 1.0, -1.0, -0.1], 1000), 8000, format=form, subtype=subtype)
    clip = decode(path)
    assert clipped_share(clip.samples, clip.rails) == 0.5
    assert "clipped" in inspect(clip)
    soundfile.write(path, np.tile([0.1, 0.9, -0.9, -0.1], 1000), 8000, format=form, subtype=subtype)
    clip = decode(path)
    assert clipped_share(clip.samples, clip.rails) == 0.0


def test_a_clip_says_who_read_it_and_what_its_file_left_open(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 88200)).astype(np.float32)
    _write(path, noise)
    assert (decode(path).reader[:11], decode(path).notes) == ("libsndfile ", ())
    streamed = path.read_bytes().replace(b"data" + struct.pack("<I", 352800), b"data" + b"\xff" * 4)
    path.write_bytes(streamed)
    assert inspect(decode(path), seconds=2.0) == ("open_end",)
    assert FATAL.isdisjoint({"open_end", "unread_rest", "surround"})


def test_joined_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(wav_bytes(_tone(1, 16000), 16000) + wav_bytes(_tone(2, 16000), 16000))
    with pytest.raises(UnreadableAudio, match="16000 Hz in 1 and 16000 Hz in 2 channels"):
        decode(path)


def test_nothing_is_said_by_a_library_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """mpg123's notes and soundfile's ignored exceptions named no file, between the lines of a progress bar."""
    whole = {suffix: _write(tmp_path / f"clip{suffix}", _tone(1, 16000, 0.5), 16000) for suffix in FORMS}
    for suffix, data in whole.items():
        for form in (data, data * 2, data[: len(data) // 2], data[:200] + bytes(50) + data[250:], data[700:]):
            path = tmp_path / f"x{suffix}"
            path.write_bytes(form)
            with contextlib.suppress(UnreadableAudio):
                decode(path)
    assert capfd.readouterr() == ("", "")
