"""What a runner is: it computes the numbers that an answer is about, from weights that are here.

A runner is made once for each weights name, which is when it reads them, and then asked for one case after the other.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from evalkit.verify.answer_files import Case

RUNNERS = {
    "audioldm": "evalkit.verify.runners.audioldm:AudioLDM",
    "generator": "evalkit.verify.runners.generator:Sounds",
    "judge": "evalkit.verify.runners.judge:Features",
    "kl": "evalkit.verify.runners.kl:Formula",
    "musicgen": "evalkit.verify.runners.musicgen:MusicGen",
    "openl3": "evalkit.verify.runners.openl3:Windows",
    "roberta": "evalkit.verify.runners.roberta:Roberta",
    "stable_audio": "evalkit.verify.runners.stable_audio:StableAudioOpen",
    "t5": "evalkit.verify.runners.t5:T5Words",
}
"""What an answer's file calls its runner -> the class, made with a Place."""


class Skip(Exception):
    """Why something cannot be computed here although the weights are."""


@dataclass(frozen=True)
class Place:
    """Where a runner finds what it needs: weights `name` at `path` (None where a formula needs none), a torch device,
    and what `--weights` said."""

    name: str
    path: Path | None = None
    device: str = "cpu"
    overrides: Mapping[str, Path] = field(default_factory=dict)

    @property
    def weights(self) -> Path:
        """The path of a runner that cannot do without."""
        assert self.path is not None
        return self.path


class Runner(Protocol):
    def answer(self, case: Case) -> NDArray[Any]:
        """The numbers that the case is about, whole: what of them is expected, `case.output` says. Raises Skip."""
        ...


@runtime_checkable
class Weighed(Protocol):
    """A runner that knows the digest of its weights, as a run's record states it."""

    digest: str


def runner(kind: str, place: Place) -> Runner:
    """The runner called `kind`, with its weights read. Raises MissingWeights, BadCheckpoint or Skip."""
    module, _, name = RUNNERS[kind].partition(":")
    made: Runner = getattr(importlib.import_module(module), name)(place)
    return made
