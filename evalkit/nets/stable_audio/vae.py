"""What Stable Audio's autoencoders share: the VAE bottleneck, and decoding in pieces.

Source: stable-audio-tools models/bottleneck.py at 50049e3; Evans et al., "Fast timing-conditioned latent audio
diffusion", 2024, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DILATIONS = (1, 3, 9)
"""Of a stage's three residual units, whose convolutions are 7 wide."""


class VAEConfig(Protocol):
    """What every autoencoder's config says."""

    @property
    def latent(self) -> int:
        """Channels of a latent."""
        ...

    @property
    def io_channels(self) -> int:
        """Channels of the sound."""
        ...

    @property
    def ratio(self) -> int:
        """Samples per latent."""
        ...

    @property
    def decoder_reach(self) -> int:
        """Latents on each side that a decoded latent's sound depends on."""
        ...


def reach(strides: Sequence[int]) -> int:
    """Latents on each side that a decoder of these upsampling strides looks at.

    The first and last convolution reach 3 of their own samples, a transposed one 1, and the residual units of a
    stage 3 for every dilation; each counts at its own rate.
    """
    found, rate = 3.0, 1
    for stride in strides:
        found += 1 / rate
        rate *= stride
        found += 3 * sum(DILATIONS) / rate
    return math.ceil(found + 3 / rate)


def pieces(length: int, chunk: int, margin: int) -> Iterator[tuple[int, int, int, int]]:
    """(left, start, stop, right) of every piece of `length`: its own, and what these see."""
    for start in range(0, length, chunk):
        stop = min(start + chunk, length)
        yield max(start - margin, 0), start, stop, min(stop + margin, length)


class VAE(nn.Module):
    """Encoder, VAE bottleneck and decoder: sound (batch, io_channels, samples) to latents and back.

    `grain` is how many latents the network takes together; a piece begins at a multiple of it.
    """

    grain: int = 1

    def __init__(self, config: VAEConfig, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, audio: Tensor, noise: Tensor | None = None) -> Tensor:
        """Latents of (batch, io_channels, samples), samples a multiple of the ratio.

        `noise` (batch, latent, samples / ratio) draws from the posterior; without it the mean is returned.
        """
        mean, std = self.posterior(audio)
        return mean if noise is None else mean + std * noise

    def posterior(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, each (batch, latent, samples / ratio)."""
        mean, scale = self.encoder(audio).chunk(2, dim=1)
        return mean, F.softplus(scale) + 1e-4

    def decode(self, latents: Tensor) -> Tensor:
        """(batch, io_channels, length * ratio) from (batch, latent, length)."""
        audio: Tensor = self.decoder(latents)
        return audio

    def decode_chunked(self, latents: Tensor, chunk: int = 128) -> Tensor:
        """As `decode`, in pieces of `chunk` latents, each decoded with its reach on both sides.

        Memory is bounded by the chunk; the result differs from the whole decode by rounding alone.
        """
        ratio, margin = self.config.ratio, self.config.decoder_reach
        found = []
        for left, start, stop, right in pieces(latents.shape[-1], max(chunk // self.grain, 1) * self.grain, margin):
            piece = self.decode(latents[..., left:right])
            found.append(piece[..., (start - left) * ratio : (stop - left) * ratio])
        return torch.cat(found, dim=-1)
