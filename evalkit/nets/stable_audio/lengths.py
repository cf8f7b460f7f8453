"""How many latents a sound takes: the whole window, or, of a model of free length, as many as its seconds ask for.

Such a model was trained on sounds with padding behind them, and makes six seconds more than are asked. The original's
latents beyond those are padding, which nothing of the sound depends on where it is masked: here they are not made.
Source: stable_audio_3 at 636f906 (model.py, inference/sampling.py); stable-audio-tools 0.0.20 rounds the noise up to
whole chunks of SAME-S alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalkit.nets.stable_audio.config import ModelConfig
from evalkit.nets.stable_audio.same import SameConfig

HEADROOM = 6
"""Seconds beyond those that are asked for."""


@dataclass(frozen=True)
class Room:
    """Noise is drawn for `drawn` latents, as in the original, so that seeds mean the same; of these the first `made`
    are made."""

    drawn: int
    made: int


def room(config: ModelConfig, seconds: float) -> Room:
    """The room that a sound of so many seconds takes."""
    most = config.latent_length
    if not config.free:
        return Room(most, most)
    rate, ratio = config.sample_rate, config.autoencoder.ratio
    together = config.autoencoder.encoder.together if isinstance(config.autoencoder, SameConfig) else 1
    whole = math.lcm(together, 2)
    drawn = min(math.ceil(math.ceil(int((seconds + HEADROOM) * rate) / ratio) / whole) * whole, most)
    heard = math.ceil(int(seconds * rate) / ratio)
    return Room(drawn, min(heard + HEADROOM * rate // ratio, drawn))
