"""A model's autoencoder alone, for measuring what a sound loses on its way through the latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from evalkit.audio.clip import Samples

if TYPE_CHECKING:
    from evalkit.nets.stable_audio.model import StableAudio


class Autoencoder(Protocol):
    """Sound to latents and back. `rate` in Hz; `ratio` samples per latent, of `latent` channels each; `longest`
    is how many samples a call may have."""

    rate: int
    channels: int
    ratio: int
    latent: int
    longest: int

    def rebuild(self, samples: Samples, seed: int | None) -> Samples:
        """float32 (channels, samples) decoded from the latents of (channels, samples), as long as they are.

        Latents are drawn from the posterior by `seed`, as in training and in the papers' evaluations, or are
        its mean where there is none.
        """
        ...


class StableAudioAutoencoder:
    """The autoencoder of a loaded Stable Audio model."""

    def __init__(self, model: StableAudio) -> None:
        config = model.config
        self._vae = model.vae
        self.rate, self.longest = config.sample_rate, config.sample_size
        self.channels, self.ratio = config.autoencoder.io_channels, config.autoencoder.ratio
        self.latent = config.latent_channels

    def rebuild(self, samples: Samples, seed: int | None) -> Samples:
        """See :class:`Autoencoder`. The sound is padded with silence to as many latents as the network
        takes together, and cut again."""
        import torch
        from torch.nn import functional as F

        weight = next(self._vae.parameters())
        frames = samples.shape[1]
        silence = -frames % (self.ratio * self._vae.grain)
        audio = F.pad(torch.from_numpy(samples), (0, silence))[None].to(weight.device, weight.dtype)
        with torch.inference_mode():
            mean, std = self._vae.posterior(audio)
            latents = mean
            if seed is not None:
                drawn = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))
                latents = mean + std * drawn.to(mean)
            decoded = self._vae.decode_chunked(latents)[0, :, :frames].float().cpu().numpy()
        return np.ascontiguousarray(decoded)
