"""What `evalkit detect` asks of a network: in which ways it may be fed, and what may be taken of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evalkit.audio.clip import Clip
from evalkit.checkpoints.vggish_pca import Pca
from evalkit.embed.base import Features
from evalkit.protocols.base import Setting
from evalkit.store.spill import Pile


class Fed(Protocol):
    """One way of preparing a clip. Equal ones are one; `facts` is each choice with its value."""

    @property
    def facts(self) -> Mapping[str, object]: ...

    def __hash__(self) -> int: ...


class Taken(Protocol):
    """One way of reading a network: `part` is what of it has rows of its own, `after` what is then made of these."""

    @property
    def facts(self) -> Mapping[str, object]: ...

    @property
    def part(self) -> Hashable: ...

    @property
    def after(self) -> Hashable: ...


@dataclass(frozen=True)
class Network:
    """Of which weights: their name, their file or None where evalkit knows it, what lies `beside` them (a tokenizer);
    the PCA of VGGish, where it is here; loudnesses in LUFS to which clips are brought too."""

    weights: str
    path: Path | None
    beside: Mapping[str, Path]
    pca: Pca | None = None
    loudness: Sequence[float] = ()


class Hearing(Protocol):
    """A network, and the ways of feeding and reading it. Of `feeds` and `takes` the first is the one that `score` has,
    where it has one for the metric."""

    name: str

    def feeds(self, short: bool) -> list[Fed]:
        """Every known way; where no clip is `short`, those that differ for short ones alone are one."""
        ...

    def takes(self) -> list[Taken]: ...

    def is_short(self, clip: Clip) -> bool: ...

    def embedded(self, clip: Clip, pile: Pile) -> Mapping[tuple[Fed, Hashable], str]:
        """{(way of feeding, part): key of its rows}; rows that are not in the pile yet are put there. Raises UserError
        for a clip that cannot be embedded."""
        ...

    def finished(self, rows: Features, taken: Taken) -> Features: ...

    def of_protocol(self, settings: Mapping[str, Setting], short: bool) -> tuple[Fed, Taken]:
        """The ways of a protocol's judge."""
        ...

    def embed_text(self, texts: Sequence[str]) -> Features:
        """float32 (texts, d). Only of a network that reads text."""
        ...


Load = Callable[[Network], Hearing]
