"""The Kullback-Leibler divergence between two rows of class probabilities, as stable-audio-metrics takes it.

    KL(p || q) = sum over classes of p * log p - p * log(q + 1e-6),   0 * log 0 = 0

in nats: p of the generated clip, q of the reference clip (src/passt_kld.py line 197 at fd55536, which is
`F.kl_div((q + 1e-6).log(), p, reduction="sum")`). The 1e-6 stands inside the reference's logarithm alone,
so q + 1e-6 sums to a little over 1 and the divergence of a row from itself is a little under 0
(-0.0005 on average over 527 classes), not 0. It is left so, as the published numbers contain it.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy.special
from numpy.typing import NDArray

Array = NDArray[np.float64]

EPSILON = 1e-6


def kl_divergence(generated: NDArray[np.floating], reference: NDArray[np.floating], epsilon: float = EPSILON) -> Array:
    """KL(generated || reference) in nats over the last axis, in float64: (..., classes) to (...); with an `epsilon` of
    0 it is infinite where a class that is heard has no part in the reference.

    With the two in each other's place it is the other direction, its 1e-6 with the generated side. Raises
    ValueError on shapes that differ, or on rows that are not probabilities.
    """
    p, q = _probabilities(generated), _probabilities(reference)
    if p.shape != q.shape:
        raise ValueError(f"shapes {p.shape} and {q.shape} differ")
    return np.asarray((scipy.special.xlogy(p, p) - scipy.special.xlogy(p, q + epsilon)).sum(axis=-1))


def kl_of_logits(
    reference: NDArray[np.floating],
    generated: NDArray[np.floating],
    epsilon: float = EPSILON,
    sigmoid: bool = False,
) -> Array:
    """KL(reference || generated) in nats between the softmax of two rows of logits, over the last axis, in float64,
    with `epsilon` beside the generated side (audioldm_eval at 8dc07ee: 1e-6; av-benchmark at 050a5cd: 0).

    With `sigmoid` the same sum over each class by itself, which is audioldm_eval's second KL and no divergence: the
    terms of a class that is not there are missing in it. Raises ValueError on shapes that differ, or on values that are
    not finite.
    """
    theirs, ours = (np.asarray(each, dtype=np.float64) for each in (reference, generated))
    if theirs.shape != ours.shape or not (np.isfinite(theirs).all() and np.isfinite(ours).all()):
        raise ValueError(f"expected finite logits of one shape, got {theirs.shape} and {ours.shape}")
    logarithm = scipy.special.log_expit if sigmoid else partial(scipy.special.log_softmax, axis=-1)
    log_p, log_q = logarithm(theirs), logarithm(ours)
    if epsilon:
        log_q = np.log(np.exp(log_q) + epsilon)
    return np.asarray((np.exp(log_p) * (log_p - log_q)).sum(axis=-1))


def softmax(logits: NDArray[np.floating]) -> Array:
    """Probabilities over the last axis, in float64."""
    return np.asarray(scipy.special.softmax(np.asarray(logits, dtype=np.float64), axis=-1))


def are_probabilities(rows: NDArray[np.floating], tolerance: float = 1e-3) -> bool:
    """Whether every row along the last axis is finite, not negative, and sums to 1 within `tolerance`."""
    values = np.asarray(rows, dtype=np.float64)
    if not np.isfinite(values).all():
        return False
    return bool((values >= 0).all() and (np.abs(values.sum(axis=-1) - 1.0) <= tolerance).all())


def _probabilities(rows: NDArray[np.floating]) -> Array:
    if not are_probabilities(rows):
        raise ValueError("expected probabilities: finite, not negative, summing to 1")
    return np.asarray(rows, dtype=np.float64)
