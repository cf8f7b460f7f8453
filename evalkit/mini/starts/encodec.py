"""Starts an EnCodec as a vocoder of tiles, so that a short training begins where it can hear.

The latents are the tiles' levels (tiles.py), in logarithms and rotated onto their principal directions. The decoder is
written so that it undoes this: its first convolution rotates back, the exponential branch of ELU makes amplitudes
of logarithms, the stage of stride 10 holds a pattern for each tile, and the other stages are the inverse of a lapped
transform. These run at a small scale, at which ELU is a straight line. The encoder begins with the same transform
and learns the levels. Started at random, such a network learns next to nothing in an hour on a CPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evalkit.mini.starts.lapped import mdct
from evalkit.mini.starts.tiles import FLOOR, HOP, TILES, levels, patterns

SMALL = 0.05
"""Of full scale, at which the transform's coefficients pass ELU."""

TOP = 0.5
"""Logarithm of the level above which amplitudes grow no longer exponentially."""

LOUD = 20.0
"""The encoder's coefficients at 250 Hz are brought to about 1 by this: there the curves of ELU are wanted."""

LINEAR = (4, 4, 4)
"""Strides of the lapped transform, from the latents' side."""


@dataclass(frozen=True)
class Analysis:
    """Levels to latents: `mean` (TILES,) and orthonormal `basis` (width, TILES)."""

    mean: Tensor
    basis: Tensor

    def latents(self, audio: Tensor) -> Tensor:
        """(batch, width, frames) of sound (batch, 1, whole frames of samples)."""
        return self.basis @ (levels(audio[:, 0]) - self.mean[:, None])


def fit_analysis(rows: Tensor, width: int) -> Analysis:
    """The `width` principal directions of levels (count, TILES)."""
    mean = rows.mean(dim=0)
    spread = (rows - mean).T @ (rows - mean)
    return Analysis(mean, torch.linalg.eigh(spread).eigenvectors.T.flip(0)[:width].contiguous())


@torch.no_grad()
def start_codec(codec: Any, analysis: Analysis) -> None:
    """Set every weight of transformers' EncodecModel in place. Its strides end in LINEAR, with 10 before."""
    for part in (codec.encoder, codec.decoder):
        for module in part.modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                reads = module.in_channels * module.kernel_size[0]
                _write(module, 0.02 * torch.randn_like(module.weight) / math.sqrt(reads))
                assert module.bias is not None
                module.bias.zero_()
        for layer in part.layers:
            if type(layer).__name__ == "EncodecResnetBlock":
                _level(layer.block[1].conv, 1 / SMALL)
                _level(layer.block[3].conv, 0.02 * SMALL)
    _write_decoder(codec.decoder, analysis)
    _write_encoder(codec.encoder)


def decode(decoder: Any, latents: Tensor, silent: Tensor) -> Tensor:
    """Sound (batch, 1, samples) of latents (batch, width, frames), less what the patterns make of `silent` (width,).

    For training: every amplitude carries the exponential's -1, and all patterns would be pushed about by that. What is
    subtracted here, `hush` writes into the weights afterwards.
    """
    place = next(index for index, layer in enumerate(decoder.layers) if getattr(layer, "conv", None) is _up(decoder))
    x = _through(decoder, latents, 0, place) - _steady(decoder, silent, place)[None, :, None]
    return _through(decoder, x, place, len(decoder.layers))


@torch.no_grad()
def hold(decoder: Any) -> None:
    """Keep silence silent, whatever a step of training did: a channel stays 1 for `hush`, and from the patterns on
    there are no biases, so that nothing comes of nothing."""
    first, lstm = decoder.layers[0].conv, decoder.layers[1].lstm
    first.parametrizations.weight.original0[TILES + 1] = 0
    first.bias[TILES + 1] = 1.0
    for parameter in lstm.parameters():
        parameter[2 * lstm.hidden_size + TILES + 1] = 0  # a cell that is given nothing adds nothing
    for layer in decoder.layers[2:]:
        for module in layer.modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d) and module.bias is not None:
                module.bias.zero_()


@torch.no_grad()
def hush(decoder: Any, silent: Tensor) -> None:
    """Set the channel that is always 1 so that silence decodes to silence, whatever training and rounding did.

    `silent` (width,) is what the codebooks make of silence. The patterns cancel there only as long as their weights
    are exact, as the exponential branch of ELU ends at -1, not at 0.
    """
    hold(decoder)
    up = _up(decoder)
    place = next(index for index, layer in enumerate(decoder.layers) if getattr(layer, "conv", None) is up)
    steady, weight = _steady(decoder, silent, place), up.weight.clone()
    weight[TILES + 1] -= torch.einsum("c,cot->ot", steady, weight) / steady[TILES + 1]
    _write(up, weight)


def _up(decoder: Any) -> Any:
    """The stage that holds the patterns."""
    return _strided(decoder)[0]


def _through(decoder: Any, x: Tensor, first: int, last: int) -> Tensor:
    for layer in decoder.layers[first:last]:
        x = layer(x)
    return x


def _steady(decoder: Any, silent: Tensor, place: int) -> Tensor:
    """(channels,): what comes to the layer at `place` amid a long silence."""
    return _through(decoder, silent[None, :, None].expand(1, -1, 31), 0, place)[0, :, 15]


def _write_decoder(decoder: Any, analysis: Analysis) -> None:
    first, last = decoder.layers[0].conv, decoder.layers[-1].conv
    width = len(analysis.basis)
    weight = first.weight.clone()
    weight[:TILES] = 0
    weight[:TILES, :width, 3] = analysis.basis.T
    weight[TILES : TILES + 2] *= 1e-6
    _write(first, weight, 1.0)
    first.bias[:TILES] = analysis.mean - TOP
    first.bias[TILES : TILES + 2] = 1.0
    _still(decoder)
    up, *inverse = _strided(decoder)
    weight = up.weight * SMALL
    weight[:TILES, : math.prod(LINEAR)] = SMALL * math.exp(TOP) * _coefficients(patterns())
    weight[TILES] = weight[:TILES].sum(dim=0) * (1 - FLOOR * math.exp(-TOP))
    weight[TILES + 1] = 0
    _write(up, weight)
    for index, (conv, size) in enumerate(zip(inverse, LINEAR, strict=True)):
        _lay(conv, size, math.prod(LINEAR[index + 1 :]))
    weight = last.weight.clone()
    weight[0, 0, 3] = 1 / SMALL
    _write(last, weight)


def _write_encoder(encoder: Any) -> None:
    """The lapped transform; what reads its coefficients is drawn at random."""
    first = encoder.layers[0].conv
    weight = first.weight.clone()
    weight[0, 0, 3] = SMALL
    _write(first, weight)
    *forward, down = _strided(encoder)
    for index, (conv, size) in enumerate(zip(forward, reversed(LINEAR), strict=True)):
        _lay(conv, size, math.prod(LINEAR[len(LINEAR) - index :]))
    _write(forward[-1], forward[-1].weight * LOUD / SMALL)
    block = [layer for layer in encoder.layers if type(layer).__name__ == "EncodecResnetBlock"][-1].block
    for conv, gain in ((block[1].conv, 1.5), (block[3].conv, 1.5), (down, 1.0), (encoder.layers[-1].conv, 1.0)):
        _level(conv, gain)


def _lay(conv: Any, size: int, wide: int) -> None:
    """Write the transform between `wide` channels and `size` bands of each, side by side. Both kinds of convolution
    have their taps in the order of time; a transposed one holds the narrow side first, as the other does."""
    weight, basis = conv.weight.clone(), mdct(size)
    for channel in range(wide):
        for band in range(size):
            weight[channel * size + band, channel] = basis[band]
    _write(conv, weight)


def _coefficients(sounds: Tensor) -> Tensor:
    """(TILES, 64, 20): the transform of patterns (TILES, 2 * HOP), over the taps of the stage of stride 10."""
    x = F.pad(sounds, (HOP, HOP))[:, None]
    for size in reversed(LINEAR):
        rows, wide = x.shape[:2]
        padded = F.pad(x.flatten(0, 1)[:, None], (size - size // 2, size // 2))
        x = F.conv1d(padded, mdct(size)[:, None], stride=size).reshape(rows, wide * size, -1)
    return x[..., 10:30]


def _strided(part: Any) -> list[Any]:
    """The strided convolutions, in the order of computation."""
    convs = [layer.conv for layer in part.layers if hasattr(layer, "conv")]
    return [conv for conv in convs if conv.stride[0] > 1]


def _still(part: Any) -> None:
    """Give the LSTM's cells nothing to hold, so that its input passes as it is; their gates are half open to learn."""
    lstm = next(layer.lstm for layer in part.layers if hasattr(layer, "lstm"))
    cells = slice(2 * lstm.hidden_size, 3 * lstm.hidden_size)
    lstm.weight_ih_l0 *= 0.1
    for parameter in lstm.parameters():
        parameter[cells] = 0


def _level(conv: Any, gain: float) -> None:
    """Noise that gives out `gain` times the level that comes in."""
    _write(conv, gain * torch.randn_like(conv.weight) / math.sqrt(conv.in_channels * conv.kernel_size[0]))


def _write(conv: Any, weight: Tensor, scale: float = 0.1) -> None:
    """Through weight norm: its length as g, and v with elements of about `scale`: the larger, the slower a step of
    Adam turns it."""
    length = weight.flatten(1).norm(dim=1)[:, None, None]
    # A row of zeros has no direction, and would be 0 / 0.
    way = torch.where(length > 0, weight / length.clamp(min=1e-30), weight[0].numel() ** -0.5)
    conv.parametrizations.weight.original0.copy_(length)
    conv.parametrizations.weight.original1.copy_(way * scale * math.sqrt(weight[0].numel()))
