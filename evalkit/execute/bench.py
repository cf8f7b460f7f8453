"""An embedder at work on one chunk of sounds or texts, wherever that is: in this process or a worker's.

A chunk is embedded whole; where that raises, each of its sources alone, so that one sound that a network cannot take
costs itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.audio.decode import VERSION, decode
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.core.interrupts import heed
from evalkit.core.plugins import BrokenPlugin
from evalkit.embed.base import Embedder, Features, TextEmbedder


@dataclass(frozen=True)
class Source:
    """One thing to embed: a sound file, a sound in memory (`clip`), or a text where there is neither. `digest` is its
    content's."""

    key: str
    digest: str
    path: Path | None = None
    text: str = ""
    clip: Clip | None = None


def sound_source(key: str, digest: str, path: Path) -> Source:
    """A file by its bytes and by how they are decoded."""
    return Source(key, digest_bytes(f"decoded {VERSION}\0{digest}".encode()), path)


def text_source(key: str, text: str) -> Source:
    """Texts share the cache with sounds; the prefix keeps their digests apart from any file's."""
    return Source(key, digest_bytes(b"text\0" + text.encode("utf-8", "surrogatepass")), None, text)


@dataclass(frozen=True)
class Identity:
    """Which embedder made features: its `weights` digest, its `key` and its `dimensions`."""

    name: str
    weights: str
    key: str
    dimensions: int


def identity(embedder: Embedder) -> Identity:
    spec = embedder.spec
    return Identity(spec.name, spec.weights, spec.key, spec.dimensions)


@dataclass(frozen=True)
class Made:
    """Of one chunk, by the sources' keys: the features, and why the others have none. `broken` says how an embedder of
    somebody's own failed, "" where it did not."""

    features: dict[str, Features] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    broken: str = ""


class Bench(Protocol):
    """Where chunks are embedded by one judge."""

    def identity(self) -> Identity:
        """Who the judge is. Raises what loading it raises."""
        ...

    def embed(self, chunks: Iterable[Sequence[Source]]) -> Iterator[tuple[Sequence[Source], Made]]:
        """What each chunk comes to, in any order."""
        ...


class Here:
    """One judge in this process; `load` is called once, for the first thing that is asked."""

    def __init__(self, load: Callable[[], Embedder]) -> None:
        self._load = load
        self._embedder: Embedder | None = None

    def identity(self) -> Identity:
        """Who the judge is. Raises what loading it raises."""
        return identity(self._opened())

    def embed(self, chunks: Iterable[Sequence[Source]]) -> Iterator[tuple[Sequence[Source], Made]]:
        """What each chunk comes to, in their order, each when it is asked for."""
        for chunk in chunks:
            yield chunk, embedded(self._opened(), chunk)

    def _opened(self) -> Embedder:
        if self._embedder is None:
            self._embedder = self._load()
            heed()
        return self._embedder


def embedded(embedder: Embedder, chunk: Sequence[Source]) -> Made:
    """Features of one chunk that are what the embedder announces; never raises for what a sound is."""
    who, made = identity(embedder), _attempt(embedder, chunk)
    keys = [source.key for source in chunk if source.key not in made.faults]
    breaches = {key: _breach(made.features.get(key), who) for key in keys}
    faults = made.faults | {key: breach for key, breach in breaches.items() if breach}
    return Made({key: each for key, each in made.features.items() if key not in faults}, faults, made.broken)


def _attempt(embedder: Embedder, chunk: Sequence[Source]) -> Made:
    """A chunk whole; after an exception each source alone."""
    broken = ""
    try:
        rows = [np.ascontiguousarray(features, dtype=np.float32) for features in _call(embedder, chunk)]
        return Made(dict(zip((source.key for source in chunk), rows, strict=True)))
    except Exception as error:  # noqa: BLE001 - one sound that a network cannot take must not end the run
        if isinstance(error, BrokenPlugin):
            broken = str(error)
        if len(chunk) == 1:
            text = error.message if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            return Made({}, {chunk[0].key: " ".join(text.split())[:300]}, broken)
    alone = [_attempt(embedder, [source]) for source in chunk]
    features = {key: each for made in alone for key, each in made.features.items()}
    faults = {key: why for made in alone for key, why in made.faults.items()}
    return Made(features, faults, broken or next((made.broken for made in alone if made.broken), ""))


def _call(embedder: Embedder, chunk: Sequence[Source]) -> list[Features]:
    """(frames, dimensions) per source; texts give one frame each."""
    if chunk[0].path is None and chunk[0].clip is None:
        if not isinstance(embedder, TextEmbedder):
            raise UserError(f"{embedder.spec.name} cannot embed text")
        return [row[None] for row in embedder.embed_text([source.text for source in chunk])]
    sounds = [decode(source.path) if source.path is not None else source.clip for source in chunk]
    return embedder.embed([sound for sound in sounds if sound is not None])


def _breach(features: Features | None, identity: Identity) -> str:
    """What is wrong with an embedder's answer, "" where nothing is."""
    if features is None or features.ndim != 2 or not len(features):
        return f"{identity.name} gave no features"
    if features.shape[1] != identity.dimensions:
        return f"{identity.name} gave {features.shape[1]} dimensions instead of {identity.dimensions}"
    return "" if np.isfinite(features).all() else f"{identity.name} gave features that are not finite"
