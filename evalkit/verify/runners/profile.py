"""Many numbers as a few, which any of them can change: what a record keeps of features and sounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

POINTS, PARTS = 48, 16


def profile(arrays: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
    """For each array, laid out in one row: POINTS values at even distances, then the root mean square of each of PARTS
    equal parts, into which every value enters. Arrays of fewer values stay whole."""
    return np.concatenate([_profile(np.asarray(each, dtype=np.float64).reshape(-1)) for each in arrays])


def _profile(row: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(row) <= POINTS + PARTS:
        return row
    points = row[np.linspace(0, len(row) - 1, POINTS).astype(int)]
    return np.concatenate([points, [np.sqrt(np.mean(part**2)) for part in np.array_split(row, PARTS)]])
