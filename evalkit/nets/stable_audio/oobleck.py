"""Oobleck: the convolutional VAE of Stable Audio 2.0 and Stable Audio Open.

Sound (batch, channels, samples) to latents (batch, latent, samples / ratio) and back. Module and tensor names
are those of stable-audio-tools (models/autoencoders.py and models/bottleneck.py at 50049e3), so that a published
`model.safetensors` loads as it is. Source: Evans et al., "Long-form music generation with latent diffusion",
2024, section 2.1; SnakeBeta from BigVGAN (Lee et al. 2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evalkit.nets.stable_audio.snake import snake
from evalkit.nets.stable_audio.vae import DILATIONS, VAE, reach


@dataclass(frozen=True)
class OobleckConfig:
    """Sizes as in the `pretransform.config` block of a stable-audio-tools model config.

    `latent` is the width of the decoder's input; the encoder makes twice that (mean and scale).
    """

    channels: int = 128
    c_mults: tuple[int, ...] = (1, 2, 4, 8, 16)
    strides: tuple[int, ...] = (2, 4, 4, 8, 8)
    latent: int = 64
    io_channels: int = 2
    final_tanh: bool = False

    @property
    def ratio(self) -> int:
        """Samples per latent."""
        return math.prod(self.strides)

    @property
    def decoder_reach(self) -> int:
        """Latents on each side that a decoded latent's sound depends on: 10 for the published strides."""
        return reach(self.strides[::-1])

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels before the first stage and after each."""
        return (self.channels, *(self.channels * mult for mult in self.c_mults))


class SnakeBeta(nn.Module):
    """x + sin^2(alpha x) / beta, per channel, with alpha and beta stored as logarithms of shape (channels,)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return snake(x, self.alpha.exp()[:, None], 1 / (self.beta.exp()[:, None] + 1e-9))


def _norm(weight: Tensor) -> Tensor:
    """Norm over all but the first dimension, as torch's weight_norm with dim=0."""
    return weight.flatten(1).norm(dim=1)[:, None, None]


def _weight_normed(conv: WNConv1d | WNConvTranspose1d) -> None:
    """Replace a convolution's `weight` by `weight_g` (first, 1, 1) and `weight_v`, with w = g v / |v|."""
    weight = conv._parameters.pop("weight")
    assert weight is not None
    conv.weight_v = nn.Parameter(weight.detach())
    conv.weight_g = nn.Parameter(_norm(weight.detach()))


class WNConv1d(nn.Conv1d):
    """Conv1d under weight norm; after :func:`fold_weight_norm` a plain one."""

    weight_g: nn.Parameter
    weight_v: nn.Parameter

    def __init__(
        self,
        width_in: int,
        width_out: int,
        kernel: int,
        *,
        dilation: int = 1,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(width_in, width_out, kernel, stride, padding, dilation, bias=bias)
        _weight_normed(self)

    def forward(self, x: Tensor) -> Tensor:
        weight = current_weight(self)
        if self.kernel_size == (1,) and self.bias is not None and x.device.type == "cpu":
            # A matrix product: the convolution of a CPU would copy its input together first.
            return torch.matmul(weight[:, :, 0], x).add_(self.bias[:, None])
        return self._conv_forward(x, weight, self.bias)


class WNConvTranspose1d(nn.ConvTranspose1d):
    """ConvTranspose1d under weight norm; after :func:`fold_weight_norm` a plain one."""

    weight_g: nn.Parameter
    weight_v: nn.Parameter

    def __init__(self, width_in: int, width_out: int, kernel: int, *, stride: int, padding: int) -> None:
        super().__init__(width_in, width_out, kernel, stride, padding)
        _weight_normed(self)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return F.conv_transpose1d(x, current_weight(self), self.bias, self.stride[0], int(self.padding[0]))


def current_weight(conv: WNConv1d | WNConvTranspose1d) -> Tensor:
    """The weight a convolution applies, folded or not."""
    folded = conv._buffers.get("folded")
    if folded is not None:
        return folded
    return conv.weight_v * (conv.weight_g / _norm(conv.weight_v))


def fold_weight_norm(module: nn.Module) -> None:
    """Compute every weight once, for inference; the module then has no `weight_g` and `weight_v`."""
    for conv in module.modules():
        if isinstance(conv, WNConv1d | WNConvTranspose1d) and "weight_g" in conv._parameters:
            conv.register_buffer("folded", current_weight(conv).detach(), persistent=False)
            del conv.weight_g, conv.weight_v


class ResidualUnit(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            SnakeBeta(channels),
            WNConv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation),
            SnakeBeta(channels),
            WNConv1d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y


class EncoderBlock(nn.Module):
    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(ResidualUnit(width_in, dilation) for dilation in DILATIONS),
            SnakeBeta(width_in),
            WNConv1d(width_in, width_out, 2 * stride, stride=stride, padding=math.ceil(stride / 2)),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class DecoderBlock(nn.Module):
    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            SnakeBeta(width_in),
            WNConvTranspose1d(width_in, width_out, 2 * stride, stride=stride, padding=math.ceil(stride / 2)),
            *(ResidualUnit(width_out, dilation) for dilation in DILATIONS),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class Encoder(nn.Module):
    """(batch, io_channels, samples) to (batch, 2 * latent, samples / ratio): mean and scale."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        widths = config.widths
        blocks = map(EncoderBlock, widths, widths[1:], config.strides)
        self.layers = nn.Sequential(
            WNConv1d(config.io_channels, widths[0], 7, padding=3),
            *blocks,
            SnakeBeta(widths[-1]),
            WNConv1d(widths[-1], 2 * config.latent, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class Decoder(nn.Module):
    """(batch, latent, length) to (batch, io_channels, length * ratio)."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        widths, strides = config.widths[::-1], config.strides[::-1]
        blocks = map(DecoderBlock, widths, widths[1:], strides)
        self.layers = nn.Sequential(
            WNConv1d(config.latent, widths[0], 7, padding=3),
            *blocks,
            SnakeBeta(widths[-1]),
            WNConv1d(widths[-1], config.io_channels, 7, padding=3, bias=False),
            nn.Tanh() if config.final_tanh else nn.Identity(),
        )

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.layers(z)
        return x


class OobleckVAE(VAE):
    """Encoder, VAE bottleneck and decoder."""

    config: OobleckConfig
    encoder: Encoder
    decoder: Decoder

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__(config, Encoder(config), Decoder(config))
