"""The autoencoder of Stable Audio 1.0: the encoder and decoder of the Descript Audio Codec around a VAE.

Sound (batch, channels, samples) to latents (batch, latent, samples / ratio) and back; the codec's quantiser is
not used. Module and tensor names are those of stable-audio-tools' wrappers (models/autoencoders.py at 50049e3)
around descript-audio-codec 1.0.0 (dac/model/dac.py). Source: Evans et al., "Fast timing-conditioned latent audio
diffusion", 2024, section 3.1; Kumar et al., "High-fidelity audio compression with improved RVQGAN", 2023.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from evalkit.nets.stable_audio.oobleck import WNConv1d, WNConvTranspose1d
from evalkit.nets.stable_audio.snake import snake
from evalkit.nets.stable_audio.vae import DILATIONS, VAE, reach


@dataclass(frozen=True)
class DacConfig:
    """Sizes as in the `pretransform.config` block of a stable-audio-tools model config.

    The encoder starts with `d_model` channels and doubles them at each of its `strides`; the decoder starts with
    `channels` and halves them at each of its `rates`. `latent` is the width of the decoder's input.
    """

    d_model: int = 128
    strides: tuple[int, ...] = (4, 4, 8, 8)
    channels: int = 1536
    rates: tuple[int, ...] = (8, 8, 4, 4)
    latent: int = 64
    io_channels: int = 2

    @property
    def ratio(self) -> int:
        """Samples per latent."""
        return math.prod(self.strides)

    @property
    def decoder_reach(self) -> int:
        """Latents on each side that a decoded latent's sound depends on: 10 for the published rates."""
        return reach(self.rates)


class Snake(nn.Module):
    """x + sin^2(alpha x) / alpha, with alpha (1, channels, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return snake(x, self.alpha[0], 1 / (self.alpha[0] + 1e-9))


class ResidualUnit(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            Snake(channels),
            WNConv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation),
            Snake(channels),
            WNConv1d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y


class EncoderBlock(nn.Module):
    """Three residual units, then half as long by `stride` and twice as wide."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            *(ResidualUnit(width, dilation) for dilation in DILATIONS),
            Snake(width),
            WNConv1d(width, 2 * width, 2 * stride, stride=stride, padding=math.ceil(stride / 2)),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return y


class DecoderBlock(nn.Module):
    """Longer by `stride` and half as wide, then three residual units."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            Snake(width_in),
            WNConvTranspose1d(width_in, width_out, 2 * stride, stride=stride, padding=math.ceil(stride / 2)),
            *(ResidualUnit(width_out, dilation) for dilation in DILATIONS),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return y


class DacEncoder(nn.Module):
    """The codec's own encoder; its widest channels are its output."""

    def __init__(self, config: DacConfig) -> None:
        super().__init__()
        widths = [config.d_model * 2**level for level in range(len(config.strides) + 1)]
        self.block = nn.Sequential(
            WNConv1d(config.io_channels, widths[0], 7, padding=3),
            *map(EncoderBlock, widths[:-1], config.strides),
            Snake(widths[-1]),
            WNConv1d(widths[-1], widths[-1], 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return y


class Encoder(nn.Module):
    """(batch, io_channels, samples) to (batch, 2 * latent, samples / ratio): mean and scale."""

    def __init__(self, config: DacConfig) -> None:
        super().__init__()
        self.encoder = DacEncoder(config)
        self.proj_out = nn.Conv1d(config.d_model * 2 ** len(config.strides), 2 * config.latent, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.proj_out(self.encoder(x))
        return y


class DacDecoder(nn.Module):
    """The codec's own decoder."""

    def __init__(self, config: DacConfig) -> None:
        super().__init__()
        widths = [config.channels // 2**level for level in range(len(config.rates) + 1)]
        self.model = nn.Sequential(
            WNConv1d(config.latent, widths[0], 7, padding=3),
            *map(DecoderBlock, widths, widths[1:], config.rates),
            Snake(widths[-1]),
            WNConv1d(widths[-1], config.io_channels, 7, padding=3),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.model(z)
        return x


class Decoder(nn.Module):
    """(batch, latent, length) to (batch, io_channels, length * ratio), within [-1, 1]."""

    def __init__(self, config: DacConfig) -> None:
        super().__init__()
        self.decoder = DacDecoder(config)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.decoder(z)
        return x


class DacVAE(VAE):
    """Encoder, VAE bottleneck and decoder."""

    config: DacConfig
    encoder: Encoder
    decoder: Decoder

    def __init__(self, config: DacConfig) -> None:
        super().__init__(config, Encoder(config), Decoder(config))
