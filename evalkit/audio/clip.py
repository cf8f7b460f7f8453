"""A piece of sound in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """Decoded sound: `samples` float32 (channels, samples), nominal range [-1, 1]; `rate` in Hz.

    `digest` is the sha256 of the bytes it was decoded from, and stands for the clip in every cache key
    and in every seed that must not depend on the clip's neighbours.
    """

    samples: Samples
    rate: int
    digest: str

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.rate

    def mono(self) -> Samples:
        """(samples,) mean over channels."""
        return self.samples.mean(axis=0, dtype=np.float32)
