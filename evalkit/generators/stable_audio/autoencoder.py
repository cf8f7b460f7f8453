"""A model's autoencoder alone, for measuring what a sound loses on its way through the latents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from evalkit.audio.clip import Samples
from evalkit.checkpoints.find import Checkpoint, open_checkpoint
from evalkit.core.errors import BadCheckpoint
from evalkit.fetch.hub_revision import called
from evalkit.fetch.weights import locate

if TYPE_CHECKING:
    from torch import Tensor

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

_SEES = {"same-s": "chunks", "same-l": "windows"}


def find_alone(model: str, overrides: Mapping[str, Path], checkpoint: Path | None) -> Checkpoint | None:
    """The checkpoint of an autoencoder by itself, where one was named; None where a model was.

    Raises MissingWeights where it is not here, BadCheckpoint where `checkpoint` is none.
    """
    if checkpoint is None and model not in AUTOENCODERS:
        return None
    if checkpoint is not None:
        found = open_checkpoint(checkpoint)
        return found if is_alone(found.config) else None
    found = open_checkpoint(locate(model, overrides))
    _refuse_another(model, found)
    return found


def _refuse_another(model: str, checkpoint: Checkpoint) -> None:
    """The files of a published autoencoder must be its own: one sees chunks, the other windows, and both rebuild."""
    from evalkit.nets.stable_audio.autoencoders import parse_alone
    from evalkit.nets.stable_audio.same import SameConfig

    config = parse_alone(checkpoint.config, str(checkpoint.source))[1]
    seen = "no SAME" if not isinstance(config, SameConfig) else "chunks" if config.encoder.window is None else "windows"
    if seen != _SEES[model]:
        raise BadCheckpoint(
            f"{checkpoint.source}: is not {model}, which sees {_SEES[model]}: {seen}",
            "another autoencoder is measured with --checkpoint",
        )


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
    from evalkit.checkpoints.tensors import load_into, require_fit
    from evalkit.checkpoints.with_transformers import undrawn
    from evalkit.generators.stable_audio.network import LEFT_OUT, with_weight_norm
    from evalkit.nets.stable_audio.autoencoders import build_autoencoder, parse_alone
    from evalkit.nets.stable_audio.oobleck import fold_weight_norm

    rate, config = parse_alone(checkpoint.config, str(checkpoint.source))
    with built_from(checkpoint.weights), undrawn():
        vae = build_autoencoder(config)

    def stored(shapes: bool) -> dict[str, Tensor]:
        read = read_autoencoder_alone(checkpoint.weights, shapes)
        tensors = {name: each for name, each in read.items() if not name.endswith(LEFT_OUT)}
        return with_weight_norm(tensors, vae.state_dict())

    if all(file.suffix in (".json", ".safetensors") for file in checkpoint.files):
        require_fit(vae, stored(shapes=True), checkpoint.weights)  # before the first of 3.4 gigabytes is read
    load_into(vae, stored(shapes=False), checkpoint.weights)
    fold_weight_norm(vae)
    vae = vae.to(device, getattr(torch, dtype)).eval().requires_grad_(False)
    return StableAudioAutoencoder(vae, rate, LONGEST_ALONE)
