"""Features that are many and wanted later: in a temporary file without a name, which goes with the process."""

from __future__ import annotations

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
        if not self._end:
            return {}
        mapped = mmap.mmap(self._file.fileno(), self._end, access=mmap.ACCESS_READ)
        return {
            key: np.frombuffer(mapped, np.float32, int(np.prod(shape)), offset).reshape(shape)
            for key, (offset, shape) in self._places.items()
        }
