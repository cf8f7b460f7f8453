"""An embedder of your own: sound in, features out. In a manifest beside it, a distance of its features is

[metrics.fd_bands]
like = "fd_openl3"
weights = "own_embedder.py:Bands"
"""

import numpy as np

from evalkit.embed.base import EmbedderSpec


class Bands:
    """Energy in eight bands, in decibels, a frame per 1,024 samples: float32 (frames, 8) per clip."""

    spec = EmbedderSpec(name="bands", family="bands", dimensions=8)

    def embed(self, clips):
        return [bands(clip.mono()) for clip in clips]


def bands(mono):
    """(frames, 8) of (samples,)."""
    power = np.abs(np.fft.rfft(np.pad(mono, (0, -len(mono) % 1024)).reshape(-1, 1024))[:, 1:]) ** 2
    return (10 * np.log10(power.reshape(len(power), 8, -1).mean(2) + 1e-8)).astype(np.float32)
