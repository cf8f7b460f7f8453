"""The formula of KL-PaSST on two pairs of distributions: stable-audio-metrics' own check. No weights are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.kl import kl_divergence
from evalkit.verify.answer_files import Case, read_fields
from evalkit.verify.runners.base import Place


@dataclass(frozen=True)
class _Pair:
    """The generated side and the reference."""

    p: tuple[float, ...]
    q: tuple[float, ...]


class Formula:
    """A Runner."""

    def __init__(self, place: Place) -> None:
        """It needs nothing of the place."""

    def answer(self, case: Case) -> NDArray[Any]:
        """KL(p || q), (1,)."""
        pair = read_fields(_Pair, case.input, "a case's input")
        return kl_divergence(np.array([pair.p]), np.array([pair.q]))
