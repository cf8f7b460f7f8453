"""The second stage: features of every sound (and text) for every embedder that the suite's metrics name.

Features are looked up by content first; an embedder is loaded only where one is missing, or where it is
not known yet which embedder it would be. The unit of embedding is a fixed chunk of the run's sounds: on a
CPU one sound, so that a feature depends on no neighbour at all and the shared cache cannot differ between
runs in a last bit; elsewhere `_CHUNK` sounds in the run's order, embedded again as the same chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.audio.decode import VERSION, decode
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.core.interrupts import heed
from evalkit.core.plugins import BrokenPlugin
from evalkit.embed.base import Embedder, Features, TextEmbedder
from evalkit.run.config import require_device
from evalkit.run.progress import Progress
from evalkit.store.features import FeatureCache

STAGE = "embed"
_CHUNK = 16


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
    """One embedder behind its cache; `load` is called at most once, and only when it must be.

    `known` is the identity that an earlier command recorded for the same weights, if there was one; `chunk` is how many
    sounds are embedded together, and `broken` how somebody's own embedder failed.
    """

    def __init__(self, load: Callable[[], Embedder], known: Identity | None, cache_root: Path, device: str) -> None:
        self._load, self._known, self._root, self._device = load, known, cache_root, device
        self._embedder: Embedder | None = None
        self.broken = ""
        self.chunk = 1 if device == "cpu" else _CHUNK

    def embed(self, sources: Sequence[Source], progress: Progress, stage: str = STAGE) -> Embedding:
        """Features for every source, each an advance of the `stage`; a sound that cannot be embedded becomes a fault
        and ends nothing, and an embedder of somebody's own that fails costs its own features alone."""
        try:
            embedding = self._embedded(sources, partial(progress.advance, stage))
        except BrokenPlugin as error:
            return Embedding(_NOBODY, lost=str(error))
        if self.broken and not embedding.features:
            return replace(embedding, faults={}, lost=self.broken)
        return embedding

    def _embedded(self, sources: Sequence[Source], advance: Callable[[], object]) -> Embedding:
        whole = self._from_cache(sources) if self._known is not None else None
        if whole is not None:
            for _ in sources:
                advance()
            return whole
        embedding = Embedding(self._identify())
        cache = FeatureCache(self._root, embedding.identity.key)
        for first in range(0, len(sources), self.chunk):
            chunk = sources[first : first + self.chunk]
            found = {source.key: _cached(cache, source, embedding.identity.dimensions) for source in chunk}
            if any(features is None for features in found.values()):
                self._fill(chunk, found, cache, embedding)
            embedding.features.update({key: value for key, value in found.items() if value is not None})
            for _ in chunk:
                advance()
        return embedding

    def _from_cache(self, sources: Sequence[Source]) -> Embedding | None:
        """Everything from the cache of the known embedder, or None where anything is missing there."""
        assert self._known is not None
        cache = FeatureCache(self._root, self._known.key)
        embedding = Embedding(self._known)
        for source in sources:
            features = _cached(cache, source, self._known.dimensions)
            if features is None:
                return None
            embedding.features[source.key] = features
        return embedding

    def _fill(
        self, chunk: Sequence[Source], found: dict[str, Features | None], cache: FeatureCache, embedding: Embedding
    ) -> None:
        """Embed a chunk whole and keep what the cache lacks of it."""
        made, faults = self.embed_now(chunk)
        heed()
        for source in chunk:
            if found[source.key] is not None:
                continue
            if source.key in faults:
                embedding.faults[source.key] = faults[source.key]
            else:
                cache.put(source.digest, made[source.key])
                found[source.key] = made[source.key]

    def embed_now(self, chunk: Sequence[Source]) -> tuple[dict[str, Features], dict[str, str]]:
        """Features of one chunk by key, and why the others have none; the cache is neither asked nor told."""
        identity = self._identify()
        made, faults = self._attempt(self._opened(), chunk)
        breaches = {source.key: _breach(made.get(source.key), identity) for source in chunk if source.key not in faults}
        faults |= {key: breach for key, breach in breaches.items() if breach}
        return {key: features for key, features in made.items() if key not in faults}, faults

    def _identify(self) -> Identity:
        return identity(self._opened())

    def _opened(self) -> Embedder:
        if self._embedder is None:
            require_device(self._device)
            self._embedder = self._load()
            heed()
        return self._embedder

    def _attempt(self, embedder: Embedder, chunk: Sequence[Source]) -> tuple[dict[str, Features], dict[str, str]]:
        """Features and faults of a chunk, by key; after an exception each source alone."""
        try:
            rows = [np.ascontiguousarray(features, dtype=np.float32) for features in _call(embedder, chunk)]
            return dict(zip((source.key for source in chunk), rows, strict=True)), {}
        except Exception as error:  # noqa: BLE001 - one sound that a network cannot take must not end the run
            if isinstance(error, BrokenPlugin):
                self.broken = self.broken or str(error)
            if len(chunk) == 1:
                text = error.message if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
                return {}, {chunk[0].key: " ".join(text.split())[:300]}
        made: dict[str, Features] = {}
        faults: dict[str, str] = {}
        for source in chunk:
            one, fault = self._attempt(embedder, [source])
            made.update(one)
            faults.update(fault)
        return made, faults


def _cached(cache: FeatureCache, source: Source, dimensions: int) -> Features | None:
    """A usable entry of the cache, or None."""
    features = cache.get(source.digest)
    return features if features is not None and features.shape[1] == dimensions and len(features) else None


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


def faults_told(name: str, embedding: Embedding, ids: Mapping[str, str]) -> list[str]:
    """One sentence per fault, for scores.json; `ids` maps source keys to prompt ids."""
    return [f"{ids.get(key, key)!r} could not be embedded by {name}: {why}" for key, why in embedding.faults.items()]
