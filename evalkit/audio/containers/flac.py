"""FLAC: STREAMINFO has the count of samples, 0 where the encoder could not go back to fill it in.

Source: RFC 9639, 8.2 and 9.1.
"""

from __future__ import annotations

from evalkit.audio.containers.survey import MOST_PARTS, Part, Survey

_STARTS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
_LONGEST_HEAD = 16


def is_flac(data: bytes) -> bool:
    return data[:4] == b"fLaC"


def look(data: bytes) -> Survey:
    """One part for each header with STREAMINFO; a chance likeness in compressed sound is one in 2**63."""
    places = sorted({0, *(place for start in _STARTS for place in _all(data, start))})
    parts, is_open = [], False
    for place, end in zip(places, [*places[1:], len(data)], strict=True):
        part = data[place:end]
        known = int.from_bytes(part[21:26], "big") & 0xFFFFFFFFF
        parts.append(Part(part, plain=known > _start_of_last_frame(part)))
        is_open |= not known
    return Survey(tuple(parts), open_end=is_open)


def _all(data: bytes, start: bytes) -> list[int]:
    places: list[int] = []
    at = data.find(start)
    while at >= 0 and len(places) <= MOST_PARTS:
        places.append(at)
        at = data.find(start, at + 1)
    return places


def _start_of_last_frame(part: bytes) -> int:
    """The number of the first sample of the last frame, -1 where none is found: a header may count too few."""
    at = part.rfind(b"\xff")
    while at > 42:
        head = part[at : at + _LONGEST_HEAD]
        number = _number(head) if len(head) > 5 and head[1] & 0xFE == 0xF8 else None
        if number is not None:
            return number if head[1] & 1 else number * int.from_bytes(part[8:10], "big")
        at = part.rfind(b"\xff", 42, at)
    return -1


def _number(head: bytes) -> int | None:
    """The coded number of a frame's head, None where its checksum does not fit."""
    width = max(1, 8 - (head[4] ^ 0xFF).bit_length())
    number = head[4] & (0x7F >> (width if width > 1 else 0))
    for byte in head[5 : 4 + width]:
        number = number << 6 | byte & 0x3F
    more = {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    end = 4 + width + more
    return number if end < len(head) and _crc8(head[:end]) == head[end] else None


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
