"""Features that are many and wanted later: in a temporary file without a name, which goes with the process."""

from __future__ import annotations

import math
import mmap
import tempfile
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]


class Spill:
    """Arrays (frames, dimensions) by key, kept outside of the process's memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="evalkit-", buffering=0)  # noqa: SIM115 - it lives as long as this
        self._end = 0
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}

    def put(self, key: str, features: Features) -> None:
        """Keep an array. Raises OSError where the disk has no room; what was kept before is there still."""
        rows = np.ascontiguousarray(features, dtype=np.float32)
        left = memoryview(rows.tobytes())
        self._file.seek(self._end)
        while left:
            left = left[self._file.write(left) :]
        self._places[key] = (self._end, rows.shape)
        self._end += rows.nbytes

    def arrays(self) -> Mapping[str, Features]:
        """All of them, read-only; the system takes their memory back where it needs it."""
        mapped = mmap.mmap(self._file.fileno(), self._end, access=mmap.ACCESS_READ) if self._end else b""
        return {key: _array(mapped, *place) for key, place in self._places.items()}


def _array(data: mmap.mmap | bytes, offset: int, shape: tuple[int, ...]) -> Features:
    size = math.prod(shape)
    return np.frombuffer(data, np.float32, size, offset).reshape(shape) if size else np.zeros(shape, np.float32)
