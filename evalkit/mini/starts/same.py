"""Starts a SAME autoencoder as a vocoder of tiles, so that a short training begins where it can hear.

The latents are the tiles' levels (tiles.py) in a frame, companded and rotated onto their principal directions. The
decoder is written so that it undoes this. In its only layer each new token attends to its own latent, and the way out
of attention rotates back. The gates of the feed-forward layer then bend each tile's level into its amplitude, and the
convolution to patches, three patches wide, holds a pattern for each tile. What that curve of gates gives is what the
levels are companded by, so that nothing is lost but the directions that are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evalkit.mini.starts.tiles import FLOOR, HOP, TILES, levels, patterns
from evalkit.nets.stable_audio.norms import DynamicTanh
from evalkit.nets.stable_audio.oobleck import WNConv1d
from evalkit.nets.stable_audio.same import Layer, Resampler, ResamplerConfig, SameAutoencoder, SameConfig

KEPT = 60
"""Principal directions of a frame's levels."""

WIDTH, HEADS = 128, 4
HEAD = WIDTH // HEADS
TOLD = HEAD // 2
"""The first channel of a head that does not turn with the place."""

CONFIG = SameConfig(
    encoder=ResamplerConfig(64, 1, 2, HEAD, chunk=2, shifted=True, mult=1),
    decoder=ResamplerConfig(WIDTH, 1, 1, HEAD, chunk=2, mult=4, kernel=3),
    patch=HOP,
    latent=KEPT,
    io_channels=1,
)

SMALL = 1 / 16
"""Of a level, where it is a row's: there DyT is a straight line."""

FAINT = 1 / 64
"""The same of a latent."""

LATENT_MARK, TOKEN_MARK = TILES, TILES + 1
"""Channels that say what a row is."""

SURE = 8.0
"""Length of queries and keys: one place is attended to, and no other."""

KNOTS, STEEP = (0.3125, 0.59375, 0.84375, 1.125), 32.0
"""Where a gate of the curve closes, and how fast."""

DECIBELS = (-59.0, -34.0, -13.0)
"""Of the amplitude at all knots but the last: nearly even steps, so that levels are nearly logarithms."""


@dataclass(frozen=True)
class Analysis:
    """Levels to latents: `mean` (TILES,), orthonormal `basis` (KEPT, TILES), and what each direction is divided by."""

    mean: Tensor
    basis: Tensor
    spread: Tensor

    def latents(self, audio: Tensor) -> Tensor:
        """(batch, KEPT, latents) of sound (batch, 1, samples), whole latents of it."""
        return self.basis @ (companded(levels(audio[:, 0])) - self.mean[:, None]) / self.spread[:, None]


def fit_analysis(audio: Tensor) -> Analysis:
    """The principal directions of the levels of `audio` (batch, samples).

    A direction is divided by the root of its spread: what is loud in it stays ahead, and what is faint is not lost.
    """
    rows = companded(levels(audio)).transpose(1, 2).flatten(0, 1)
    mean = rows.mean(dim=0)
    values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    spread = values.flip(0)[:KEPT].clamp(min=1e-8).sqrt()
    return Analysis(mean, vectors.T.flip(0)[:KEPT].contiguous(), (spread * spread.mean()).sqrt())


def companded(logs: Tensor) -> Tensor:
    """What the decoder's curve makes the amplitudes of, given their logarithms above FLOOR."""
    place, found = curve()
    wanted = (logs.exp() - FLOOR).clamp(min=0, max=float(found[-1]))
    after = torch.searchsorted(found, wanted.contiguous()).clamp(1, len(found) - 1)
    low, high = found[after - 1], found[after]
    return place[after - 1] + (wanted - low) / (high - low).clamp(min=1e-12) * (place[after] - place[after - 1])


@cache
def gates() -> Tensor:
    """Weights of the gates by which `bent` goes through 0 and through DECIBELS, as half precision has them; at the last
    knot, where no gate is open, it is a level's own."""
    places = torch.tensor([0.0, *KNOTS[:-1]], dtype=torch.float64)
    wanted = 10 ** (torch.tensor(DECIBELS, dtype=torch.float64) / 20) / places[1:] - 1
    found = torch.linalg.solve(_closed(places), torch.cat([wanted.new_full((1,), -1.0), wanted]))
    return (SMALL * found).half().float() / SMALL


def _closed(x: Tensor) -> Tensor:
    """What the gates let through of 1, (..., gates) of levels (...)."""
    return F.silu(STEEP * (torch.tensor(KNOTS, dtype=x.dtype) - torch.tanh(SMALL * x[..., None]) / SMALL))


def bent(x: Tensor) -> Tensor:
    """What the feed-forward layer makes of a level."""
    return x + torch.tanh(SMALL * x) / SMALL * (_closed(x) @ gates().to(x))


@cache
def curve() -> tuple[Tensor, Tensor]:
    """Levels as they are in latents, and the amplitudes that the decoder makes of them, rising from 0."""
    place = torch.linspace(0, 1.1, 8000)
    found = bent(place).clamp(min=0).cummax(dim=0).values
    rising = torch.cat([found[1:] > found[:-1], torch.tensor([True])])
    return place[rising], found[rising]


@torch.no_grad()
def start_same(vae: SameAutoencoder, analysis: Analysis) -> None:
    """Write the decoder of a SAME of CONFIG in place; the encoder stays as it was drawn."""
    vae.bottleneck.running_std.fill_(1.0)
    into, block = vae.decoder.layers[1], vae.decoder.layers[3]
    assert isinstance(into, nn.Linear) and isinstance(block, Resampler)
    into.weight.zero_()
    into.weight[: CONFIG.latent] = FAINT * torch.eye(CONFIG.latent)
    into.bias.zero_()
    into.bias[LATENT_MARK] = 1.0
    block.new_tokens.zero_()
    block.new_tokens[..., TOKEN_MARK] = 1.0
    (layer,) = block.transformers
    assert isinstance(layer, Layer)
    layer.self_attn.to_qkv.weight.zero_()
    layer.self_attn.to_out.weight.zero_()
    _fetch(layer, analysis)
    _bend(layer)
    _patterns(block.mapping)


def _straight(norm: DynamicTanh, scale: float) -> None:
    """Nearly `scale` times what comes in, for what is small."""
    norm.alpha.fill_(1.0)
    norm.gamma.fill_(scale)
    norm.beta.zero_()


def _fetch(layer: Layer, analysis: Analysis) -> None:
    """Attention by which a token takes the levels of its frame out of its own latent.

    The second of the two that are subtracted attends to tokens, of which there is nothing to be taken.
    """
    attention = layer.self_attn
    _straight(layer.pre_norm, 1.0)
    for norm, angle in ((attention.q_norm, 0.0), (attention.k_norm, 1.0)):
        assert isinstance(norm, DynamicTanh)
        _straight(norm, 0.0)
        # These two channels turn together, by one radian a row; a latent lies one row before its token.
        norm.beta[0], norm.beta[TOLD // 2] = SURE * math.cos(angle), SURE * math.sin(angle)
        norm.gamma[TOLD] = 2 * SURE
    q, k, v, q_2, k_2 = attention.to_qkv.weight.chunk(5)
    told = range(TOLD, WIDTH, HEAD)
    q[told, TOKEN_MARK], q_2[told, TOKEN_MARK] = 4.0, -4.0
    for keys in (k, k_2):
        keys[told, TOKEN_MARK] = -4.0  # a row that fills up a chunk is like a latent, and keeps its token from others
    v[range(KEPT), range(KEPT)] = 1.0
    attention.to_out.weight[:TILES, :KEPT] = SMALL * analysis.basis.T * analysis.spread / FAINT
    v[KEPT, LATENT_MARK] = 1.0
    attention.to_out.weight[:TILES, KEPT] = SMALL * analysis.mean / math.tanh(1.0)


def _bend(layer: Layer) -> None:
    """The gates of `bent`, one for each tile and knot."""
    _straight(layer.ff_norm, 1 / SMALL)
    glu, out = layer.ff.ff[0].proj, layer.ff.ff[2]
    assert isinstance(glu, nn.Linear) and isinstance(out, nn.Linear)
    for part in (glu, out):
        part.weight.zero_()
        part.bias.zero_()
    hidden = out.in_features
    for index, (knot, weight) in enumerate(zip(KNOTS, gates().tolist(), strict=True)):
        for tile in range(TILES):
            unit = index * TILES + tile
            glu.weight[unit, tile] = 1.0
            glu.weight[hidden + unit, tile] = -STEEP
            glu.bias[hidden + unit] = STEEP * knot
            out.weight[tile, unit] = SMALL * weight


def _patterns(mapping: nn.Module) -> None:
    """A pattern for each tile, which reaches half a patch into those beside."""
    assert isinstance(mapping, WNConv1d) and mapping.bias is not None
    sound = torch.zeros(TILES, 3 * HOP)
    sound[:, HOP // 2 : HOP // 2 + 2 * HOP] = patterns() / SMALL
    weight = torch.zeros_like(mapping.weight_v)
    for place, part in enumerate(sound.split(HOP, dim=1)):
        weight[:, :TILES, 2 - place] = part.T
    mapping.weight_v.copy_(weight)
    mapping.weight_g.copy_(weight.flatten(1).norm(dim=1)[:, None, None].clamp(min=1e-6))
    mapping.bias.zero_()
