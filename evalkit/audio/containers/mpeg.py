"""MP3 and ADTS AAC: frames without a header for the whole, and the tag that LAME puts into the first one.

The tag (Xing in files of varying bit rate, Info in the others) has the size in bytes. Without it a player guesses
the length from the first frame's bit rate; only walking all frames tells it.

Sources: ISO/IEC 11172-3, 2.4.1.3; ISO/IEC 13818-3 and -7; LAME's "Mp3 Info Tag rev 1".
"""

from __future__ import annotations

import struct

from evalkit.audio.containers.survey import Part, Survey

# kbit/s by bit rate index, for MPEG-1 layers I, II, III and MPEG-2 layers I, II and III.
_KBITS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)


def is_mpeg(data: bytes) -> bool:
    return frame_bytes(data[:10]) is not None


def look(data: bytes) -> Survey:
    """One part, whatever was joined: FFmpeg reads on over tags and headers between frames."""
    cut, known = _tag(data)
    return Survey((Part(data),), cut, open_end=not known)


def frame_bytes(head: bytes) -> int | None:
    """The size that a frame's head (6 bytes) states; None where it is no head, 0 where it is one without a size."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer = 4 - (head[1] >> 1 & 3)
    if layer == 4:
        return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5 if head[1] & 0xF0 == 0xF0 else None
    version, bits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bits == 15 or rate == 3:
        return None
    first = version == 3
    kbits = _KBITS[(1, layer) if first else (2, min(layer, 2))][bits]
    hertz = _RATES[rate] >> (0 if first else 1 if version == 2 else 2)
    padding = head[2] >> 1 & 1
    if layer == 1:
        return (12_000 * kbits // hertz + padding) * 4 if kbits else 0
    return (144_000 if first or layer == 2 else 72_000) * kbits // hertz + padding if kbits else 0


def _tag(data: bytes) -> tuple[str, bool]:
    """How the file falls short of the size in its Xing or Info frame, and whether there is such a frame."""
    head = data[:64]
    tag = max(head.find(b"Xing"), head.find(b"Info"))
    if tag < 0 or len(head) < tag + 16 or not head[tag + 7] & 2:
        return "", False
    stated = struct.unpack_from(">I", head, tag + 8 + (4 if head[tag + 7] & 1 else 0))[0]
    there = len(data)
    return (f"its header promises {stated} bytes of sound and {there} are there" if there < stated else ""), True
