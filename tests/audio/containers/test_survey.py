"""What the containers promise is read right, and nothing whole is called cut."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.audio.containers.survey import survey

SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, (30000, 2))


def _bytes(form: str, subtype: str, rate: int = 44100, **options: object) -> bytes:
    with io.BytesIO() as file:
        soundfile.write(file, SOUND, rate, format=form, subtype=subtype, **options)
        return file.getvalue()


FILES = {
    "wav": _bytes("WAV", "PCM_16"),
    "wav float": _bytes("WAV", "FLOAT"),
    "wav extensible": _bytes("WAVEX", "PCM_24"),
    "wav big-endian": _bytes("WAV", "PCM_16", endian="BIG"),
    "rf64": _bytes("RF64", "PCM_16"),
    "vorbis": _bytes("OGG", "VORBIS"),
    "opus": _bytes("OGG", "OPUS", 48000),
    "mp3 vbr": _bytes("MP3", "MPEG_LAYER_III", bitrate_mode="VARIABLE"),
    "mp3 cbr": _bytes("MP3", "MPEG_LAYER_III", bitrate_mode="CONSTANT"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_is_not_called_cut(name: str) -> None:
    assert survey(FILES[name]).cut == ""


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("missing", [1, 100, 5000])
def test_a_cut_file_is_told_with_numbers(name: str, missing: int) -> None:
    assert survey(FILES[name][:-missing]).cut


def test_bytes_after_the_sound_are_no_matter() -> None:
    """Tags at the end of a WAV or an MP3 are common."""
    for data in (FILES["wav"] + b"LIST" + struct.pack("<I", 4) + b"INFO", FILES["mp3 vbr"] + b"TAG" + bytes(125)):
        found = survey(data)
        assert (found.cut, found.unread, found.open_end) == ("", 0, False)


def test_an_mp3_after_an_id3_tag_is_still_measured() -> None:
    tag = b"ID3\x04\0\0" + bytes([0, 0, 2, 0]) + bytes(256)
    assert survey(tag + FILES["mp3 vbr"]).cut == ""
    assert survey(tag + FILES["mp3 vbr"][:-200]).cut


def test_short_rubbish_is_left_to_the_decoder() -> None:
    for data in (b"", b"R", b"RIFF\0\0\0\0WAVE", b"OggS", b"ID3", b"\xff\xfb", bytes(2000)):
        assert survey(data).cut == "" or data == b"OggS"


def test_real_recordings_are_whole(esc10: Path) -> None:
    """A false alarm here would throw good clips out of a reference set."""
    assert [path.name for path in sorted(esc10.glob("*/*.ogg")) if survey(path.read_bytes()).cut] == []
