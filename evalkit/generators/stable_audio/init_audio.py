"""A sound to start from: read, and brought to a model's rate and channels.

Source: stable-audio-tools inference/utils.py (`prepare_audio`) at 50049e3, with soxr as the converter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.decode import UnreadableAudio, decode
from evalkit.audio.resample import resample
from evalkit.audio.verdicts import FATAL, inspect
from evalkit.core.errors import UserError


def read_init(path: Path, rate: int, channels: int, frames: int) -> Samples:
    """float32 (channels, at most `frames` samples) at `rate` Hz. Raises UserError naming a file that is no sound.

    One channel is repeated for two; of more than two the first two are taken; for one channel their mean is.
    """
    clip = _decoded(path)
    samples = resample(clip.samples, clip.rate, rate)
    if channels == 1:
        samples = samples.mean(axis=0, keepdims=True)
    elif samples.shape[0] == 1:
        samples = np.repeat(samples, channels, axis=0)
    return np.ascontiguousarray(samples[:channels, :frames], dtype=np.float32)


def check_init(path: Path) -> None:
    """Raises UserError for a file that is no sound to start from: found before the model is loaded."""
    fatal = [verdict for verdict in inspect(_decoded(path)) if verdict in FATAL]
    if fatal:
        raise UserError(f"init audio {path}: {', '.join(fatal)}", "choose another sound")


def _decoded(path: Path) -> Clip:
    try:
        return decode(path)
    except UnreadableAudio as error:
        raise UserError(f"init audio {error.message}", error.hint) from None
