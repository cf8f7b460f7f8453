"""A piece of sound in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.core.ids import digest_bytes

Samples = NDArray[np.float32]

FULL_SCALE = 32767 / 32768
"""The largest 16-bit sample."""


@dataclass(frozen=True)
class Clip:
    """Decoded sound: `samples` float32 (channels, samples), nominal range [-1, 1]; `rate` in Hz.

    `digest` is the sha256 of the bytes it was decoded from. `rails` are the lowest and the highest value at which
    the encoding is at its end: 16-bit full scale, nearer to zero for coarser ones. `reader` names the library that
    decoded it, and `notes` what its container left open (names of verdicts).
    """

    samples: Samples
    rate: int
    digest: str
    rails: tuple[float, float] = (-FULL_SCALE, FULL_SCALE)
    reader: str = ""
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.rate

    def mono(self) -> Samples:
        """(samples,) mean over channels."""
        return self.samples.mean(axis=0, dtype=np.float32)

    def stereo(self) -> Samples:
        """(1 or 2, samples): 5.1 sound folded down, one or two channels as they are.

        ITU-R BS.775: centre and surrounds at -3 dB on their sides, the low-frequency channel left out, in the order
        of WAV and FFmpeg (front left and right, centre, low, back left and right). Raises ValueError for other counts.
        """
        if self.channels <= 2:
            return self.samples
        if self.channels != SURROUND:
            raise ValueError(f"{self.channels} channels have no known places")
        sides, centre, back = self.samples[:2], self.samples[2], self.samples[4:]
        return sides + np.float32(0.5**0.5) * (centre + back)


def samples_digest(clip: Clip) -> str:
    """sha256 of a clip's rate and samples, which a WAV and a FLAC of one sound share."""
    head = f"{clip.rate} {clip.samples.shape}".encode()
    return digest_bytes(head + np.ascontiguousarray(clip.samples, dtype="<f4").tobytes())


SURROUND = 6
"""The channels of 5.1 sound."""
