"""The whole of Stable Audio but its text tower: conditioning, guided sampling, decoding.

Source: Evans et al., "Long-form music generation with latent diffusion", 2024; stable-audio-tools
inference/generation.py and inference/sampling.py at 50049e3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from evalkit.nets.stable_audio.conditioning import NumberConditioner, assemble
from evalkit.nets.stable_audio.config import ModelConfig
from evalkit.nets.stable_audio.dit import DiT
from evalkit.nets.stable_audio.oobleck import OobleckVAE
from evalkit.nets.stable_audio.samplers import SAMPLERS
from evalkit.nets.stable_audio.schedule import polyexponential, v_denoiser


@dataclass(frozen=True)
class SamplingOptions:
    """How a batch is sampled; the field names are those of a preset and of `--set`."""

    steps: int
    cfg: float
    sampler: str
    sigma_min: float
    sigma_max: float
    eta: float = 1.0


class StableAudio(nn.Module):
    """VAE, DiT and number conditioners as one network."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.vae = OobleckVAE(config.vae)
        self.dit = DiT(config.dit)
        self.numbers = nn.ModuleDict({name: NumberConditioner(number) for name, number in config.numbers.items()})

    def condition(self, text: Tensor, seconds: Sequence[float]) -> tuple[Tensor, Tensor]:
        """Cross-attention tokens and global condition for text (batch, tokens, width) and each item's length.

        The sound starts at 0 s of its source.
        """
        total = torch.tensor(list(seconds), dtype=torch.float32, device=text.device)
        values = {"seconds_start": torch.zeros_like(total), "seconds_total": total}
        numbers = {name: embed(values[name]) for name, embed in self.numbers.items()}
        return assemble(text, numbers, self.config.cross_ids, self.config.global_ids)

    def guided_velocity(self, tokens: Tensor, condition: Tensor, cfg: float) -> Callable[[Tensor, Tensor], Tensor]:
        """v(x, t) under classifier-free guidance: v_null + cfg (v_cond - v_null), both halves in one batch.

        The null half sees zeros for the tokens and the same global condition (seconds), as in training.
        """
        if cfg == 1:
            return lambda x, t: self._velocity(x, t, tokens, condition)
        both = torch.cat([tokens, torch.zeros_like(tokens)])
        twice = torch.cat([condition, condition])

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            cond, null = self._velocity(torch.cat([x, x]), torch.cat([t, t]), both, twice).chunk(2)
            return null + cfg * (cond - null)

        return velocity

    def _velocity(self, x: Tensor, t: Tensor, tokens: Tensor, condition: Tensor) -> Tensor:
        v: Tensor = self.dit(x, t, tokens, condition)
        return v

    def sample(
        self,
        tokens: Tensor,
        condition: Tensor,
        options: SamplingOptions,
        generators: Sequence[torch.Generator],
        progress: Callable[[], None] = lambda: None,
    ) -> Tensor:
        """Latents (batch, channels, latent length) of the whole window.

        `generators` are CPU generators, one per item: an item's noise is its own in any batch, on any device.
        `progress` is called once a step.
        """
        shape = (self.config.dit.io_channels, self.config.latent_length)
        device, dtype = condition.device, condition.dtype

        def noise() -> Tensor:
            return torch.stack([torch.randn(shape, generator=one) for one in generators]).to(device, dtype)

        velocity = self.guided_velocity(tokens, condition, options.cfg)

        def stepped(x: Tensor, t: Tensor) -> Tensor:
            progress()
            return velocity(x, t.to(dtype))

        sigmas = polyexponential(options.steps, options.sigma_min, options.sigma_max).to(device)
        return SAMPLERS[options.sampler](v_denoiser(stepped), noise() * sigmas[0], sigmas, noise, options.eta)

    def decode(self, latents: Tensor, chunk: int = 128) -> Tensor:
        """Sound (batch, channels, samples) of latents, decoded in exact chunks."""
        return self.vae.decode_chunked(latents * self.config.latent_scale, chunk)
