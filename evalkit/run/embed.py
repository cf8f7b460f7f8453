"""The second stage: features of every sound (and text) for every embedder that the suite's metrics name.

Features are looked up by content first; an embedder is loaded only where one is missing, or where it is
not known yet which embedder it would be. The unit of embedding is a fixed chunk of the run's sounds: on a
CPU one sound, so that a feature depends on no neighbour at all and the shared cache cannot differ between
runs in a last bit; elsewhere `_CHUNK` sounds in the run's order, embedded again as the same chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalkit.core.cores import cores
from evalkit.core.interrupts import heed
from evalkit.core.plugins import BrokenPlugin
from evalkit.embed.base import Embedder, Features
from evalkit.execute.bench import Bench, Here, Identity, Made, Source
from evalkit.run.config import require_device
from evalkit.run.progress import Progress
from evalkit.store.features import FeatureCache
from evalkit.store.spill import Pile

STAGE = "embed"
_CHUNK = 16
_MOST_AHEAD = 8
"""Threads that prepare sounds for a GPU."""


@dataclass
class Embedding:
    """All that one embedder was asked for: features by source key, and why the others have none. `lost` is why there
    are none at all, where the embedder is somebody's own and fails."""

    identity: Identity
    features: dict[str, Features] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    lost: str = ""


_NOBODY = Identity("", "none", "none", 0)
"""Of an embedder that cannot be loaded."""


class Workshop:
    """One embedder behind its cache; `load` is called only when it must be, and once until a `release`.

    `known` is the identity that an earlier command recorded for the same weights, if there was one; `chunk` is how many
    sounds are embedded together, and `broken` how somebody's own embedder failed. `bench` is where that is done, where
    it is not this process, with `loading` around the embedder's loading there, and `learned` hears who the embedder is,
    where that was not known.
    """

    def __init__(
        self,
        load: Callable[[], Embedder],
        known: Identity | None,
        cache_root: Path,
        device: str,
        bench: Bench | None = None,
        learned: Callable[[Identity], object] = lambda identity: None,
        loading: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        threads = 0 if device == "cpu" else min(_MOST_AHEAD, cores())
        self._bench: Bench = bench or Here(self._opened, threads)
        self._load, self._known, self._root, self._device = load, known, cache_root, device
        self._learned, self._loading = learned, loading
        self.broken = ""
        self._early: set[str] = set()
        self._met: Identity | None = None
        self.chunk = 1 if device == "cpu" else _CHUNK

    def has(self, sources: Sequence[Source]) -> bool:
        """Is an entry of the cache there for each, as far as the embedder is known? What it is worth is asked later."""
        if self._known is None:
            return False
        cache = FeatureCache(self._root, self._known.key)
        return all(cache.path(source.digest).exists() for source in sources)

    def keep(self, sources: Sequence[Source], who: Identity, made: Made) -> bool:
        """Put what a worker made of these, before it was asked for, into the cache. False where it made nothing that
        counts: `embed` will ask again, and tell why."""
        if made.broken or self._met not in (None, who):
            return False
        if who != self._known:
            self._learned(who)
        self._met = self._known = who
        cache = FeatureCache(self._root, who.key)
        for source in sources:
            if source.key in made.features:
                cache.put(source.digest, made.features[source.key])
                self._early.add(source.key)
        return True

    def early(self, sources: Sequence[Source]) -> int:
        """How many of these were embedded before they were asked for."""
        return sum(source.key in self._early for source in sources)

    def embed(self, sources: Sequence[Source], progress: Progress, stage: str = STAGE) -> Embedding:
        """Features for every source, each an advance of the `stage` but for the `early` ones; a sound that cannot be
        embedded becomes a fault and ends nothing, and an embedder of somebody's own that fails costs its own features
        alone."""

        def advance(source: Source) -> None:
            if source.key not in self._early:
                progress.advance(stage)

        try:
            embedding = self._embedded(sources, advance)
        except BrokenPlugin as error:
            return Embedding(_NOBODY, lost=str(error))
        if self.broken and not embedding.features:
            return replace(embedding, faults={}, lost=self.broken)
        return embedding

    def _embedded(self, sources: Sequence[Source], advance: Callable[[Source], object]) -> Embedding:
        whole = self._from_cache(sources) if self._known is not None else None
        if whole is not None:
            for source in sources:
                advance(source)
            return whole
        embedding, found = Embedding(self._identify(self._lacking(sources))), Pile(self._root)
        cache = FeatureCache(self._root, embedding.identity.key)
        faults: dict[str, str] = {}
        for chunk, made in self._bench.embed(self._missing(sources, cache, embedding.identity, found, advance)):
            heed()
            self.broken = self.broken or made.broken
            faults |= {key: why for key, why in made.faults.items() if key not in found}
            for source in chunk:
                if source.key not in found and source.key in made.features:
                    cache.put(source.digest, made.features[source.key])
                    found.put(source.key, made.features[source.key])
                advance(source)
        features = found.arrays()
        embedding.features |= {source.key: features[source.key] for source in sources if source.key in features}
        embedding.faults |= {source.key: faults[source.key] for source in sources if source.key in faults}
        return embedding

    def _missing(
        self,
        sources: Sequence[Source],
        cache: FeatureCache,
        who: Identity,
        found: Pile,
        advance: Callable[[Source], object],
    ) -> Iterator[Sequence[Source]]:
        """The chunks of which the cache lacks anything, whole; `found` takes what it has."""
        for first in range(0, len(sources), self.chunk):
            chunk = sources[first : first + self.chunk]
            cached = {source.key: _cached(cache, source, who.dimensions) for source in chunk}
            for key, features in cached.items():
                if features is not None:
                    found.put(key, features)
            if any(features is None for features in cached.values()):
                yield chunk
                continue
            for source in chunk:
                advance(source)

    def _from_cache(self, sources: Sequence[Source]) -> Embedding | None:
        """Everything from the cache of the known embedder, or None where anything is missing there."""
        assert self._known is not None
        cache = FeatureCache(self._root, self._known.key)
        pile = Pile(self._root)
        for source in sources:
            features = _cached(cache, source, self._known.dimensions)
            if features is None:
                return None
            pile.put(source.key, features)
        return Embedding(self._known, pile.arrays())

    def embed_now(self, chunk: Sequence[Source]) -> tuple[dict[str, Features], dict[str, str]]:
        """Features of one chunk by key, and why the others have none; the cache is neither asked nor told."""
        ((_, made),) = self._bench.embed([chunk])
        self.broken = self.broken or made.broken
        return made.features, made.faults

    def release(self) -> None:
        """Let the embedder go from memory, if it was loaded at all."""
        self._bench.release()

    def _lacking(self, sources: Sequence[Source]) -> int:
        """How many chunks the cache may not have whole."""
        return sum(not self.has(sources[first : first + self.chunk]) for first in range(0, len(sources), self.chunk))

    def _identify(self, most: int) -> Identity:
        with self._loading():
            found = self._bench.identity(most)
        if found != self._known:
            self._learned(found)
        return found

    def _opened(self) -> Embedder:
        require_device(self._device)
        return self._load()


def _cached(cache: FeatureCache, source: Source, dimensions: int) -> Features | None:
    """A usable entry of the cache, or None."""
    features = cache.get(source.digest)
    return features if features is not None and features.shape[1] == dimensions and len(features) else None


def faults_told(name: str, embedding: Embedding, ids: Mapping[str, str]) -> list[str]:
    """One sentence per fault, for scores.json; `ids` maps source keys to prompt ids."""
    return [f"{ids.get(key, key)!r} could not be embedded by {name}: {why}" for key, why in embedding.faults.items()]
