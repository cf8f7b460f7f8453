"""FLAC: STREAMINFO has the count of samples, 0 where the encoder could not go back to fill it in.

Source: RFC 9639, 8.2.
"""

from __future__ import annotations

from evalkit.audio.containers.survey import Part, Survey
from evalkit.audio.containers.tags import after_id3

_STARTS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")


def is_flac(data: bytes) -> bool:
    at = after_id3(data)
    return data[at : at + 4] == b"fLaC"


def look(data: bytes) -> Survey:
    """One part for each header with STREAMINFO; a chance likeness in compressed sound is one in 2**63."""
    places = sorted({after_id3(data), *(place for start in _STARTS for place in _all(data, start))})
    parts = []
    for place, end in zip(places, [*places[1:], len(data)], strict=True):
        part = data[place:end]
        known = int.from_bytes(part[21:26], "big") & 0xFFFFFFFFF
        parts.append(Part(part, plain=known > 0))
    return Survey(tuple(parts), open_end=not all(part.plain for part in parts))


def _all(data: bytes, start: bytes) -> list[int]:
    places, at = [], data.find(start)
    while at >= 0:
        places.append(at)
        at = data.find(start, at + 1)
    return places
