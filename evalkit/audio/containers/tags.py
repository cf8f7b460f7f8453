"""Tags that players put before and behind sound: ID3, APE, Lyrics3."""

from __future__ import annotations

BEHIND = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")


def after_id3(data: bytes) -> int:
    """Where the file proper begins, behind any ID3v2 tags at its start (id3.org, ID3v2.4, 3.1)."""
    at = 0
    while data[at : at + 3] == b"ID3" and len(data) >= at + 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(data[at + 6 : at + 10], (21, 14, 7, 0), strict=True))
        at += 10 + size + (10 if data[at + 5] & 0x10 else 0)
    return at
