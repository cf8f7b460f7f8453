"""What an embedder is: sound (or text) in, features out, with an identity that cache keys are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from evalkit.audio.clip import Clip
from evalkit.core.ids import digest_json
from evalkit.core.registry import Registry, is_file
from evalkit.protocols.base import judges

Features = NDArray[np.float32]


NO_WEIGHTS = "none"
"""What stands where others state the digest of their weights."""


@dataclass(frozen=True)
class EmbedderSpec:
    """Who made a feature.

    `name` is the weights' name (`openl3-mini`), `family` the file under evalkit/embed (`openl3`),
    `weights` the digest of its tensors, whichever file they are in, `settings` every other choice that changes a
    feature (rates, windows, channel rule, front end version, as plain JSON). One of somebody's own states the digest
    of its weights, if it has any; its code is added to that (`embed/contract.py`).
    """

    name: str
    family: str
    dimensions: int
    weights: str = NO_WEIGHTS
    settings: Mapping[str, object] = field(default_factory=dict)

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
class FrontedEmbedder(Embedder, Protocol):
    """An embedder whose work on the CPU can be done before, in any thread: `through` of the fronts of clips is `embed`
    of the clips, to the bit."""

    def front(self, clip: Clip) -> object:
        """What the network hears of a clip. Raises as `embed` does; changes nothing of the embedder."""
        ...

    def through(self, fronts: Iterable[Any]) -> list[Features]:
        """The features of what `front` gave."""
        ...


@runtime_checkable
class TextEmbedder(Embedder, Protocol):
    """An embedder that also reads text into the same space."""

    def embed_text(self, texts: Sequence[str]) -> Features:
        """float32 (texts, dimensions)."""
        ...


EMBEDDERS = Registry(
    "embedder",
    "evalkit.embedders",
    {
        "openl3-mini": "evalkit.embed.openl3:load",
        "passt-mini": "evalkit.embed.passt:load",
        "clap-mini": "evalkit.embed.clap:load",
        "panns-mini": "evalkit.embed.panns:load",
        "vggish-mini": "evalkit.embed.vggish:load",
        "audiobox-mini": "evalkit.embed.audiobox:load",
        "openl3-env": "evalkit.embed.openl3:load",
        "openl3-music": "evalkit.embed.openl3:load",
        "passt": "evalkit.embed.passt:load",
        "clap": "evalkit.embed.clap:load",
        "clap-audioset": "evalkit.embed.clap:load",
        "clap-music": "evalkit.embed.clap:load",
        "clap-music-speech": "evalkit.embed.clap:load",
        "clap-music-speech-audioset": "evalkit.embed.clap:load",
        "panns-16k": "evalkit.embed.panns:load",
        "panns-32k": "evalkit.embed.panns:load",
        "vggish": "evalkit.embed.vggish:load",
        "msclap-2023": "evalkit.embed.msclap:load",
        "audiobox": "evalkit.embed.audiobox:load",
        "sound": "evalkit.embed.sound:load",
        **{judge.name: f"evalkit.embed.{judge.family}:load" for judge in judges().values()},
    },
)
"""evalkit's own are functions (name, path, device) -> Embedder, by the names of their weights; path is None where there
is no file; with a protocol in the name (`vggish@av-benchmark`), fed as that says (`evalkit.protocols`). CLAP's takes
`overrides` too, as some of its weights come without their tokenizer. Somebody's own is a class
or function without arguments, or with those that `evalkit.embed.contract.build` knows."""


def is_own(name: str) -> bool:
    """Is this an embedder of somebody's own, registered or named by its code, rather than weights of a known name?"""
    return not EMBEDDERS.is_builtin(name) and (":" in name or is_file(name) or name in EMBEDDERS.targets())


def family_of(name: str) -> str:
    """The family of an embedder that is evalkit's own, "" of any other."""
    return EMBEDDERS.target(name).partition(":")[0].rpartition(".")[2] if EMBEDDERS.is_builtin(name) else ""
