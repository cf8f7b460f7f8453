"""Starts an Oobleck as a lapped transform, so that a short training begins where long ones arrive.

A convolution of kernel 2 s and stride s has exactly the shape of a modified discrete cosine transform with a
sine window (Princen & Bradley 1986), and the transposed convolution that of its inverse: with those weights a
stage loses nothing. All stages but the last split mid and side into narrow bands; half as many of them as there
are latents are kept, densely at low frequencies, where pitch is, and sparsely above. What is kept is companded
(companding.py), and the last stage, of stride 2, lays two moments side by side. From there on everything is
trained. Started at random, the same network learns nothing finer than spectral envelopes in the same time.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from evalkit.mini import companding
from evalkit.nets.stable_audio.oobleck import (
    Decoder,
    DecoderBlock,
    Encoder,
    EncoderBlock,
    OobleckVAE,
    ResidualUnit,
    SnakeBeta,
    WNConv1d,
    WNConvTranspose1d,
)

MID_LINES, MID_SPARSE, SIDE_LINES = 44, 10, 10
"""How the kept bands are shared: low mid bands without a gap, higher mid bands, and side bands."""

PACKED = 2
"""Stride of the last stage, which lays that many moments of a band side by side."""

BEND = 3.0
"""Logarithm of the snakes' beta at the start: they are then nearly straight for sound at its own level."""


def mdct(size: int) -> Tensor:
    """(size, 2 * size): the orthonormal basis; row k is band k under a sine window."""
    n = torch.arange(2 * size, dtype=torch.float64) + 0.5
    k = torch.arange(size, dtype=torch.float64)[:, None] + 0.5
    basis = math.sqrt(2 / size) * torch.sin(math.pi / (2 * size) * n) * torch.cos(math.pi / size * (n + size / 2) * k)
    return basis.float()


def start_lapped(vae: OobleckVAE, audio: Tensor, posterior_scale: float) -> None:
    """Set every weight of `vae` in place; latents get unit variance on `audio` (batch, 2, samples).

    `posterior_scale` is the bias of the posterior's scale.
    """
    with torch.no_grad():
        for part in vae.modules():
            if isinstance(part, SnakeBeta):
                part.beta.fill_(BEND)
            elif isinstance(part, WNConv1d | WNConvTranspose1d):
                _small(part)
        for unit in vae.modules():
            if isinstance(unit, ResidualUnit):
                _level(unit.layers[1], 1.0)
                _level(unit.layers[3], 0.1)
        kept = kept_bands(vae.config.ratio // PACKED)
        if PACKED * len(kept) != vae.config.latent or vae.config.strides[-1] != PACKED:
            raise ValueError(f"{len(kept)} bands, {PACKED} moments of each, for {vae.config.latent} latents")
        _analyse(vae.encoder, kept)
        _synthesise(vae.decoder, kept)
        _level_bands(vae, audio, len(kept))
    _compand(vae, len(kept))
    with torch.no_grad():
        _wire(vae, audio, posterior_scale)


def _small(conv: WNConv1d | WNConvTranspose1d) -> None:
    """Noise far below the transform's weights, so that unused paths can wake up."""
    reads = conv.in_channels * conv.kernel_size[0]
    _write(conv, 0.02 * torch.randn_like(conv.weight_v) / math.sqrt(reads))
    if conv.bias is not None:
        conv.bias.zero_()


def _level(conv: nn.Module, gain: float) -> None:
    """Noise that gives out `gain` times the level that comes in."""
    assert isinstance(conv, WNConv1d)
    _write(conv, gain * torch.randn_like(conv.weight_v) / math.sqrt(conv.in_channels * conv.kernel_size[0]))


def _write(conv: WNConv1d | WNConvTranspose1d, weight: Tensor) -> None:
    conv.weight_v.copy_(weight)
    conv.weight_g.copy_(weight.flatten(1).norm(dim=1)[:, None, None])


def _analyse(encoder: Encoder, kept: list[int]) -> None:
    """Mid and side on the first two channels, then each stage's bands side by side; `kept` ones at the end."""
    first = encoder.layers[0]
    assert isinstance(first, WNConv1d)
    weight = first.weight_v.clone()
    weight[0, :, 3] = torch.tensor([0.5, 0.5])
    weight[1, :, 3] = torch.tensor([0.5, -0.5])
    _write(first, weight)
    *convs, pack = _stages(encoder)
    channels = 2
    for conv in convs:
        channels = _lay(conv, channels, kept if conv is convs[-1] else None)
    _pack(pack, channels)


def _synthesise(decoder: Decoder, kept: list[int]) -> None:
    """The way back: the same bands through transposed convolutions, then left and right from mid and side."""
    last = decoder.layers[-2]
    assert isinstance(last, WNConv1d)
    weight = last.weight_v.clone()
    weight[:, 0, 3] = 1.0
    weight[:, 1, 3] = torch.tensor([1.0, -1.0])
    _write(last, weight)
    *convs, unpack = _stages(decoder)
    channels = 2
    for conv in convs:
        channels = _lay(conv, channels, kept if conv is convs[-1] else None)
    _pack(unpack, channels)


def _stages(net: Encoder | Decoder) -> list[WNConv1d | WNConvTranspose1d]:
    """The strided convolutions, from the sound to the latents."""
    if isinstance(net, Encoder):
        found = [block.layers[-1] for block in net.layers if isinstance(block, EncoderBlock)]
    else:
        found = [block.layers[1] for block in reversed(net.layers) if isinstance(block, DecoderBlock)]
    return cast("list[WNConv1d | WNConvTranspose1d]", found)


def _units(net: Encoder | Decoder) -> list[ResidualUnit]:
    """The residual units between the last two stages, in the order of computation."""
    if isinstance(net, Encoder):
        inside = [block for block in net.layers if isinstance(block, EncoderBlock)][-1].layers
    else:
        inside = next(block for block in net.layers if isinstance(block, DecoderBlock)).layers
    return [unit for unit in inside if isinstance(unit, ResidualUnit)]


def _pack(conv: WNConv1d | WNConvTranspose1d, bands: int) -> None:
    """Write the stage that lays PACKED moments of each band side by side; its kernel reads one more on each side."""
    weight = conv.weight_v.clone()
    for band in range(bands):
        for moment in range(PACKED):
            weight[PACKED * band + moment, band, PACKED // 2 + moment] = 1.0
    _write(conv, weight)


def _level_bands(vae: OobleckVAE, audio: Tensor, bands: int) -> None:
    """Bring the kept bands to unit variance on `audio` before they are companded, and back after."""
    split, join = _stages(vae.encoder)[-2], _stages(vae.decoder)[-2]
    spread = vae.encoder.layers[: len(vae.config.strides)](audio).std(dim=(0, 2))[:bands, None, None].clamp(min=1e-4)
    for conv, scale in ((split, 1 / spread), (join, spread)):
        weight = conv.weight_v.clone()
        weight[:bands] *= scale
        _write(conv, weight)


def _compand(vae: OobleckVAE, bands: int) -> None:
    down, up = companding.fit()
    with torch.no_grad():
        companding.write(_units(vae.encoder), down, bands)
        companding.write(_units(vae.decoder), up, bands)


def _lay(conv: WNConv1d | WNConvTranspose1d, channels: int, kept: list[int] | None) -> int:
    """Write the transform between `channels` wide ones and their bands, lowest first; how many bands there are.

    `kept` are the places, in that order, of the bands to lay; None lays them all. Both kinds of convolution
    hold the narrow side first: (bands, wide, 2 * size).
    """
    size = conv.stride[0]
    basis, weight = mdct(size), conv.weight_v.clone()
    places = [(channel, band) for channel in range(channels) for band in range(size)]
    places.sort(key=lambda place: _height(place, size))
    if kept is not None:
        places = [places[index] for index in kept]
    for narrow, (channel, band) in enumerate(places):
        weight[narrow, channel] = basis[band]
    _write(conv, weight)
    return len(places)


def _height(place: tuple[int, int], size: int) -> float:
    """Where a band lies: its parent's place, mid and side being neighbours, then its own within the parent.

    A stage turns every second band upside down, so within an odd parent the order is reversed.
    """
    channel, band = place
    parent, side = divmod(channel, 2)
    own = size - 1 - band if parent % 2 else band
    return 2 * (parent * size + own) + side


def kept_bands(ratio: int) -> list[int]:
    """Places of the bands that become latents, in the order of `_lay`: line n of mid is 2 n, of side 2 n + 1."""
    mid = list(range(MID_LINES)) + _spread(MID_LINES, ratio, MID_SPARSE)
    side = _spread(0, ratio // 4, SIDE_LINES - SIDE_LINES // 4) + _spread(ratio // 4, ratio, SIDE_LINES // 4)
    return [2 * line for line in mid] + [2 * line + 1 for line in side]


def _spread(low: int, high: int, count: int) -> list[int]:
    """`count` lines evenly over [low, high)."""
    return [low + int((index + 0.5) * (high - low) / count) for index in range(count)]


def _wire(vae: OobleckVAE, audio: Tensor, posterior_scale: float) -> None:
    """Wire the companded bands to latents of unit variance, and back."""
    out, back, count = vae.encoder.layers[-1], vae.decoder.layers[0], vae.config.latent
    assert isinstance(out, WNConv1d) and isinstance(back, WNConv1d) and out.bias is not None
    spread = vae.encoder.layers[:-1](audio).std(dim=(0, 2)).clamp(min=1e-4)
    weight, inverse = out.weight_v.clone(), back.weight_v.clone()
    weight[:count] = 0
    for latent in range(count):
        weight[latent, latent, 1] = 1 / spread[latent]
        inverse[latent, latent, 3] = spread[latent]
    _write(out, weight)
    _write(back, inverse)
    out.bias[count:] = posterior_scale
