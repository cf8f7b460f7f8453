"""The formula of KL-PaSST on two pairs of distributions: stable-audio-metrics' own check. No weights are needed."""

from __future__ import annotations

import numpy as np

from evalkit.stats.kl import kl_divergence
from evalkit.verify.verdict import Tolerance, Verdict, compare

FORMULA = "kl_formula"

_PAIRS = (
    ([0.05, 0.1, 0.2, 0.05, 0.15, 0.25, 0.08, 0.12], [0.3, 0.1, 0.2, 0.1, 0.1, 0.02, 0.08, 0.1], 0.5898663401603699),
    ([0.1, 0.4, 0.5], [0.8, 0.15, 0.05], 1.335667371749878),
)


def kl_formula() -> list[Verdict]:
    """The verdicts on both pairs."""
    found = [float(kl_divergence(np.array(p), np.array(q))) for p, q, _ in _PAIRS]
    return [compare(FORMULA, "KL of two pairs", found, [kl for _, _, kl in _PAIRS], Tolerance(absolute=1e-6))]
