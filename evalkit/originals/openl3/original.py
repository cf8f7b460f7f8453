"""OpenL3 0.4.2 as stable-audio-metrics calls it (fd55536, src/openl3_fd.py, batched path): runs in its environment.

librosa reads, pyloudnorm brings the peak to -1 dBFS, soxr makes it 44.1 kHz, openl3.get_audio_embedding does the rest
(resampy 0.2.2, kapre, Keras); left beside right; scipy's sqrtm. NumPy is 1.26: the published numbers were made under
NumPy 1, which keeps the samples float32, and NumPy 2 does not.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import librosa
import numpy as np
import pyloudnorm
import soxr
from scipy import linalg

RATE = 44100


def load_clip(path: Any, dtype: Any = np.float32) -> Any:
    """(samples,) or (samples, 2) at 44.1 kHz, as openl3_fd.py lines 108-115 make it.

    `dtype` float64 makes it what NumPy 2 makes it: a float64 from the level on.
    """
    audio, rate = librosa.load(path, sr=None, mono=False)
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore")
        audio = pyloudnorm.normalize.peak(audio.T.astype(dtype), -1.0)
    assert audio.dtype == dtype, f"NumPy {np.__version__} made the samples {audio.dtype}"
    return soxr.resample(audio, rate, RATE) if rate != RATE else audio


def embed(audio: Any, model: Any) -> Any:
    """(frames, 1024) of one clip: the sides apart, a mono clip as both of them (lines 118-145)."""
    import openl3

    sides = [audio[:, 0], audio[:, 1]] if audio.ndim == 2 else [audio, audio]
    found = [
        openl3.get_audio_embedding(side, RATE, model=model, hop_size=0.5, batch_size=4, verbose=False)[0]
        for side in sides
    ]
    return np.concatenate(found, axis=1)


def upstream_distance(generated: Any, reference: Any) -> float:
    """calculate_frechet_distance of openl3_fd.py over lists of (frames, d), with the sqrtm of the SciPy at hand."""
    statistics = []
    for clips in (generated, reference):
        rows = np.concatenate(clips)
        statistics.append((np.mean(rows, axis=0), np.cov(rows, rowvar=False)))
    (mean_a, cov_a), (mean_b, cov_b) = statistics
    root = linalg.sqrtm(cov_a.dot(cov_b))
    difference = mean_a - mean_b
    return float(difference.dot(difference) + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root.real))


def exact_distance(generated: Any, reference: Any) -> float:
    """The same quantity from the rows themselves, in float64, without a matrix root."""
    factors, means = [], []
    for clips in (generated, reference):
        rows = np.concatenate(clips).astype(np.float64)
        means.append(rows.mean(axis=0))
        factors.append((rows - means[-1]) / np.sqrt(len(rows) - 1))
    shift = np.square(means[0] - means[1]).sum()
    overlap = linalg.svdvals(factors[0] @ factors[1].T).sum()
    return float(shift + sum(np.square(factor).sum() for factor in factors) - 2 * overlap)


class OpenL3:
    """`frames` (frames, 1024) of a clip; `distance` of every second clip from the rest, `root` by upstream's sqrtm."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def clip(self, told: dict[str, Any]) -> dict[str, Any]:
        return {"frames": embed(load_clip(told["path"]), self._model)}

    def together(self, found: list[dict[str, Any]]) -> dict[str, Any]:
        rows = [clip["frames"] for clip in found]
        sides = rows[::2], rows[1::2]
        return {"distance": exact_distance(*sides), "root": upstream_distance(*sides)}


def build(job: dict[str, Any], _load_at_peak: Any) -> OpenL3:
    """The model from a weights file by openl3's own loader, which reads none that is packed."""
    sys.path.append(str(Path(job["sources"]) / "openl3-0.4.2"))
    from openl3 import models

    weights = Path(job["weights"])
    if weights.suffix == ".gz":
        packed, weights = weights, Path(job["folder"]) / "weights.h5"
        with gzip.open(packed) as source, weights.open("wb") as target:
            shutil.copyfileobj(source, target)
    return OpenL3(models.load_audio_embedding_model_from_path(str(weights), "mel256", 512))
