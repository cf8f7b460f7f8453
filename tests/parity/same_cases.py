"""What is asked of both sides of SAME's parity."""

from __future__ import annotations

import stable_audio_3_seeded as seeded
from torch import Tensor

from evalkit.nets.stable_audio.autoencoders import build_autoencoder, read_autoencoder
from evalkit.nets.stable_audio.oobleck import fold_weight_norm
from evalkit.nets.stable_audio.reader import Reader
from evalkit.nets.stable_audio.same import SameAutoencoder

RATIO = 16 * 8
LENGTHS = (1, 2, 7, 40)
"""Latents to decode: odd ones fill no whole chunk of SAME-S, and 40 are more rows than a block of windows."""

SOUNDS = (2 * RATIO, 3 * RATIO, 3 * RATIO - 5, 24 * RATIO)
"""Samples to encode."""


def sound(samples: int) -> Tensor:
    """(2, 2, samples)."""
    return 0.3 * seeded.seeded.noise(2, 2, samples, seed=samples)


def latents(length: int) -> Tensor:
    """(2, 6, length)."""
    return seeded.seeded.noise(2, 6, length, seed=length)


def token_noise(size: str, length: int) -> Tensor:
    """(2, whole chunks of latents * 16, width): what is added to the tokens of the decoder."""
    whole = length + length % 2 if size == "s" else length
    return 0.1 * seeded.seeded.noise(2, whole * 16, seeded.SMALL[size]["width"], seed=100 + length)


def built(config: seeded.Config) -> SameAutoencoder:
    """evalkit's network of a config, with whatever weights it begins with."""
    network = build_autoencoder(read_autoencoder(config["model"], Reader("test")))
    assert isinstance(network, SameAutoencoder)
    return network


def small(size: str) -> SameAutoencoder:
    """The small one with the seeded weights, ready to use."""
    network = built(seeded.small_same(size))
    network.load_state_dict(seeded.drawn({key: tuple(value.shape) for key, value in network.state_dict().items()}))
    fold_weight_norm(network)
    return network.eval().requires_grad_(False)
