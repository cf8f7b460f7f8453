"""Starts an autoencoder as a lapped transform, so that a short training begins where long ones arrive.

A convolution of kernel 2 s and stride s, as Oobleck and the DAC have them, has exactly the shape of a modified
discrete cosine transform with a sine window (Princen & Bradley 1986), and the transposed convolution that of its
inverse: with those weights a stage loses nothing. All stages but the last split mid and side into narrow bands, of
which some are kept, densely at low frequencies, where pitch is, and sparsely above. What is kept is companded
(companding.py), and the last stage lays a few moments side by side. From there on the decoder is trained. Started
at random, the same network learns nothing finer than spectral envelopes in the same time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from evalkit.mini.starts import companding
from evalkit.nets.stable_audio import dac_vae, oobleck
from evalkit.nets.stable_audio.dac_vae import DacVAE
from evalkit.nets.stable_audio.oobleck import OobleckVAE, SnakeBeta, WNConv1d, WNConvTranspose1d

Conv = WNConv1d | WNConvTranspose1d
Autoencoder = OobleckVAE | DacVAE

BEND = 3.0
"""Logarithm of the snakes' beta at the start of an Oobleck: nearly straight for sound at its own level."""


@dataclass(frozen=True)
class Kept:
    """Which bands become latents: lines of mid and of side, and of how many moments a latent frame holds each.

    `sines` is how many sines a unit has for each band when it compands, `branches` the gain of what the other
    residual units add at the start, in the encoder and in the decoder.
    """

    mid: tuple[int, ...]
    side: tuple[int, ...]
    moments: int
    sines: int = companding.SINES
    branches: tuple[float, float] = (0.1, 0.1)

    @property
    def places(self) -> list[int]:
        """The bands in the order of the transform: line n of mid is 2 n, of side 2 n + 1."""
        return [2 * line for line in self.mid] + [2 * line + 1 for line in self.side]


def evenly(low: int, high: int, count: int) -> tuple[int, ...]:
    """`count` lines at equal distances over [low, high)."""
    return tuple(low + int((index + 0.5) * (high - low) / count) for index in range(count))


def by_ratio(low: int, high: int, count: int) -> tuple[int, ...]:
    """`count` lines at equal ratios over [low, high), as hearing has them."""
    return tuple(int(low * (high / low) ** ((index + 0.5) / count)) for index in range(count))


@dataclass(frozen=True)
class Half:
    """What is written of an encoder or a decoder: the convolution at the sound, the strided ones from there to the
    latents, the convolution at the latents, and the units between the last two stages in the order of computation."""

    sound: WNConv1d
    stages: tuple[Conv, ...]
    latents: WNConv1d
    units: tuple[companding.ResidualUnit, ...]


def layers(part: nn.Module) -> nn.Sequential:
    """The layers of an encoder, a decoder, a block or a unit of either autoencoder, in the order of computation."""
    found: object = getattr(part, "layers", None)
    if isinstance(part, dac_vae.Encoder):
        found = part.encoder.block
    elif isinstance(part, dac_vae.Decoder):
        found = part.decoder.model
    elif isinstance(part, dac_vae.EncoderBlock | dac_vae.DecoderBlock | dac_vae.ResidualUnit):
        found = part.block
    assert isinstance(found, nn.Sequential)
    return found


def encoder_half(vae: Autoencoder) -> Half:
    """What is written of the encoder."""
    all_of_it = layers(vae.encoder)
    blocks = [layers(part) for part in all_of_it if isinstance(part, oobleck.EncoderBlock | dac_vae.EncoderBlock)]
    return _half(all_of_it[0], [block[-1] for block in blocks], all_of_it[-1], blocks[-1])


def decoder_half(vae: Autoencoder) -> Half:
    """What is written of the decoder, whose last layer of all is no convolution."""
    all_of_it = layers(vae.decoder)
    blocks = [layers(part) for part in all_of_it if isinstance(part, oobleck.DecoderBlock | dac_vae.DecoderBlock)]
    return _half(all_of_it[-2], [block[1] for block in reversed(blocks)], all_of_it[0], blocks[0])


def _half(sound: nn.Module, stages: list[nn.Module], latents: nn.Module, between: nn.Sequential) -> Half:
    assert isinstance(sound, WNConv1d) and isinstance(latents, WNConv1d)
    units = tuple(layer for layer in between if isinstance(layer, companding.ResidualUnit))
    return Half(sound, tuple(stage for stage in stages if isinstance(stage, Conv)), latents, units)


def mdct(size: int) -> Tensor:
    """(size, 2 * size): the orthonormal basis; row k is band k under a sine window."""
    n = torch.arange(2 * size, dtype=torch.float64) + 0.5
    k = torch.arange(size, dtype=torch.float64)[:, None] + 0.5
    basis = math.sqrt(2 / size) * torch.sin(math.pi / (2 * size) * n) * torch.cos(math.pi / size * (n + size / 2) * k)
    return basis.float()


def start_lapped(vae: Autoencoder, audio: Tensor, kept: Kept, posterior_scale: float) -> None:
    """Set every weight of `vae` in place; latents get unit variance on `audio` (batch, 2, samples).

    `posterior_scale` is the bias of the posterior's scale. Raises ValueError where `kept` does not fit.
    """
    bands = len(kept.places)
    encoder, decoder = encoder_half(vae), decoder_half(vae)
    if kept.moments * bands != vae.config.latent or encoder.stages[-1].stride != (kept.moments,):
        raise ValueError(f"{bands} bands, {kept.moments} moments of each, for {vae.config.latent} latents")
    with torch.no_grad():
        _quiet(vae, kept.branches)
        _transform(encoder, kept, torch.tensor([[0.5, 0.5], [0.5, -0.5]]))
        _transform(decoder, kept, torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
        _level_bands(vae, audio, bands)
    down, up = companding.fit(kept.sines)
    with torch.no_grad():
        companding.write(encoder.units, down, bands)
        companding.write(decoder.units, up, bands)
        _wire(vae, audio, posterior_scale)


def _quiet(vae: Autoencoder, branches: tuple[float, float]) -> None:
    """Snakes straight or nearly so, convolutions nearly silent, residual units at the gain of their branch."""
    for part in vae.modules():
        if isinstance(part, SnakeBeta):
            part.beta.fill_(BEND)
        elif isinstance(part, dac_vae.Snake):
            companding.straighten(part)
        elif isinstance(part, Conv):
            _small(part)
    for half, gain in zip((vae.encoder, vae.decoder), branches, strict=True):
        for unit in half.modules():
            if isinstance(unit, companding.ResidualUnit):
                before, first, between, second = layers(unit)
                for snake in (before, between):
                    if isinstance(snake, dac_vae.Snake):
                        snake.alpha.fill_(1.0)
                _level(first, 1.0)
                _level(second, gain)


def _small(conv: Conv) -> None:
    """Noise far below the transform's weights, so that unused paths can wake up."""
    reads = conv.in_channels * conv.kernel_size[0]
    _write(conv, 0.02 * torch.randn_like(conv.weight_v) / math.sqrt(reads))
    if conv.bias is not None:
        conv.bias.zero_()


def _level(conv: nn.Module, gain: float) -> None:
    """Noise that gives out `gain` times the level that comes in."""
    assert isinstance(conv, WNConv1d)
    _write(conv, gain * torch.randn_like(conv.weight_v) / math.sqrt(conv.in_channels * conv.kernel_size[0]))


def _write(conv: Conv, weight: Tensor) -> None:
    conv.weight_v.copy_(weight)
    conv.weight_g.copy_(weight.flatten(1).norm(dim=1)[:, None, None])


def _transform(half: Half, kept: Kept, matrix: Tensor) -> None:
    """Mid and side on the first two channels, by a `matrix` (2, 2); from there to the latents each stage's bands side
    by side, lowest first, and at the end the kept ones. The same weights are right both ways."""
    weight = half.sound.weight_v.clone()
    weight[:2, :2, 3] = matrix
    _write(half.sound, weight)
    *stages, pack = half.stages
    channels = 2
    for stage in stages:
        channels = _lay(stage, channels, kept.places if stage is stages[-1] else None)
    _pack(pack, channels, kept.moments)


def _pack(conv: Conv, bands: int, moments: int) -> None:
    """Write the stage that lays moments of each band side by side; its kernel reads half as many more on each side."""
    weight = conv.weight_v.clone()
    for band in range(bands):
        for moment in range(moments):
            weight[moments * band + moment, band, moments // 2 + moment] = 1.0
    _write(conv, weight)


def _level_bands(vae: Autoencoder, audio: Tensor, bands: int) -> None:
    """Bring the kept bands to unit variance on `audio` before they are companded, and back after."""
    encoder, decoder = encoder_half(vae), decoder_half(vae)
    split, join = encoder.stages[-2], decoder.stages[-2]
    before = layers(vae.encoder)[: len(encoder.stages)]
    spread = before(audio).std(dim=(0, 2))[:bands, None, None].clamp(min=1e-4)
    for conv, scale in ((split, 1 / spread), (join, spread)):
        weight = conv.weight_v.clone()
        weight[:bands] *= scale
        _write(conv, weight)


def _wire(vae: Autoencoder, audio: Tensor, posterior_scale: float) -> None:
    """Wire the companded bands to latents of unit variance, and back."""
    out, back, count = encoder_half(vae).latents, decoder_half(vae).latents, vae.config.latent
    spread = layers(vae.encoder)[:-1](audio).std(dim=(0, 2)).clamp(min=1e-4)[:count]
    inverse = back.weight_v.clone()
    inverse[range(count), range(count), 3] = spread
    _write(back, inverse)
    weight, means = out.weight_v.clone(), torch.diag(1 / spread)
    weight[:count] = 0
    weight[:count, :count, 1] = means
    if isinstance(vae, DacVAE):
        weight[:count, :count, 1] = torch.eye(count)
        _project(vae.encoder.proj_out, means, posterior_scale)
    elif out.bias is not None:
        out.bias[count:] = posterior_scale
    _write(out, weight)


def _project(conv: nn.Conv1d, means: Tensor, posterior_scale: float) -> None:
    """The DAC has another, plain convolution at its end, for the means and the scale."""
    count = len(means)
    assert conv.bias is not None
    conv.weight.zero_()
    conv.weight[:count, :count, 0] = means
    conv.bias[:count] = 0.0
    conv.bias[count:] = posterior_scale


def _lay(conv: Conv, channels: int, kept: list[int] | None) -> int:
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
