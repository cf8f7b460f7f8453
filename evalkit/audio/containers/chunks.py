"""Files made of named chunks: WAV (RIFF, RIFX, RF64, BW64), AIFF, Wave64, CAF and AU.

Each states the size of its sound in the chunk that holds it. A writer that cannot seek back leaves a placeholder
there (0, or close to the largest number), some write the size of the whole file by mistake, and a recorder that
died left 0. Where the sound is there all the same, the size is put right in memory, and the file is read to its end.

Sources: Microsoft's RIFF and RF64 (EBU Tech 3306), Apple's AIFF-C and CAF, Sony's Wave64, Sun's AU.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from evalkit.audio.containers.survey import MOST_PARTS, Part, Survey, joined
from evalkit.audio.containers.tags import BEHIND

# ffmpeg leaves 0xFFFFFFFF in a WAV that it cannot seek in, sox 0x7FFFFFFF less the header, and 0x7F000008 in an AIFF.
_PLACEHOLDER = 0x7F000000

_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_DATA = b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a")
_MPEG_IN_WAVE = (0x50, 0x55)
_MOST_CHUNKS = 10_000


@dataclass(frozen=True)
class _Form:
    """How chunks are written: `first` chunk's place, bytes of a `name`, struct `code` of a size (its placeholder is
    -1 in `signed` ones), the `align` of the next chunk, whether a size counts the chunk's own head (`whole`), the
    name of the `sound`, and whether libsndfile reads it (`plain`)."""

    first: int
    name: int
    code: str
    align: int
    sound: bytes
    whole: bool = False
    plain: bool = False

    @property
    def head(self) -> int:
        return self.name + struct.calcsize(self.code)


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    at: int
    body: int
    size: int


_WAVE = _Form(12, 4, "<I", 2, b"data", plain=True)
_WAVE_BIG = _Form(12, 4, ">I", 2, b"data", plain=True)
_AIFF = _Form(12, 4, ">I", 2, b"SSND", plain=True)
_W64 = _Form(40, 16, "<q", 8, _W64_DATA, whole=True)
_CAF = _Form(8, 4, ">q", 1, b"data")


def is_chunked(data: bytes) -> bool:
    return data[:4] == b".snd" or _form(data) is not None


def _form(data: bytes) -> _Form | None:
    if data[8:12] == b"WAVE" and data[:4] in (b"RIFF", b"RF64", b"BW64"):
        return _WAVE
    if data[8:12] == b"WAVE" and data[:4] == b"RIFX":
        return _WAVE_BIG
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return _AIFF
    if data[:16] == _W64_RIFF:
        return _W64
    return _CAF if data[:4] == b"caff" else None


def look(data: bytes) -> Survey:
    """The file up to the end of its sound's chunks, and whatever files of these sorts lie behind it."""
    found: list[Survey] = []
    at, last = 0, len(data)
    while at < last and len(found) <= MOST_PARTS:
        one, size = _look_at(data[at:])
        found.append(one)
        at += size
    return joined(found)


def _look_at(data: bytes) -> tuple[Survey, int]:
    """The file at the start of `data`, and how many bytes of it are that file's."""
    form = _form(data)
    if form is None:
        return _look_au(data)
    chunks = list(islice(_walk(data, form, form.first), _MOST_CHUNKS))
    sound = next((chunk for chunk in chunks if chunk.name == form.sound), None)
    if sound is None:
        return Survey((Part(data, form.plain),), _overhang(data, chunks)), len(data)
    stated, there = _stated(data, form, sound, chunks), len(data) - sound.body
    plain = _is_plain(data, form, chunks)
    if _is_open(data, form, sound, stated, there):
        return Survey((Part(_mended(data, form, sound, there), plain),), open_end=True), len(data)
    if stated > there:
        return Survey((Part(data),), f"its header promises {stated} bytes of sound and {there} are there"), len(data)
    return _with_rest(data, form, sound.body + stated, plain)


def _walk(data: bytes, form: _Form, at: int) -> Iterator[_Chunk]:
    """Every chunk from `at` whose head is there, up to one that reaches beyond the end of the file."""
    while at + form.head <= len(data):
        size = struct.unpack_from(form.code, data, at + form.name)[0] - (form.head if form.whole else 0)
        yield _Chunk(data[at : at + form.name], at, at + form.head, size)
        if size < 0:
            return
        at += form.head + size
        at += -at % form.align


def _overhang(data: bytes, chunks: list[_Chunk]) -> str:
    """In words, how the last chunk reaches beyond the end of a file without sound; FFmpeg would make room for it."""
    there = len(data) - chunks[-1].body if chunks else 0
    over = chunks and chunks[-1].size > there
    return f"a part of it promises {chunks[-1].size} bytes and {there} are there" if over else ""


def _stated(data: bytes, form: _Form, sound: _Chunk, chunks: list[_Chunk]) -> int:
    """The size that the header gives the sound; RF64 has it in a chunk of its own."""
    if data[:4] in (b"RF64", b"BW64") and sound.size == 0xFFFFFFFF:
        long = next((chunk for chunk in chunks if chunk.name == b"ds64"), None)
        if long is not None and long.body + 16 <= len(data):
            return int(struct.unpack_from("<Q", data, long.body + 8)[0])
    return sound.size


def _is_open(data: bytes, form: _Form, sound: _Chunk, stated: int, there: int) -> bool:
    """Is the stated size none at all: a placeholder, one never filled in, or that of the file instead of the sound?"""
    if stated == sound.size and (stated < 0 or (stated > there and _is_placeholder(stated))):
        return True
    empty = 8 if form.sound == b"SSND" else 0
    if stated <= empty < there:
        behind = sound.body + stated
        return not is_chunked(data[behind : behind + 64]) and not _is_chain(data, form, behind)
    return stated - there in (36, 44, sound.body - 8, sound.body)


def _is_placeholder(stated: int) -> bool:
    return _PLACEHOLDER <= stated <= 0xFFFFFFFF or stated >= 1 << 62


def _is_chain(data: bytes, form: _Form, at: int) -> bool:
    """Are the bytes from `at` on chunks to the end, with names that a person can read, or nothing but zeros?"""
    if not any(data[at:]):
        return True
    at += -at % form.align
    chunks = list(islice(_walk(data, form, at), _MOST_CHUNKS))
    fits = chunks and chunks[-1].size >= 0 and chunks[-1].body + chunks[-1].size <= len(data) + form.align
    return bool(fits) and all(chunk.name[:4].isascii() and chunk.name[:4].decode().isprintable() for chunk in chunks)


def _mended(data: bytes, form: _Form, sound: _Chunk, there: int) -> bytes:
    """The file with the size of its sound put right; an RF64 becomes a RIFF, which has its size in one place."""
    mended = bytearray(data)
    if data[:4] in (b"RF64", b"BW64"):
        mended[:4] = b"RIFF"
    struct.pack_into(form.code, mended, sound.at + form.name, there + (form.head if form.whole else 0))
    return bytes(mended)


def _is_plain(data: bytes, form: _Form, chunks: list[_Chunk]) -> bool:
    """Does libsndfile read it exactly? Not MPEG inside a WAV, whose length is a guess, and not BW64."""
    layout = next((chunk for chunk in chunks if chunk.name == b"fmt " and chunk.body + 2 <= len(data)), None)
    codec = 0 if layout is None else struct.unpack_from(form.code[0] + "H", data, layout.body)[0]
    return form.plain and data[:4] != b"BW64" and codec not in _MPEG_IN_WAVE


def _with_rest(data: bytes, form: _Form, end: int, plain: bool) -> tuple[Survey, int]:
    """The file, and what lies behind its sound: chunks, a tag, another file, or bytes that nobody reads."""
    at = end + -end % form.align
    behind = list(islice(_walk(data, form, at), _MOST_CHUNKS))
    for start in (end, at, *(chunk.at for chunk in behind)):
        if start < len(data) and is_chunked(data[start : start + 64]):
            return Survey((Part(data[:start], plain),)), start
    if data.startswith(BEHIND, end) or data.startswith(BEHIND, at):
        return Survey((Part(data, plain),)), len(data)
    more = [chunk for chunk in behind if chunk.name == form.sound]
    if more:  # libsndfile refuses such a file, FFmpeg takes the last for the only one
        return Survey((Part(data[: more[0].at], plain),), unread=len(data) - more[0].at), len(data)
    if _is_chain(data, form, end):
        return Survey((Part(data, plain),)), len(data)
    return Survey((Part(data[:end], plain),), unread=len(data) - end), len(data)


def _look_au(data: bytes) -> tuple[Survey, int]:
    """Sun's AU: one head with the place and the size of the sound; -1 is no size."""
    if len(data) < 24:
        return Survey((Part(data),)), len(data)
    start, stated = struct.unpack_from(">II", data, 4)
    there = len(data) - start
    if stated == 0xFFFFFFFF or (stated == 0 and there > 0):
        mended = data[:8] + struct.pack(">I", 0xFFFFFFFF) + data[12:]
        return Survey((Part(mended),), open_end=True), len(data)
    if stated > there:
        cut = f"its header promises {stated} bytes of sound and {max(there, 0)} are there"
        return Survey((Part(data),), cut), len(data)
    end = start + stated
    if is_chunked(data[end : end + 64]):
        return Survey((Part(data[:end]),)), end
    return Survey((Part(data),), unread=len(data) - end if any(data[end:]) else 0), len(data)
