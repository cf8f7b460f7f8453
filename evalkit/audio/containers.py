"""What a sound file's container promises, compared with what the file holds.

libsndfile decodes a WAV, an Ogg or an MP3 file that was cut in half without a word, as if it had always
been that short. The container itself knows better: a WAV states the size of its data, the last page of
an Ogg stream is marked, and an MP3 made by LAME states its size in bytes. FLAC needs no help here, as
libsndfile refuses a cut one.
"""

from __future__ import annotations

import struct

# Writers that cannot seek back leave a size near the largest 32-bit number: ffmpeg 0xFFFFFFFF, sox
# 0x7FFFFFFF less the header. Such a size is a placeholder and promises nothing.
_PLACEHOLDER = 0x7FFF0000


def cut_short(data: bytes) -> str | None:
    """In words, how `data` falls short of what its container promises; None where it does not, or cannot say."""
    if data[:4] in (b"RIFF", b"RIFX", b"RF64") and data[8:12] == b"WAVE":
        return _wave_cut(data)
    if data[:4] == b"OggS":
        return _ogg_cut(data)
    return _mp3_cut(data)


def _wave_cut(data: bytes) -> str | None:
    """Walk the chunks up to `data` and compare its stated size with the bytes that follow."""
    order = ">" if data[:4] == b"RIFX" else "<"
    long_size: int | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from(order + "I", data, at + 4)[0]
        if name == b"ds64" and at + 24 <= len(data):
            long_size = struct.unpack_from("<Q", data, at + 16)[0]
        if name == b"data":
            stated = long_size if size == 0xFFFFFFFF and long_size is not None else size
            there = len(data) - at - 8
            if stated <= there or (stated == size and size >= _PLACEHOLDER):
                return None
            return f"its header promises {stated} bytes of sound and {there} are there"
        at += 8 + size + size % 2
    return None


def _ogg_cut(data: bytes) -> str | None:
    """Walk the pages: the file must end with a whole page that is marked as the last of its stream."""
    at, last = 0, False
    while at + 27 <= len(data) and data[at : at + 4] == b"OggS":
        segments = data[at + 26]
        if at + 27 + segments > len(data):
            return "its last page is cut"
        last = bool(data[at + 5] & 4)
        at += 27 + segments + sum(data[at + 27 : at + 27 + segments])
    if at > len(data):
        return "its last page is cut"
    return None if last else "the page that ends the stream is missing"


def _mp3_cut(data: bytes) -> str | None:
    """Compare the size in a Xing or Info frame, where there is one, with the bytes from that frame on."""
    at = 0
    if data[:3] == b"ID3" and len(data) >= 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
        at = 10 + size + (10 if data[5] & 0x10 else 0)
    head = data[at : at + 64]
    if len(head) < 64 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    tag = max(head.find(b"Xing"), head.find(b"Info"))
    if tag < 0 or not head[tag + 7] & 2:
        return None
    field = tag + 8 + (4 if head[tag + 7] & 1 else 0)
    stated = struct.unpack_from(">I", head, field)[0]
    there = len(data) - at
    return f"its header promises {stated} bytes of sound and {there} are there" if there < stated else None
