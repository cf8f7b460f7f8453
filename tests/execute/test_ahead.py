"""Sounds prepared ahead of a device: in order, bounded, with the features and faults of one sound at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from evalkit.audio.encode import float_wav_bytes
from evalkit.core.errors import UserError
from evalkit.embed.base import Embedder
from evalkit.embed.load import load_embedder
from evalkit.execute.ahead import ahead
from evalkit.execute.bench import Here, Made, Source


@dataclass(frozen=True)
class Thing:
    key: str


CHUNKS = [[Thing(f"{chunk}-{place}") for place in range(3)] for chunk in range(5)]


def test_chunks_come_in_order_with_what_was_made_of_them() -> None:
    found = [(chunk, {key: each.result() for key, each in made.items()}) for chunk, made in ahead(CHUNKS, str, 3)]
    assert [chunk for chunk, _ in found] == CHUNKS
    assert all(made == {thing.key: str(thing) for thing in chunk} for chunk, made in found)


def test_no_more_than_one_chunk_is_made_ahead() -> None:
    """A run of thousands of clips must not end up in memory because a device is slow."""
    read = []

    def chunks() -> object:
        for chunk in CHUNKS:
            read.append(chunk)
            yield chunk

    for number, _ in enumerate(ahead(chunks(), str, 2)):  # type: ignore[arg-type, type-var]
        assert len(read) <= number + 2


def test_what_raises_is_raised_where_it_is_asked_for() -> None:
    def make(thing: Thing) -> str:
        raise UserError(f"{thing.key} is broken")

    for chunk, made in ahead(CHUNKS, make, 2):
        with pytest.raises(UserError, match=f"{chunk[1].key} is broken"):
            made[chunk[1].key].result()


def test_who_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    going = ahead(CHUNKS, str, 2)
    next(going)
    going.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.mark.parametrize("name", ["openl3-mini", "clap-mini"])
def test_the_bytes_and_the_faults_are_those_of_one_at_a_time(name: str, tmp_path: Path) -> None:
    """Mono, stereo, too many channels, no sound at all: whatever a thread made of it, as if none had."""
    rng, sources = np.random.default_rng(0), []
    for number, channels in enumerate((1, 2, 2, 3)):
        samples = rng.uniform(-0.5, 0.5, (channels, 30_000 + 9_000 * number)).astype(np.float32)
        (tmp_path / f"{number}.wav").write_bytes(float_wav_bytes(samples, 44100))
        sources.append(Source(str(number), str(number), tmp_path / f"{number}.wav"))
    (tmp_path / "no.wav").write_bytes(b"RIFF but no sound")
    sources.insert(2, Source("no", "no", tmp_path / "no.wav"))
    judge = load_embedder(name, "cpu", {})
    for chunk in (1, 2):
        chunks = [sources[first : first + chunk] for first in range(0, len(sources), chunk)]
        plain, threaded = (_all(judge, chunks, threads) for threads in (0, 2))
        assert plain.faults == threaded.faults and plain.faults.keys() >= {"no"}
        assert {key: each.tobytes() for key, each in plain.features.items()} == {
            key: each.tobytes() for key, each in threaded.features.items()
        }


def _all(judge: Embedder, chunks: list[list[Source]], threads: int) -> Made:
    found = Made()
    for chunk, made in Here(lambda: judge, threads).embed(chunks):
        assert made.features.keys() | made.faults.keys() == {source.key for source in chunk}
        found.features.update(made.features)
        found.faults.update(made.faults)
    return found
