"""An embedder at work on one chunk of sounds or texts, wherever that is: in this process or a worker's.

A chunk is embedded whole; where that raises, each of its sources alone, so that one sound that a network cannot take
costs itself.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from weakref import ref

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.audio.decode import VERSION, decode, decode_bytes
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.core.interrupts import heed
from evalkit.core.plugins import BrokenPlugin
from evalkit.embed.base import Embedder, Features, FrontedEmbedder, TextEmbedder
from evalkit.execute.ahead import ahead
from evalkit.execute.sharing import networks


@dataclass(frozen=True)
class Source:
    """One thing to embed: a sound file, a sound in memory (`clip`), or a text where there is neither. `digest` is its
    content's; `data` is what the file holds, where it is on another machine."""

    key: str
    digest: str
    path: Path | None = None
    text: str = ""
    clip: Clip | None = None
    data: bytes | None = None


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
class Kind:
    """What an embedder can be asked for: its `dimensions`, its `family`, and whether it reads `text`."""

    dimensions: int
    family: str
    text: bool


def kind_of(embedder: Embedder) -> Kind:
    return Kind(embedder.spec.dimensions, embedder.spec.family, isinstance(embedder, TextEmbedder))


@dataclass(frozen=True)
class Made:
    """Of one chunk, by the sources' keys: the features, and why the others have none. `broken` says how an embedder of
    somebody's own failed, "" where it did not."""

    features: dict[str, Features] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    broken: str = ""


class Bench(Protocol):
    """Where chunks are embedded by one judge."""

    def identity(self, most: int = 1) -> Identity:
        """Who the judge is. At most so many chunks are to follow, and all workers that will have one load the judge
        now, side by side. Raises what loading it raises."""
        ...

    def embed(self, chunks: Iterable[Sequence[Source]]) -> Iterator[tuple[Sequence[Source], Made]]:
        """What each chunk comes to, in any order."""
        ...

    def release(self) -> None:
        """The judge is not needed for now: what it takes of memory may go. Asked again, it is loaded again."""
        ...


class Here:
    """One judge in this process; `load` is called for the first thing that is asked, and again after a release."""

    def __init__(self, load: Callable[[], Embedder], threads: int = 0) -> None:
        """With `threads`, these decode and prepare the sounds of the next chunk while one is embedded."""
        self._load, self._threads = load, threads
        self._embedder: Embedder | None = None

    def identity(self, most: int = 1) -> Identity:
        """Who the judge is. Raises what loading it raises."""
        return identity(self._opened())

    def embed(self, chunks: Iterable[Sequence[Source]]) -> Iterator[tuple[Sequence[Source], Made]]:
        """What each chunk comes to, in their order, each when it is asked for."""
        if not self._threads:
            for chunk in chunks:
                yield chunk, embedded(self._opened(), chunk)
            return
        for chunk, coming in ahead(chunks, partial(_heard, self._opened()), self._threads):
            yield chunk, embedded(self._opened(), chunk, partial(_awaited, coming))

    def release(self) -> None:
        """The network goes from memory."""
        if self._embedder is None:
            return
        parts, self._embedder = remains(self._embedder), None
        given_back(parts)

    def _opened(self) -> Embedder:
        if self._embedder is None:
            self._embedder = self._load()
            heed()
        return self._embedder


def remains(embedder: Embedder) -> Sequence[ref[object]]:
    """What tells whether an embedder's networks are still there, once nobody is known to hold it."""
    return [ref(each) for each in networks(embedder)] if "torch" in sys.modules else []


def given_back(parts: Sequence[ref[object]]) -> None:
    """What nobody holds any more goes from memory, and what torch keeps of a GPU for it. `parts` are what remains of
    it: only where one of these is held in a ring is all memory looked through, which takes a fifth of a second for each
    judge of a run once transformers is imported."""
    if not parts or any(each() is not None for each in parts):
        gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def embedded(embedder: Embedder, chunk: Sequence[Source], heard: Callable[[Source], Any] | None = None) -> Made:
    """Features of one chunk that are what the embedder announces; never raises for what a sound is. `heard` gives what
    the embedder takes of a source, where that was prepared before."""
    who, made = identity(embedder), _attempt(embedder, chunk, heard or partial(_heard, embedder))
    keys = [source.key for source in chunk if source.key not in made.faults]
    breaches = {key: _breach(made.features.get(key), who) for key in keys}
    faults = made.faults | {key: breach for key, breach in breaches.items() if breach}
    return Made({key: each for key, each in made.features.items() if key not in faults}, faults, made.broken)


def _attempt(embedder: Embedder, chunk: Sequence[Source], heard: Callable[[Source], Any]) -> Made:
    """A chunk whole; after an exception each source alone."""
    broken = ""
    try:
        rows = [np.ascontiguousarray(features, dtype=np.float32) for features in _call(embedder, chunk, heard)]
        return Made(dict(zip((source.key for source in chunk), rows, strict=True)))
    except Exception as error:  # noqa: BLE001 - one sound that a network cannot take must not end the run
        if isinstance(error, BrokenPlugin):
            broken = str(error)
        if len(chunk) == 1:
            text = error.message if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            return Made({}, {chunk[0].key: " ".join(text.split())[:300]}, broken)
    alone = [_attempt(embedder, [source], heard) for source in chunk]
    features = {key: each for made in alone for key, each in made.features.items()}
    faults = {key: why for made in alone for key, why in made.faults.items()}
    return Made(features, faults, broken or next((made.broken for made in alone if made.broken), ""))


def _awaited(coming: Mapping[str, Future[Any]], source: Source) -> Any:
    """What a thread has made of a source, or will have. Raises what making it raised."""
    return coming[source.key].result()


def _heard(embedder: Embedder, source: Source) -> Any:
    """What an embedder takes of a source: the front of a sound, or the sound itself; None of a text."""
    clip = source.clip
    if source.path is not None:
        clip = decode(source.path) if source.data is None else decode_bytes(source.data, source.path)
    return embedder.front(clip) if clip is not None and isinstance(embedder, FrontedEmbedder) else clip


def _call(embedder: Embedder, chunk: Sequence[Source], heard: Callable[[Source], Any]) -> list[Features]:
    """(frames, dimensions) per source; texts give one frame each."""
    if chunk[0].path is None and chunk[0].clip is None:
        if not isinstance(embedder, TextEmbedder):
            raise UserError(f"{embedder.spec.name} cannot embed text")
        return [row[None] for row in embedder.embed_text([source.text for source in chunk])]
    if isinstance(embedder, FrontedEmbedder):
        return embedder.through([heard(source) for source in chunk])
    return embedder.embed([heard(source) for source in chunk])


def _breach(features: Features | None, identity: Identity) -> str:
    """What is wrong with an embedder's answer, "" where nothing is."""
    if features is None or features.ndim != 2 or not len(features):
        return f"{identity.name} gave no features"
    if features.shape[1] != identity.dimensions:
        return f"{identity.name} gave {features.shape[1]} dimensions instead of {identity.dimensions}"
    return "" if np.isfinite(features).all() else f"{identity.name} gave features that are not finite"
