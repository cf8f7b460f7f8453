"""SAME, the autoencoder of Stable Audio 3: transformers that resample patches of sound, and no posterior.

Sound (batch, channels, samples) is cut into patches, and each group of `stride` of them becomes one latent: a token is
put behind the group, a transformer runs over all groups, and the token's row is the latent. Decoding puts `stride`
tokens behind each latent and keeps their rows. Rows see each other within chunks that are laid anew half way through
the layers, or within a window. Module and tensor names are those of stable-audio-tools (models/autoencoders.py,
models/transformer.py and models/bottleneck.py, 0.0.20), so that a published `model.safetensors` loads as it is.

The original adds noise where it decodes: to the tokens (`mask_noise` of its config) and, a thousandth, to the latents.
Here there is none but what `decode` is given, so that a sound depends on its latents alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evalkit.nets.stable_audio.attention import Attend, FeedForward, SelfAttention, everywhere, plus
from evalkit.nets.stable_audio.norms import DynamicTanh
from evalkit.nets.stable_audio.oobleck import WNConv1d
from evalkit.nets.stable_audio.rotary import Table, rotary_table
from evalkit.nets.stable_audio.vae import VAE, pieces
from evalkit.nets.stable_audio.windows import within

PIECE = 256
"""Latents that are encoded at a time."""


@dataclass(frozen=True)
class ResamplerConfig:
    """One half of the autoencoder, as in its `encoder.config` or `decoder.config` block.

    `width` of its rows, `stride` rows of patches to one latent. `window` counts the latents that a row sees before and
    after its own; where it is None, rows see those of their chunk of `chunk` patches, which is laid anew, half a chunk
    further, in the second half of the layers where it is `shifted`. The gates of the last layers are sines in all but
    the first `depth - sines + 1`. `kernel` is 1 or 3, of the convolution between patches and rows.
    """

    width: int = 768
    stride: int = 16
    depth: int = 6
    head_dim: int = 64
    window: tuple[int, int] | None = None
    chunk: int = 32
    shifted: bool = False
    sines: int = 0
    kernel: int = 1
    mult: int = 3
    differential: bool = True
    one_token: bool = True

    @property
    def together(self) -> int:
        """Latents of one chunk, which is as many as are padded to."""
        return 1 if self.window is not None else self.chunk // self.stride

    @property
    def reach(self) -> int:
        """Latents on each side that a latent's rows depend on, in whole chunks."""
        if self.window is not None:
            return self.depth * max(self.window) + (self.kernel > 1)
        seen = (self.together - 1) * (2 if self.shifted else 1) + (self.kernel > 1)
        return -(-seen // self.together) * self.together


@dataclass(frozen=True)
class SameConfig:
    """Sizes as in the autoencoder's block of a stable-audio-tools model config; `patch` in samples."""

    encoder: ResamplerConfig
    decoder: ResamplerConfig
    patch: int = 256
    latent: int = 256
    io_channels: int = 2
    scaled: bool = True

    @property
    def ratio(self) -> int:
        """Samples per latent."""
        return self.patch * self.decoder.stride

    @property
    def decoder_reach(self) -> int:
        """Latents on each side that a decoded latent's sound depends on."""
        return self.decoder.reach

    @property
    def patch_channels(self) -> int:
        """Channels of a patch."""
        return self.patch * self.io_channels


class Layer(nn.Module):
    """Self-attention and feed-forward, each on a normed residual path."""

    def __init__(self, config: ResamplerConfig, index: int) -> None:
        super().__init__()
        self.pre_norm = DynamicTanh(config.width)
        self.self_attn = SelfAttention(config.width, config.head_dim, "dyt", config.differential)
        self.ff_norm = DynamicTanh(config.width)
        self.ff = FeedForward(config.width, config.mult, sine=config.depth - index < config.sines)

    def forward(self, x: Tensor, table: Table, attend: Attend) -> Tensor:
        """x (batch, length, width), whose rows see each other by `attend`."""
        x = plus(x, self.self_attn(self.pre_norm(x), table, attend))
        return plus(x, self.ff(self.ff_norm(x)))


class Resampler(nn.Module):
    """A transformer over groups of rows, each with new tokens behind them.

    (batch, groups * given, width) becomes (batch, groups * made, width): `given` rows of a group come in and the rows
    of its `made` tokens go out, stride and 1 of an encoder, 1 and stride of a decoder. Where the groups fill no whole
    chunk, rows of zeros are added, and theirs go out too.
    """

    def __init__(self, config: ResamplerConfig, channels: tuple[int, int], given: int, made: int) -> None:
        super().__init__()
        self.config, self.given, self.made = config, given, made
        self.new_tokens = nn.Parameter(1e-5 * torch.randn(1, 1 if config.one_token else made, config.width))
        self.transformers = nn.ModuleList(Layer(config, index) for index in range(config.depth))
        self.mapping: nn.Module = nn.Identity()
        if channels[0] != channels[1]:
            self.mapping = WNConv1d(*channels, config.kernel, padding=config.kernel // 2)

    def mapped(self, x: Tensor) -> Tensor:
        """The convolution between patches and rows: (batch, length, channels) to the same of the other channels."""
        y: Tensor = self.mapping(x.transpose(1, 2)).transpose(1, 2)
        return y

    def padded(self, x: Tensor) -> Tensor:
        """x (batch, length, channels) with zeros up to whole chunks."""
        return F.pad(x, (0, 0, 0, -x.shape[1] % (self.given * self.config.together)))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """`noise` (batch, groups * made, width) is added to the tokens."""
        groups = x.unflatten(1, (-1, self.given))
        tokens = self.new_tokens.expand(*groups.shape[:2], self.made, -1)
        if noise is not None:
            tokens = tokens + noise.unflatten(1, (-1, self.made))
        rows = torch.cat([groups, tokens], dim=2).flatten(1, 2)
        rows = self._seeing_windows(rows) if self.config.window is not None else self._seeing_chunks(rows)
        return rows.unflatten(1, (-1, self.given + self.made))[:, :, self.given :].flatten(1, 2)

    def _seeing_windows(self, rows: Tensor) -> Tensor:
        assert self.config.window is not None
        before, after = (latents * (self.given + self.made) for latents in self.config.window)
        return self._run(rows, slice(None), within(rows.shape[1], before, after, rows.device))

    def _seeing_chunks(self, rows: Tensor) -> Tensor:
        chunk = self.config.together * (self.given + self.made)
        if not self.config.shifted:
            return self._in_chunks(rows, slice(None), chunk)
        half, shift = self.config.depth // 2, chunk // 2
        rows = self._in_chunks(rows, slice(half), chunk)
        rows = torch.cat([rows[:, :shift], rows, rows[:, -shift:]], dim=1)
        return self._in_chunks(rows, slice(half, None), chunk)[:, shift:-shift]

    def _in_chunks(self, rows: Tensor, layers: slice, chunk: int) -> Tensor:
        batch = rows.shape[0]
        chunks = rows.unflatten(1, (-1, chunk)).flatten(0, 1)
        return self._run(chunks, layers, everywhere).unflatten(0, (batch, -1)).flatten(1, 2)

    def _run(self, rows: Tensor, layers: slice, attend: Attend) -> Tensor:
        table = rotary_table(rows.shape[1], self.config.head_dim // 2, rows.device)
        for layer in self.transformers[layers]:
            rows = layer(rows, table, attend)
        return rows


class Encoder(nn.Module):
    """Patches (batch, patches, channels) to rows (batch, latents, latent)."""

    def __init__(self, config: SameConfig) -> None:
        super().__init__()
        own = config.encoder
        block = Resampler(own, (config.patch_channels, own.width), own.stride, 1)
        self.layers = nn.ModuleList([block, nn.Identity(), nn.Linear(own.width, config.latent)])

    def forward(self, x: Tensor) -> Tensor:
        block, _, out = self.layers
        assert isinstance(block, Resampler)
        y: Tensor = out(block(block.mapped(block.padded(x))))
        return y


class Decoder(nn.Module):
    """Rows (batch, latents, latent) to patches (batch, patches, channels)."""

    def __init__(self, config: SameConfig) -> None:
        super().__init__()
        own = config.decoder
        block = Resampler(own, (own.width, config.patch_channels), 1, own.stride)
        self.layers = nn.ModuleList([nn.Identity(), nn.Linear(config.latent, own.width), nn.Identity(), block])

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        _, into, _, block = self.layers
        assert isinstance(block, Resampler)
        return block.mapped(block(block.padded(into(x)), noise))


class SoftNorm(nn.Module):
    """The bottleneck: latents scaled and shifted channel by channel, then brought to the spread of the training.

    Decoding undoes the spread alone, as the decoder was trained. `noise_scaling_factor` is stored, and empty.
    """

    def __init__(self, width: int, scaled: bool) -> None:
        super().__init__()
        self.scaling_factor = nn.Parameter(torch.ones(1, width, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1))
        self.noise_scaling_factor = nn.Parameter(torch.ones(1, 0, 1))
        if scaled:
            self.running_std = nn.Parameter(torch.ones(1))
        self._scaled = scaled

    def encode(self, x: Tensor) -> Tensor:
        """Latents (batch, width, length) as they are stored and sampled."""
        x = x * self.scaling_factor + self.bias
        return x / self.running_std if self._scaled else x

    def decode(self, x: Tensor) -> Tensor:
        """Latents (batch, width, length) as the decoder takes them."""
        return x * self.running_std if self._scaled else x


class SameAutoencoder(VAE):
    """Encoder, bottleneck and decoder. A sound has one latent sequence: its posterior has no deviation."""

    config: SameConfig
    encoder: Encoder
    decoder: Decoder

    def __init__(self, config: SameConfig) -> None:
        super().__init__(config, Encoder(config), Decoder(config))
        self.bottleneck = SoftNorm(config.latent, config.scaled)
        self.grain = math.lcm(config.encoder.together, config.decoder.together)

    def posterior(self, audio: Tensor, chunk: int = PIECE) -> tuple[Tensor, Tensor]:
        """Latents and zeros, each (batch, latent, samples / ratio), in exact pieces of `chunk` latents.

        Samples are a multiple of the ratio. Where the latents fill no whole chunk of the encoder, silence is added,
        and what it becomes is cut.
        """
        ratio = self.config.ratio
        length, reach = audio.shape[-1] // ratio, self.config.encoder.reach
        found = [
            self.encode_whole(audio[..., left * ratio : right * ratio])[..., start - left : stop - left]
            for left, start, stop, right in pieces(length, max(chunk // self.grain, 1) * self.grain, reach)
        ]
        latents = torch.cat(found, dim=-1)
        return latents, torch.zeros_like(latents)

    def encode_whole(self, audio: Tensor) -> Tensor:
        """Latents of `posterior`, all at once."""
        patches = audio.unflatten(2, (-1, self.config.patch)).permute(0, 2, 1, 3).flatten(2)
        rows: Tensor = self.encoder(patches)[:, : audio.shape[-1] // self.config.ratio]
        return self.bottleneck.encode(rows.transpose(1, 2))

    def decode(self, latents: Tensor, noise: Tensor | None = None) -> Tensor:
        """(batch, io_channels, length * ratio) from (batch, latent, length).

        `noise` (batch, whole chunks of latents * stride, width) is added to the decoder's tokens.
        """
        rows = self.bottleneck.decode(latents).transpose(1, 2)
        patches: Tensor = self.decoder(rows, noise)[:, : latents.shape[-1] * self.config.decoder.stride]
        return patches.unflatten(2, (self.config.io_channels, -1)).permute(0, 2, 1, 3).flatten(2)
