"""Pages tell where streams begin and end, and what is missing between."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
import soundfile

from evalkit.audio.containers.survey import survey
from evalkit.audio.with_ffmpeg import read

SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, 16000 * 8)
MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _vorbis() -> bytes:
    with io.BytesIO() as file:
        soundfile.write(file, SOUND, 16000, format="OGG", subtype="VORBIS")
        return file.getvalue()


def pages(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        body = at + 27 + data[at + 26]
        end = body + sum(data[at + 27 : body])
        found.append(data[at:end])
        at = end
    return found


def signed(page: bytes) -> bytes:
    """The page with the checksum that its bytes ask for."""
    bare = page[:22] + bytes(4) + page[26:]
    crc = int(f"{zlib.crc32(bare.translate(MIRROR), 0xFFFFFFFF) ^ 0xFFFFFFFF:032b}"[::-1], 2)
    return bare[:22] + crc.to_bytes(4, "little") + bare[26:]


DATA = _vorbis()
PAGES = pages(DATA)


def test_a_whole_stream_goes_to_libsndfile() -> None:
    found = survey(DATA)
    assert (found.cut, found.open_end, [part.plain for part in found.parts]) == ("", False, [True])
    assert b"".join(map(signed, PAGES)) == DATA, "the checksum of this test is libogg's"


def test_a_stream_without_an_end_mark_is_open_and_whole() -> None:
    """MuseScore, Android and Telegram write such files; they were refused."""
    last = PAGES[-1][:5] + bytes([PAGES[-1][5] & ~4]) + PAGES[-1][6:]
    found = survey(b"".join([*PAGES[:-1], signed(last)]))
    assert (found.cut, found.open_end, found.parts[0].plain) == ("", True, False)
    assert read(found.parts[0].data).samples.shape[1] == len(SOUND)


def test_pages_after_an_end_mark_are_not_left_out() -> None:
    """libogg stops at the mark."""
    early = signed(PAGES[3][:5] + bytes([PAGES[3][5] | 4]) + PAGES[3][6:])
    last = signed(PAGES[-1][:5] + bytes([PAGES[-1][5] & ~4]) + PAGES[-1][6:])
    assert not survey(b"".join([*PAGES[:3], early, *PAGES[4:-1], last])).parts[0].plain


@pytest.mark.parametrize("times", [2, 3])
def test_joined_streams_are_parts(times: int) -> None:
    found = survey(DATA * times)
    assert [part.data for part in found.parts] == [DATA] * times
    assert all(part.plain for part in found.parts)


def test_a_missing_or_damaged_page_is_a_hole() -> None:
    assert "page 4" in survey(b"".join([*PAGES[:4], *PAGES[5:]])).cut
    hurt = bytearray(DATA)
    hurt[len(DATA) // 2] ^= 0x55
    assert "damaged" in survey(bytes(hurt)).cut
    assert survey(DATA[:-10]).cut


def test_a_stream_that_was_tuned_in_to_jumps_once_behind_its_headers() -> None:
    """Recordings of internet radio: headers first, then whatever page was on the air."""
    first = next(number for number, page in enumerate(PAGES) if int.from_bytes(page[6:14], "little") > 0)
    assert survey(b"".join([*PAGES[:first], *PAGES[first + 2 :]])).cut == ""


def test_tags_and_rubbish_behind_the_last_page() -> None:
    assert survey(DATA + b"TAG" + bytes(125)).unread == 0
    assert survey(DATA + b"rubbish").unread == 7
