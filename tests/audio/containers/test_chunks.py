"""Sizes that were never filled in, or that count too much, do not cost the sound; what is cut is still called cut."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from evalkit.audio.containers.survey import MOST_PARTS, survey

SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, 16000)
FORMS = {"wav": "WAV", "wavex": "WAVEX", "rf64": "RF64", "aiff": "AIFF", "au": "AU", "w64": "W64", "caf": "CAF"}


def _bytes(form: str) -> bytes:
    with io.BytesIO() as file:
        soundfile.write(file, SOUND, 16000, format=FORMS[form], subtype="PCM_16")
        return file.getvalue()


def _sized(size: int, riff: int | None = None, behind: bytes = b"") -> bytes:
    data = _bytes("wav")
    place = data.index(b"data") + 4
    head = data[:4] + (data[4:8] if riff is None else struct.pack("<I", riff))
    return head + data[8:place] + struct.pack("<I", size) + data[place + 4 :] + behind


@pytest.mark.parametrize("form", FORMS)
def test_whole_cut_and_joined(form: str) -> None:
    data = _bytes(form)
    found = survey(data)
    assert (found.cut, found.open_end, found.unread, len(found.parts)) == ("", False, 0, 1)
    assert survey(data[:-1000]).cut
    assert [part.data for part in survey(data * 3).parts] == [data] * 3


@pytest.mark.parametrize("size", [0, 32044, 32036, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0x7F000008, 0x80000000])
def test_a_size_that_is_none_leaves_the_sound_whole(size: int) -> None:
    """A recorder that died left 0, some write the file's size for the sound's, pipes leave the largest number."""
    found = survey(_sized(size))
    assert (found.cut, found.open_end) == ("", True)
    samples, _ = soundfile.read(io.BytesIO(found.parts[0].data))
    assert len(samples) == len(SOUND)


@pytest.mark.parametrize("size", [32001, 32100, 64000, 1_000_000])
def test_a_size_beyond_the_end_is_a_cut(size: int) -> None:
    assert str(size) in survey(_sized(size)).cut


def test_a_size_of_zero_before_other_chunks_is_an_empty_sound() -> None:
    data = _bytes("wav")
    place = data.index(b"data")
    found = survey(data[:place] + b"data" + bytes(4) + b"LIST" + struct.pack("<I", 4) + b"INFO")
    assert (found.open_end, found.cut) == (False, "")


@pytest.mark.parametrize(
    ("behind", "unread"),
    [(b"LIST\x04\0\0\0INFO", 0), (b"TAG" + bytes(125), 0), (bytes(500), 0), (b"\x01\x02\x03\x04" * 30, 120)],
)
def test_what_lies_behind_the_sound_is_known_or_counted(behind: bytes, unread: int) -> None:
    assert survey(_bytes("wav") + behind).unread == unread


def test_a_header_of_half_the_sound_says_that_the_rest_was_not_read() -> None:
    """A recorder that wrote its header now and then, and died: FFmpeg and sox leave the rest out in silence."""
    assert survey(_sized(16000)).unread == 16000


def test_a_second_chunk_of_sound_is_told() -> None:
    found = survey(_bytes("wav") + b"data" + struct.pack("<I", 8) + b"\x01" * 8)
    assert found.unread == 16
    assert found.parts[0].data == _bytes("wav")


def test_a_chunk_that_claims_gigabytes_is_a_cut() -> None:
    """FFmpeg took 1.1 GB of memory for a LIST that claimed 2.4 GB in a file of 13 kB (case 18047 of the fuzz)."""
    data = _bytes("wav")
    place = data.index(b"data")
    assert survey(data[:place] + b"LIST" + struct.pack("<I", 0x9000001A) + data[place:]).cut


def test_countless_joined_files_and_chunks_end_soon() -> None:
    """A megabyte of heads would be as many files, each of which copied the rest."""
    short = _sized(2)[:46]
    assert len(survey(short * 30_000).parts) == MOST_PARTS + 1
    assert survey(_bytes("wav") + b"LIST\0\0\0\0" * 500_000).cut == ""
