"""One answer held against what is known: equal, near, or wrong, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

Result = Literal["equal", "near", "wrong", "skipped"]


@dataclass(frozen=True)
class Verdict:
    """What was found of one answer (`what`) of the weights or formula called `name`.

    `difference` and `tolerance` are those of the number that comes nearest to its tolerance, or goes furthest beyond
    it; None where there is nothing to measure. `reason` says why something was skipped or is wrong, or what must be
    known of it.
    """

    name: str
    what: str
    result: Result
    difference: float | None = None
    tolerance: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be from `x` that is expected: absolute + relative * |x|; `rows` instead bounds the L2 norm
    of the difference of each row over that of the row. `rounding` is what the stated figures are rounded to: within it
    they are equal."""

    absolute: float = 0.0
    relative: float = 0.0
    rows: float | None = None
    rounding: float = 0.0


def compare(name: str, what: str, found: ArrayLike, expected: ArrayLike, tolerance: Tolerance) -> Verdict:
    """The verdict on numbers of one shape. Another shape, NaN and infinity are wrong."""
    here, there = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if here.shape != there.shape:
        return Verdict(name, what, "wrong", reason=f"shape {_shape(here.shape)} instead of {_shape(there.shape)}")
    if not np.isfinite(here).all():
        return Verdict(name, what, "wrong", reason="NaN or infinity")
    difference = np.abs(here - there)
    equal = bool((difference <= tolerance.rounding * (1 + 1e-9)).all())
    if tolerance.rows is not None:
        norms = np.linalg.norm(np.atleast_2d(there), axis=-1)
        difference = np.linalg.norm(np.atleast_2d(here - there), axis=-1) / np.where(norms > 0, norms, 1.0)
        allowed = np.full(difference.shape, tolerance.rows)
    else:
        allowed = tolerance.absolute + tolerance.relative * np.abs(there)
    excess = difference - allowed if not allowed.all() else difference / allowed
    worst = np.unravel_index(int(np.argmax(excess)), excess.shape)
    within = bool((difference <= allowed).all())
    result: Result = "equal" if equal else "near" if within else "wrong"
    return Verdict(name, what, result, float(difference[worst]), float(allowed[worst]))


def exact(name: str, what: str, found: object, expected: object, reason: str = "") -> Verdict:
    """The verdict on what must be the very same; `reason` says what is wrong where it is not."""
    return Verdict(name, what, "equal") if found == expected else Verdict(name, what, "wrong", reason=reason)


def skipped(name: str, what: str, reason: str) -> Verdict:
    """Nothing was computed, for this reason."""
    return Verdict(name, what, "skipped", reason=reason)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
