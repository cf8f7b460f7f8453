"""MP4 (boxes) and Matroska or WebM (elements): does any of them reach beyond the end of the file?

Sources: ISO/IEC 14496-12, 4.2; RFC 8794 (EBML), 4 to 6; RFC 9559 (Matroska).
"""

from __future__ import annotations

import struct

from evalkit.audio.containers.survey import Part, Survey

_EBML = b"\x1a\x45\xdf\xa3"
_MOST_ELEMENTS = 1_000_000
_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"


def is_boxed(data: bytes) -> bool:
    return data[:4] == _EBML or data[4:8] == b"ftyp"


def look(data: bytes) -> Survey:
    cut, is_open = _look_elements(data) if data[:4] == _EBML else (_look_boxes(data), False)
    return Survey((Part(data),), cut, is_open)


def _look_boxes(data: bytes) -> str:
    """Walk the outermost boxes; a size of 0 means up to the end, 1 that a long one follows."""
    at = 0
    for _ in range(_MOST_ELEMENTS):
        if at + 8 > len(data):
            return ""
        size = struct.unpack_from(">I", data, at)[0]
        if size == 1 and at + 16 <= len(data):
            size = struct.unpack_from(">Q", data, at + 8)[0]
        if size == 0:
            return ""
        if size < 8 or not data[at + 4 : at + 8].isalnum():
            return ""  # no box any more: FFmpeg says what it is
        if at + size > len(data):
            return f"a part of it promises {size} bytes and {len(data) - at} are there"
        at += size
    return ""


def _look_elements(data: bytes) -> tuple[str, bool]:
    """Walk the elements, into the segment and its clusters; and whether one states no size (a browser's recorder
    cannot go back to fill it in)."""
    at, is_open = 0, False
    for _ in range(_MOST_ELEMENTS):
        if at >= len(data):
            return "", is_open
        name, after = _width(data, at), at + _width(data, at)
        size = _width(data, after)
        body = after + size
        if not name or name > 4 or not size:
            return ("its last element is cut" if body > len(data) or after >= len(data) else ""), is_open
        stated = int.from_bytes(data[after:body], "big") & ((1 << 7 * size) - 1)
        unknown = stated == (1 << 7 * size) - 1
        if not unknown and body + stated > len(data):
            return f"a part of it promises {stated} bytes and {max(0, len(data) - body)} are there", is_open
        is_open |= unknown
        at = body if unknown or data[at:after] in (_SEGMENT, _CLUSTER) else body + stated
    return "", True


def _width(data: bytes, at: int) -> int:
    """Bytes of the number at a place, by the zeros that it begins with; 0 where there is none."""
    return 9 - data[at].bit_length() if at < len(data) and data[at] else 0
