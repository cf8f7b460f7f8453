"""A model's autoencoder alone, for measuring what a sound loses on its way through the latents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from evalkit.audio.clip import Samples
from evalkit.checkpoints.find import Checkpoint, open_checkpoint
from evalkit.fetch.hub_revision import called
from evalkit.fetch.weights import locate

if TYPE_CHECKING:
    from evalkit.nets.stable_audio.vae import VAE

LONGEST_ALONE = 2_097_152
"""Samples that an autoencoder without a model is given at a time: the window of Stable Audio Open. The length that its
own config states is that of its training's excerpts."""


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
    """The autoencoder of a Stable Audio model, or one that is by itself."""

    def __init__(self, vae: VAE, rate: int, longest: int) -> None:
        self._vae, self.rate, self.longest = vae, rate, longest
        self.channels, self.ratio, self.latent = vae.config.io_channels, vae.config.ratio, vae.config.latent

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


def is_alone(config: Mapping[str, Any]) -> bool:
    """Whether a `model_config.json` describes an autoencoder by itself."""
    return config.get("model_type") == "autoencoder"


AUTOENCODERS = ("same-s", "same-l")
"""Published autoencoders, by the names of their weights."""


def find_alone(model: str, overrides: Mapping[str, Path], checkpoint: Path | None) -> Checkpoint | None:
    """The checkpoint of an autoencoder by itself, where one was named; None where a model was.

    Raises MissingWeights where it is not here, BadCheckpoint where `checkpoint` is none.
    """
    if checkpoint is None and model not in AUTOENCODERS:
        return None
    found = open_checkpoint(locate(model, overrides) if checkpoint is None else checkpoint)
    return found if is_alone(found.config) or checkpoint is None else None


def name_of_alone(checkpoint: Checkpoint) -> str:
    """As it is called on the hub, or by its folder."""
    name = called(checkpoint.weights)
    return called(checkpoint.folder) if name == "model" else name


def load_alone(checkpoint: Checkpoint, device: str, dtype: str) -> StableAudioAutoencoder:
    """An autoencoder that was published or trained by itself, its weight norm folded.

    Raises BadCheckpoint, naming the file and the entry or the tensors, where config and weights do not fit.
    """
    import torch

    from evalkit.checkpoints.building import built_from
    from evalkit.checkpoints.stable_audio import read_autoencoder_alone
    from evalkit.checkpoints.tensors import load_into
    from evalkit.checkpoints.with_transformers import undrawn
    from evalkit.generators.stable_audio.network import LEFT_OUT, with_weight_norm
    from evalkit.nets.stable_audio.autoencoders import build_autoencoder, parse_alone
    from evalkit.nets.stable_audio.oobleck import fold_weight_norm

    rate, config = parse_alone(checkpoint.config, str(checkpoint.source))
    with built_from(checkpoint.weights), undrawn():
        vae = build_autoencoder(config)
    read = read_autoencoder_alone(checkpoint.weights)
    tensors = {name: each for name, each in read.items() if not name.endswith(LEFT_OUT)}
    load_into(vae, with_weight_norm(tensors, vae.state_dict()), checkpoint.weights)
    fold_weight_norm(vae)
    vae = vae.to(device, getattr(torch, dtype)).eval().requires_grad_(False)
    return StableAudioAutoencoder(vae, rate, LONGEST_ALONE)
