"""The whole of Stable Audio but its text tower: conditioning, guided sampling, decoding.

Source: Evans et al., "Long-form music generation with latent diffusion", 2024; stable-audio-tools
inference/generation.py and inference/sampling.py at 50049e3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evalkit.nets.stable_audio.autoencoders import build_autoencoder
from evalkit.nets.stable_audio.conditioning import (
    Condition,
    IntConditioner,
    NumberConditioner,
    NumberConfig,
    Step,
    TextConditioner,
    assemble,
    number_part,
)
from evalkit.nets.stable_audio.config import ModelConfig
from evalkit.nets.stable_audio.dit import DiT, DiTConfig
from evalkit.nets.stable_audio.guidance import Guidance, guide
from evalkit.nets.stable_audio.lengths import Room, room
from evalkit.nets.stable_audio.sampling import ItemNoise, guidance_of, sample
from evalkit.nets.stable_audio.schedule import Velocity
from evalkit.nets.stable_audio.settings import SamplingOptions
from evalkit.nets.stable_audio.unet1d import UNet
from evalkit.nets.stable_audio.vae import VAE


@dataclass(frozen=True)
class Posterior:
    """Where the latents of a sound lie: `mean` and `std`, each (1, channels, latent length)."""

    mean: Tensor
    std: Tensor


class StableAudio(nn.Module):
    """Autoencoder, diffusion network (`backbone`) and conditioners as one network."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        backbone = config.backbone
        self.vae: VAE = build_autoencoder(config.autoencoder)
        self.backbone: DiT | UNet = DiT(backbone) if isinstance(backbone, DiTConfig) else UNet(backbone)
        self.conditioners = _conditioners(config)

    def in_precision(self, dtype: torch.dtype) -> StableAudio:
        """The network with weights of `dtype`, except where numbers become embeddings: those weights stay as they are.

        bfloat16 has eight bits, which would take the first eight noise levels of 100 for one.
        """
        self.vae.to(dtype)
        for name, part in self.backbone.named_children():
            if name not in ("timestep_features", "to_time"):
                part.to(dtype)
        return self

    def compile_network(self) -> None:
        """Let torch.compile fuse what lies between the matrix products, for the shapes that come: each block of a DiT
        (one compilation serves all of them), each level of a U-Net. A new batch size compiles anew."""
        backbone = self.backbone
        levels = (*backbone.downsamples, backbone.bottleneck, *backbone.upsamples) if isinstance(backbone, UNet) else ()
        for part in backbone.blocks() if isinstance(backbone, DiT) else levels:
            part.compile(dynamic=False)

    @property
    def dit(self) -> DiT:
        """The backbone of a model whose backbone is a DiT."""
        assert isinstance(self.backbone, DiT)
        return self.backbone

    @property
    def numbers(self) -> nn.ModuleDict:
        """The conditioners, as the recipes call them."""
        return self.conditioners

    def describe(
        self, text: Tensor, seconds: Sequence[float], mask: Tensor | None = None, start: float = 0.0
    ) -> Condition:
        """What the network is told for text (batch, tokens, width) and each item's length in seconds.

        `mask` (batch, tokens) is 1 at words and 0 at padding; without it every token counts as a word. The sound
        begins at `start` seconds of its source.
        """
        dtype = self.backbone.weight.dtype
        total = torch.tensor(list(seconds), dtype=torch.float32, device=text.device)
        values = {"seconds_start": torch.full_like(total, start), "seconds_total": total}
        told = self.config.text.id
        seen = text.new_ones(text.shape[:2]) if mask is None else mask
        words = self.conditioners[told](text, seen) if told in self.conditioners else text
        parts = {told: (words.to(dtype), seen.to(dtype))}
        for name in self.config.numbers:
            parts[name] = number_part(self.conditioners[name](values[name]).to(dtype))
        return assemble(parts, self.config.routes)

    def condition(self, text: Tensor, seconds: Sequence[float]) -> tuple[Tensor, Tensor]:
        """Tokens and global condition of `describe`, which are all that Stable Audio 2.0 and Open are told."""
        told = self.describe(text, seconds)
        assert told.tokens is not None and told.vector is not None
        return told.tokens, told.vector

    def guided_velocity(
        self,
        condition: Condition,
        guidance: Guidance,
        negative: Condition | None = None,
        length: int | None = None,
    ) -> Velocity:
        """v(x, t) under classifier-free guidance (`guidance.py`) for latents of `length`, both halves in one batch.

        The backbone says what its null half sees; a `negative` prompt takes its place. x and v are at least float32, as
        is the guidance: what it amplifies is the small difference of two halves. Where there is none, one half is made.
        """
        length = self.config.latent_length if length is None else length
        alone = both = None
        if guidance.scale == 1 or not guidance.everywhere:
            alone = self._stepping(self.backbone.conditioned(condition, length))
        if guidance.scale != 1:
            both = self._stepping(self.backbone.guided(condition, length, negative))
        objective = self.config.objective

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            times = _times(t, x)
            if both is None or (alone is not None and not guidance.holds_at(t, objective)):
                assert alone is not None
                return alone(x, times)
            cond, null = both(torch.cat([x, x]), torch.cat([times, times])).chunk(2)
            return guide(x, times, (cond, null), guidance, objective)

        return velocity

    def _stepping(self, step: Step) -> Step:
        """A backbone's step with only what is inside it in its precision."""
        dtype = self.backbone.weight.dtype
        return lambda x, t: step(x.to(dtype), t).to(x.dtype)

    def sample(
        self,
        condition: Condition,
        options: SamplingOptions,
        generators: Sequence[torch.Generator],
        negative: Condition | None = None,
        init: Posterior | None = None,
        space: Room | None = None,
    ) -> Tensor:
        """Latents (batch, channels, latent length) of the whole window, or of the `space` of a model of free length.

        `generators` are CPU generators, one per item: an item's noise is its own in any batch, on any device.
        `negative` is what a negative prompt tells; `init` a sound to start from, of which every item draws its own
        latents. Raises UserError where the sampler does not fit the model's objective.
        """
        weight = self.backbone.weight
        state = torch.promote_types(weight.dtype, torch.float32)
        length = self.config.latent_length
        space = Room(length, length) if space is None else space
        velocity = self.guided_velocity(condition, guidance_of(options), negative, space.made)
        shape = (self.config.latent_channels, space.drawn)
        noise = ItemNoise(generators, shape, weight.device, state, space.made)
        start = None if init is None else self._drawn(init, noise, space.made)
        return sample(velocity, self.config.objective, options, noise, start, self.config.shift)

    def _drawn(self, init: Posterior, noise: ItemNoise, length: int) -> Tensor:
        """Latents of a sound for each item; where the autoencoder knows no deviation, none is drawn."""
        mean = init.mean[..., :length]
        if not init.std.any():
            return mean.expand(noise.items, -1, -1)
        return mean + init.std[..., :length] * noise()

    def sample_each(
        self,
        condition: Condition,
        seconds: Sequence[float],
        options: SamplingOptions,
        generators: Sequence[torch.Generator],
        negative: Condition | None = None,
        init: Tensor | None = None,
    ) -> list[Tensor]:
        """Latents (channels, length) of every item, each of its own length; those of one length are sampled together.

        `init` (io channels, samples) is a sound to start from. Everything else is as in `sample`.
        """
        spaces = [room(self.config, each) for each in seconds]
        found: dict[int, Tensor] = {}
        for space in dict.fromkeys(spaces):
            rows = [row for row, each in enumerate(spaces) if each == space]
            told, against = condition.rows(rows), None if negative is None else negative.rows(rows)
            begun = None if init is None else self.posterior(init, space.drawn if self.config.free else None)
            latents = self.sample(told, options, [generators[row] for row in rows], against, begun, space)
            found |= dict(zip(rows, latents, strict=True))
        return [found[row] for row in range(len(spaces))]

    def posterior(self, audio: Tensor, length: int | None = None) -> Posterior:
        """The latents of one sound (io channels, samples), cut or padded with silence to the window, or to `length`
        latents."""
        samples = self.config.sample_size if length is None else length * self.config.autoencoder.ratio
        audio = F.pad(audio, (0, max(samples - audio.shape[-1], 0)))[:, :samples]
        weight = next(self.vae.parameters())
        posterior = self.vae.posterior(audio[None].to(weight.device, weight.dtype))
        mean, std = (part[..., : self.config.latent_length] for part in posterior)
        state, scale = torch.promote_types(weight.dtype, torch.float32), self.config.latent_scale
        return Posterior(mean.to(state) / scale, std.to(state) / scale)

    def decode(self, latents: Tensor, chunk: int = 256) -> Tensor:
        """Sound (batch, channels, samples) of latents, one item after the other and each in exact chunks: a batch of
        whole windows would take gigabytes for every item."""
        scaled = (latents * self.config.latent_scale).to(next(self.vae.parameters()).dtype)
        return torch.cat([self.vae.decode_chunked(item, chunk) for item in scaled.split(1)])


def _times(t: Tensor, x: Tensor) -> Tensor:
    """One time for each item of x. A single one is taken as a number, which no device has to wait for."""
    return x.new_full((len(x),), float(t)) if t.dim() == 0 else t.to(x)


def _conditioners(config: ModelConfig) -> nn.ModuleDict:
    """Everything learnt about conditions, by id; the text towers are not part of it."""
    found: dict[str, nn.Module] = {
        name: NumberConditioner(number) if isinstance(number, NumberConfig) else IntConditioner(number)
        for name, number in config.numbers.items()
    }
    text = config.text
    if text.projected_from or text.padding == "learned":
        width = text.projected_from or config.width
        found[text.id] = TextConditioner(width, config.width, bool(text.projected_from), text.padding == "learned")
    return nn.ModuleDict(found)
