"""What an embedder is: sound (or text) in, features out, with an identity that cache keys are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from evalkit.audio.clip import Clip
from evalkit.core.ids import digest_json

Features = NDArray[np.float32]


@dataclass(frozen=True)
class EmbedderSpec:
    """Who made a feature.

    `name` is the weights' name (`openl3-mini`), `family` the file under evalkit/embed (`openl3`),
    `weights` the digest of its tensors, whichever file they are in, `settings` every other choice that changes a
    feature (rates, windows, channel rule, front end version, as plain JSON).
    """

    name: str
    family: str
    dimensions: int
    weights: str
    settings: Mapping[str, object]

    @property
    def key(self) -> str:
        """Digest of everything but the sound itself."""
        identity = {"name": self.name, "weights": self.weights, "settings": dict(self.settings)}
        return digest_json(identity)


@runtime_checkable
class Embedder(Protocol):
    """Sound to features. A clip's features depend on that clip alone, not on its neighbours (<= 1e-5)."""

    spec: EmbedderSpec

    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """One float32 array (frames, dimensions) per clip; frames is 1 where the family pools over time."""
        ...


@runtime_checkable
class TextEmbedder(Embedder, Protocol):
    """An embedder that also reads text into the same space."""

    def embed_text(self, texts: Sequence[str]) -> Features:
        """float32 (texts, dimensions)."""
        ...
