"""What a sound file's container promises, compared with what the file holds.

Decoders read a file that was cut in half without a word, as if it had always been that short; they stop at the
end of the first of two joined streams; and they take a count in a header for the truth where it is an estimate,
or was never filled in. The container itself knows better, so it is looked at before anything is decoded: where
streams of their own begin, whether the file says how long it is, and whether that much is there.

A file is known by its first bytes and never by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evalkit.audio.containers.tags import after_id3


@dataclass(frozen=True)
class Part:
    """One stream with a header of its own, as the file it would be by itself.

    `plain` where libsndfile reads it and its header says how long it is; FFmpeg reads the others.
    """

    data: bytes
    plain: bool = False


@dataclass(frozen=True)
class Survey:
    """What there is to decode, and what is wrong.

    `parts` in order, more than one where files were joined; `cut` in words how the file falls short of its
    promise, "" where it does not; `open_end` where it makes no promise that could be held against it (a pipe, a
    header never finished), so that a cut file would look the same; `unread` counts bytes behind the sound that are
    neither sound nor a known sort of tag.
    """

    parts: tuple[Part, ...]
    cut: str = ""
    open_end: bool = False
    unread: int = 0


MOST_PARTS = 100
"""Files in one that are told apart; more of them is no way to keep sound."""


def survey(data: bytes) -> Survey:
    """Look at a whole file, whatever it is; one that is not known is one part that promises nothing."""
    from evalkit.audio.containers import boxes, chunks, flac, mpeg, ogg

    body = data[after_id3(data) :]
    looks: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Survey]], ...] = (
        (chunks.is_chunked, chunks.look),
        (ogg.is_ogg, ogg.look),
        (flac.is_flac, flac.look),
        (boxes.is_boxed, boxes.look),
        (mpeg.is_mpeg, mpeg.look),
    )
    return next((look(body) for known, look in looks if known(body)), Survey((Part(body),), open_end=True))


def joined(surveys: list[Survey]) -> Survey:
    """One survey of files that lie one behind the other."""
    return Survey(
        tuple(part for each in surveys for part in each.parts),
        next((each.cut for each in surveys if each.cut), ""),
        any(each.open_end for each in surveys),
        sum(each.unread for each in surveys),
    )
