"""The feature cache: what an embedder made of a sound, kept by content.

The path of an entry is `<root>/<embedder key>/<aa>/<digest>.npy`, where the key is the digest of the
embedder (name, weights, settings) and the digest that of the audio file's bytes; `aa` is its first two
digits. Neither a file name nor a run's name is part of it, so a renamed, copied or regenerated clip hits,
and any other weights or settings miss.

An entry is a plain `.npy` file followed by the sha256 of its bytes (numpy ignores what follows the array).
An entry whose checksum does not hold, or that is no 2-D float32 array, is treated as absent: it is made
again and never trusted. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evalkit.core.files import write_bytes
from evalkit.core.reading import read_regular
from evalkit.store import arrays

_DIGEST_BYTES = 32


class FeatureCache:
    """The entries of one embedder."""

    def __init__(self, root: Path, embedder_key: str) -> None:
        self.folder = root / embedder_key

    def path(self, digest: str) -> Path:
        return self.folder / digest[:2] / f"{digest}.npy"

    def get(self, digest: str) -> NDArray[np.float32] | None:
        """The features (frames, dimensions) of a content, or None where they are absent or damaged."""
        try:
            data = read_regular(self.path(digest), arrays.MOST_BYTES)
        except OSError:
            return None
        body, checksum = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != checksum:
            return None
        try:
            features: NDArray[np.float32] = arrays.parse_npy(body)
        except ValueError:
            return None
        return features if features.ndim == 2 and features.dtype == np.float32 else None

    def put(self, digest: str, features: NDArray[np.float32]) -> None:
        """Keep the features (frames, dimensions) of a content; they land whole or not at all."""
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(features, dtype=np.float32), allow_pickle=False)
        body = buffer.getvalue()
        write_bytes(self.path(digest), body + hashlib.sha256(body).digest())
