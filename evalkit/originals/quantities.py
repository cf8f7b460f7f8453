"""What is compared of each family, how far apart the two sides may be, and how far they are."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Measure = Literal["absolute", "relative", "cosine"]

AS_MEASURED = platform.machine() in ("x86_64", "AMD64")
"""Nearly empty bands of OpenL3's front end hold the rounding of the processor. Off x86 compilers fuse multiplication
and addition, in the original and in evalkit in different places."""


@dataclass(frozen=True)
class Quantity:
    """`name` is what both sides call it, `title` what the table does. `bound` is on the largest difference: absolute,
    relative to the original's largest value in the clip (`by_row`: to the root mean square of each row), or of the
    cosine from 1. A `note` says what must be known of it."""

    name: str
    title: str
    measure: Measure
    bound: float
    by_row: bool = False
    note: str = ""


FRAMES, DISTANCE = (1e-4, 1e-4) if AS_MEASURED else (0.15, 3e-3)
"""Of a frame from the waveform, in root mean squares of the frame; of FD-OpenL3, relative."""

LOGITS = PROBABILITY = KL = 1e-4
COSINE, SCORE, MEAN_SCORE = 1e-6, 2e-4, 1e-4

_ROOT = "upstream's matrix root is itself off by up to 1e-3 where there are fewer frames than dimensions"
_CROPS = "clips over 10 s: both have the crops that evalkit draws"

QUANTITIES = {
    "openl3": (
        Quantity("frames", "features: every frame", "relative", FRAMES, by_row=True),
        Quantity("distance", "FD-OpenL3", "relative", DISTANCE),
        Quantity("root", "FD-OpenL3 by upstream's matrix root", "relative", max(DISTANCE, 1e-3), note=_ROOT),
    ),
    "passt": (
        Quantity("logits", "features: logits of every window", "absolute", LOGITS),
        Quantity("classes", "features: class probabilities", "absolute", PROBABILITY),
        Quantity("kl", "KL-PaSST of a pair of clips", "absolute", KL),
        Quantity("mean", "KL-PaSST", "absolute", KL),
    ),
    "clap": (
        Quantity("audio", "features: audio", "cosine", COSINE, note=_CROPS),
        Quantity("text", "features: text", "cosine", COSINE),
        Quantity("score", "CLAP score of a clip", "absolute", SCORE),
        Quantity("mean", "CLAP score", "absolute", MEAN_SCORE),
    ),
}
"""Family of embedders -> what is compared, features first. The bounds are those that the tests hold
`reports/parity.md` to; what was measured there is far below them."""


@dataclass(frozen=True)
class Difference:
    """The largest `absolute` and `relative` difference, and the one that is bounded; None where the two cannot be
    compared, for the `reason`."""

    absolute: float | None
    relative: float | None
    bounded: float | None
    reason: str = ""

    def within(self, bound: float) -> bool:
        """Were the two compared, and is the difference no larger than that?"""
        return self.bounded is not None and self.bounded <= bound


def difference(quantity: Quantity, ours: Array, theirs: Array) -> Difference:
    """Of one clip's array, or of one number."""
    here, there = (np.atleast_1d(np.asarray(side, dtype=np.float64)) for side in (ours, theirs))
    if here.shape != there.shape:
        return Difference(None, None, None, f"shape {_shape(here)} here, {_shape(there)} there")
    for side, told in ((here, "evalkit"), (there, "the original")):
        if not np.isfinite(side).all():
            return Difference(None, None, None, f"NaN or infinity from {told}")
    apart = np.abs(here - there)
    scale = np.sqrt(np.square(there).mean(axis=-1, keepdims=True)) if quantity.by_row else np.abs(there).max()
    relative = float((apart / np.maximum(scale, 1e-12)).max())
    alike = float((here * there).sum()) / max(float(np.linalg.norm(here) * np.linalg.norm(there)), 1e-12)
    bounded = {"absolute": float(apart.max()), "relative": relative, "cosine": abs(1 - alike)}
    return Difference(float(apart.max()), relative, bounded[quantity.measure])


def largest(found: Sequence[Difference]) -> Difference:
    """The largest of each; that of one which could not be compared counts as the largest of all."""
    strange = next((each for each in found if each.bounded is None), None)
    if strange is not None:
        return strange
    parts = ((each.absolute, each.relative, each.bounded) for each in found)
    absolute, relative, bounded = (max(part) for part in zip(*parts, strict=True))
    return Difference(absolute, relative, bounded)


def _shape(array: Array) -> str:
    return " x ".join(map(str, array.shape))
