"""Steps of stable-audio-metrics (fd55536) that its PaSST and CLAP scripts share, and rows of the parity table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import librosa
import numpy as np
import pyloudnorm
from numpy.typing import NDArray

from evalkit.originals.harness import load_at_peak as load_at_peak

Array = NDArray[np.float32]


def load_at_peak_numpy_2(path: Path, rate: int) -> NDArray[np.float64]:
    """`load_at_peak` by pyloudnorm itself, under the NumPy that is installed."""
    audio, _ = librosa.load(path, sr=rate, mono=True)
    with np.errstate(all="ignore"):
        return np.asarray(pyloudnorm.normalize.peak(audio, -1.0))


Pair = tuple[object, object]


def row(
    quantity: str,
    level: str,
    oracle: tuple[str, str],
    pairs: Sequence[Pair] | Mapping[str, Pair],
    note: str = "",
    section: str = "",
) -> dict[str, object]:
    """One row of the parity table from (ours, theirs) arrays, a pair for each case, {case: pair} to keep their names.

    `max_rel` is the largest of |ours - theirs| / max |theirs|, case by case; `note` is what a reader must know;
    `section` the judge under which the page has it, where that is another than the file's.
    """
    named = pairs if isinstance(pairs, Mapping) else {}
    told = list(pairs.values()) if isinstance(pairs, Mapping) else pairs
    arrays = [(np.asarray(ours, np.float64), np.asarray(theirs, np.float64)) for ours, theirs in told]
    if any(ours.shape != theirs.shape or not np.isfinite(ours - theirs).all() for ours, theirs in arrays):
        raise ValueError(f"{quantity}: shapes differ or values are not finite")
    worst = [float(np.abs(ours - theirs).max()) for ours, theirs in arrays]
    relative = [w / max(float(np.abs(theirs).max()), 1e-12) for w, (_, theirs) in zip(worst, arrays, strict=True)]
    found: dict[str, object] = {
        "quantity": quantity,
        "level": level,
        "oracle": oracle[0],
        "version": oracle[1],
        "cases": len(arrays),
        "max_abs": max(worst),
        "max_rel": max(relative),
    }
    more: dict[str, object] = {"note": note, "section": section, "names": sorted(named)}
    return found | {key: value for key, value in more.items() if value}


def audible(ours: Array, theirs: Array) -> tuple[Array, Array]:
    """Two mels in dB, floored 80 dB under the loudest of theirs: further down both hold float32's rounding."""
    floor = theirs.max() - 80
    return np.maximum(ours, floor), np.maximum(theirs, floor)
