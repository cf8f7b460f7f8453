"""Ogg: pages with a number, a checksum, and a mark on the first and the last of each stream.

Files that were joined have a first page after others: each begins a part of its own. The mark on the last page is
left out by some writers (MuseScore, Android, Telegram), whose files are read to their end and said to be open. A page
that is cut, missing or damaged is a hole, which decoders pass over in silence.

Source: RFC 3533, 6.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.audio.containers.survey import MOST_PARTS, Part, Survey, joined
from evalkit.audio.containers.tags import BEHIND

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class _Page:
    """`at` to `end` in the file; `first` and `last` of the stream `serial`; its `number`, and what begins in it."""

    at: int
    end: int
    first: bool
    last: bool
    granule: int
    serial: int
    number: int
    body: int


def is_ogg(data: bytes) -> bool:
    return data[:4] == b"OggS"


def look(data: bytes) -> Survey:
    """One part for each group of streams that begin together."""
    groups: list[list[_Page]] = []
    for page in _pages(data):
        if not groups or (page.first and not groups[-1][-1].first):
            if len(groups) > MOST_PARTS:
                break
            groups.append([])
        groups[-1].append(page)
    if not groups:
        return Survey((Part(data),), "its first page is cut")
    return joined([_look_at(data, pages) for pages in groups])


def _pages(data: bytes) -> Iterator[_Page]:
    """Every page whose head is there; what lies between pages is passed over, as decoders do."""
    at = 0
    while at >= 0 and at + 27 <= len(data):
        segments = data[at + 26]
        body = at + 27 + segments
        end = body + sum(data[at + 27 : body])
        flags = data[at + 5]
        granule, serial, number = (
            int.from_bytes(data[at + start : at + stop], "little", signed=signed)
            for start, stop, signed in ((6, 14, True), (14, 18, False), (18, 22, False))
        )
        yield _Page(at, end, bool(flags & 2), bool(flags & 4), granule, serial, number, body)
        at = data.find(b"OggS", end)


def _look_at(data: bytes, pages: list[_Page]) -> Survey:
    part = data[pages[0].at : pages[-1].end]
    heads = {page.serial: data[page.body : page.body + 16] for page in pages if page.first}
    ends = {page.serial: page.last for page in pages}
    is_open = not all(ends[serial] for serial, head in heads.items() if not head.startswith(b"fishead"))
    vorbis = len(heads) == 1 and all(head.startswith(b"\x01vorbis") for head in heads.values())
    few = all(head[11:12] in (b"\x01", b"\x02") for head in heads.values())  # of more, libsndfile keeps Vorbis' order
    rest = data[pages[-1].end :]
    unread = 0 if b"OggS" in rest or rest.startswith(BEHIND) or not any(rest) else len(rest)
    return Survey((Part(part, vorbis and few and not is_open),), _hole(data, pages), is_open, unread)


def _hole(data: bytes, pages: list[_Page]) -> str:
    """In words, what is missing between the first and the last page."""
    numbers: dict[int, _Page] = {}
    for page in pages:
        if page.end > len(data):
            return "its last page is cut"
        before = numbers.get(page.serial)
        # A stream that was joined while it ran (internet radio) jumps once, behind its headers.
        if before is not None and page.number != before.number + 1 and before.granule > 0:
            return f"page {before.number + 1} of its stream is missing"
        if not _is_whole(data[page.at : page.end]):
            return f"page {page.number} of its stream is damaged: its checksum does not fit"
        numbers[page.serial] = page
    return ""


def _is_whole(page: bytes) -> bool:
    """Does the checksum fit? It is zlib's CRC of mirrored bytes, without the two inversions."""
    mirrored = (page[:22] + bytes(4) + page[26:]).translate(_MIRRORED)
    found = zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2) == int.from_bytes(page[22:26], "little")
