"""What is large and wanted later, as features are: in a temporary file without a name, which goes with the process."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]

MOST_BYTES = 1 << 26
"""Of one embedder's features in memory: some 800 clips of 10 s by OpenL3."""
LARGE = 1 << 24
"""Bytes from which a table of numbers is kept outside of memory."""


def outside(shape: tuple[int, ...], dtype: type[np.generic] = np.float64) -> NDArray[Any]:
    """Zeros to write numbers into: a large table lies in a temporary file, as long as there is room for it, so that the
    system takes its memory back where it needs it. What is computed of it is the same to the bit."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > LARGE:
        try:
            with tempfile.TemporaryFile(prefix="evalkit-", dir=_roomy()) as file:
                _reserve(file, size)
                return np.frombuffer(mmap.mmap(file.fileno(), size), dtype).reshape(shape)
        except OSError:
            pass
    return np.zeros(shape, dtype)


def _reserve(file: IO[bytes], size: int) -> None:
    """A page of a file that the disk has no room for would end the process when it is written to. Raises OSError."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for start in range(0, size, LARGE):
        file.write(bytes(min(LARGE, size - start)))
    file.flush()


def _roomy() -> Path | None:
    """A folder for large temporary files where nobody names one: /tmp is memory on many machines, /var/tmp is not."""
    named = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    folder = Path("/var/tmp")
    return folder if not named and os.access(folder, os.W_OK) else None


class Spill:
    """Arrays (frames, dimensions) by key, kept outside of the process's memory."""

    def __init__(self, folder: Path | None = None) -> None:
        """In `folder`, or where large temporary files belong. Raises OSError where none can be made there."""
        self._file = tempfile.TemporaryFile(prefix="evalkit-", buffering=0, dir=folder or _roomy())  # noqa: SIM115 - it lives as long
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


class Pile:
    """Arrays (frames, dimensions) by key: in memory while they are few, the further ones spilled."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        """`folder` is made where it isn't; where nothing can be written there, all stay in memory."""
        self._folder, self._most, self._bytes = folder, most_bytes, 0
        self._held: dict[str, Features] = {}
        self._spill: Spill | None = None
        self._keys: set[str] = set()

    def put(self, key: str, features: Features) -> None:
        """Keep an array."""
        self._keys.add(key)
        self._bytes += features.nbytes
        if self._bytes <= self._most or not self._spilled(key, features):
            self._held[key] = features

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def arrays(self) -> dict[str, Features]:
        """All of them; the spilled ones are read-only."""
        return {**self._held, **(self._spill.arrays() if self._spill is not None else {})}

    def _spilled(self, key: str, features: Features) -> bool:
        try:
            if self._spill is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._spill = Spill(self._folder)
            self._spill.put(key, features)
        except OSError:
            return False
        return True


def _array(data: mmap.mmap | bytes, offset: int, shape: tuple[int, ...]) -> Features:
    size = math.prod(shape)
    return np.frombuffer(data, np.float32, size, offset).reshape(shape) if size else np.zeros(shape, np.float32)
