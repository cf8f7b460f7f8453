"""Facts of the sound itself as features: one row of measured quantities per clip, without weights.

`COLUMNS` names the quantities of a row in order, with their units:

    seconds      s     length: samples over rate
    silence      0-1   share of 20-ms frames under -60 dBFS in every channel
    clipping     0-1   share of samples at or beyond the ends of the encoding
    loudness     LUFS  integrated (BS.1770-4), -70 where nothing passes its gate
    correlation  -1-1  of the two channels; 1 for mono
    side_mid     dB    side over mid energy, between -60 (mono) and 60
    bandwidth    Hz    above which less than a millionth of the energy lies

`evalkit.audio.measures` defines each. They are taken at the clip's own rate, channels and level: this is the
one embedder that resamples, mixes and normalises nothing, so it sees what the others level out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evalkit.audio import measures
from evalkit.audio.clip import Clip
from evalkit.embed.base import NO_WEIGHTS, EmbedderSpec, Features

COLUMNS = ("seconds", "silence", "clipping", "loudness", "correlation", "side_mid", "bandwidth")
VERSION = 2
"""Part of every cache key: raise it with any change to a definition in `evalkit.audio.measures`."""


class SoundEmbedder:
    """Measures each clip alone; `embed` gives one row (1, 7) float32 per clip, in the order of `COLUMNS`."""

    def __init__(self, name: str) -> None:
        settings = {"version": VERSION, "columns": list(COLUMNS)}
        self.spec = EmbedderSpec(name, "sound", len(COLUMNS), NO_WEIGHTS, settings)

    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises ValueError for a clip without samples or with samples that are not finite."""
        return [_row(clip) for clip in clips]


def load(name: str, path: Path | None, device: str) -> SoundEmbedder:
    """There is no file to read and nothing for a device to do: `path` is None, and `device` has no effect."""
    return SoundEmbedder(name)


def _row(clip: Clip) -> Features:
    samples, rate = clip.samples, clip.rate
    if not samples.size or not np.isfinite(samples).all():
        raise ValueError("a clip without samples, or with samples that are not finite, cannot be measured")
    found = {
        "seconds": clip.seconds,
        "silence": measures.silent_share(samples, rate),
        "clipping": measures.clipped_share(samples, clip.rails),
        "loudness": measures.floored_loudness(samples, rate),
        "correlation": measures.stereo_correlation(samples),
        "side_mid": measures.side_mid_ratio(samples),
        "bandwidth": measures.bandwidth(samples, rate),
    }
    return np.array([[found[column] for column in COLUMNS]], dtype=np.float32)
