"""What an embedder hears in the test signals, and reads in the test texts; on the CPU, as it was recorded there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from evalkit.embed.base import TextEmbedder
from evalkit.embed.load import load_embedder
from evalkit.verify.answer_files import Case, read_fields
from evalkit.verify.runners.base import Place, Skip
from evalkit.verify.runners.profile import profile
from evalkit.verify.signals import TEXTS, sounds


@dataclass(frozen=True)
class _Input:
    """`of`: "sounds" or "texts"."""

    of: str


class Features:
    """A Runner. `digest` is that of the tensors."""

    def __init__(self, place: Place) -> None:
        """Raises MissingWeights or BadCheckpoint."""
        self._embedder = load_embedder(place.name, "cpu", place.overrides)
        self.digest = self._embedder.spec.weights

    @property
    def kinds(self) -> tuple[str, ...]:
        """What a case may be `of`."""
        return ("sounds", "texts") if isinstance(self._embedder, TextEmbedder) else ("sounds",)

    def answer(self, case: Case) -> NDArray[Any]:
        """The profile of the features of all clips or texts."""
        of = read_fields(_Input, case.input, "a case's input").of
        if of == "sounds":
            return profile(self._embedder.embed(sounds()))
        if of == "texts" and isinstance(self._embedder, TextEmbedder):
            return profile(self._embedder.embed_text(TEXTS))
        raise Skip(f"it has no {of[:20]!r}")
