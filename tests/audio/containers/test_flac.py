from __future__ import annotations

import io

import numpy as np
import soundfile

from evalkit.audio.containers.survey import survey
from evalkit.audio.with_ffmpeg import read

SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, 16000)


def _flac(count: int | None = None) -> bytes:
    """A FLAC file; `count` stands in its header instead of the truth."""
    with io.BytesIO() as file:
        soundfile.write(file, SOUND, 16000, format="FLAC", subtype="PCM_16")
        data = bytearray(file.getvalue())
    if count is not None:
        data[21] &= 0xF0
        data[22:26] = count.to_bytes(4, "big")
    return bytes(data)


def test_a_known_count_goes_to_libsndfile() -> None:
    found = survey(_flac())
    assert (found.open_end, [part.plain for part in found.parts]) == (False, [True])


def test_an_unknown_count_is_open_and_whole() -> None:
    """`ffmpeg -f flac pipe:1` writes 0; libsndfile asks for more memory than there is."""
    found = survey(_flac(0))
    assert (found.open_end, found.parts[0].plain) == (True, False)
    assert read(found.parts[0].data).samples.shape[1] == 16000


def test_a_count_that_is_too_small_is_not_believed() -> None:
    """libsndfile stops at the header's count, and the rest was left out in silence."""
    found = survey(_flac(5000))
    assert not found.parts[0].plain
    assert read(found.parts[0].data).samples.shape[1] == 16000


def test_joined_files_are_parts_also_behind_a_tag() -> None:
    tag = b"ID3\x04\0\0" + bytes([0, 0, 2, 0]) + bytes(256)
    assert [part.data for part in survey(tag + _flac() * 2).parts] == [_flac()] * 2
