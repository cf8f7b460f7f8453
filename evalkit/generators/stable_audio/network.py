"""A Stable Audio checkpoint as a network that is ready to sample.

Tensors are matched by name to the last one: what is missing or left over is an error, because a model that loaded
nearly all of its weights still makes sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.checkpoints.find import Checkpoint, open_checkpoint
from evalkit.core.errors import BadCheckpoint

if TYPE_CHECKING:
    from torch import Tensor, nn

    from evalkit.nets.stable_audio.model import StableAudio

_PREFIXES = {
    "backbone.": "model.model.",
    "vae.": "pretransform.model.",
    "conditioners.": "conditioner.conditioners.",
}
"""Where our parts are in a published file."""

_PARTS = {
    "model.model.": "diffusion network",
    "pretransform.model.": "autoencoder",
    "conditioner.conditioners.": "conditioner",
}

LEFT_OUT = ("rotary_pos_emb.inv_freq", "rope.inv_freq")
"""Tensors of a published file that follow from the config."""


def load_model(path: Path, device: str, dtype: str) -> StableAudio:
    """The network of the checkpoint at `path`: see :func:`fetch.checkpoint.open_checkpoint` for its layouts."""
    return build(open_checkpoint(path), device, dtype)


def build(checkpoint: Checkpoint, device: str, dtype: str) -> StableAudio:
    """The network with the checkpoint's weights, weight norm folded, without gradients.

    Raises BadCheckpoint, naming the file and the entry or the tensors, where config and weights do not fit.
    """
    from evalkit.checkpoints.tensors import load_into
    from evalkit.checkpoints.with_transformers import undrawn

    with undrawn():
        model = _unfilled(checkpoint)
    whole = as_published(model)
    load_into(whole, _stored(checkpoint, whole), checkpoint.weights)
    return ready(model, device, dtype)


def require_fit(checkpoint: Checkpoint) -> None:
    """Raises what `build` would, by what safetensors files say of their tensors, before the first value is read. Of
    other files only reading tells."""
    from evalkit.checkpoints import tensors
    from evalkit.checkpoints.shapes import shapes_alone

    if any(file.suffix not in (".json", ".safetensors") for file in checkpoint.files):
        return
    with shapes_alone():
        whole = as_published(_unfilled(checkpoint))
    tensors.require_fit(whole, _stored(checkpoint, whole, shapes=True), checkpoint.weights)


def _unfilled(checkpoint: Checkpoint) -> StableAudio:
    """The network of a checkpoint's config. Raises BadCheckpoint, naming the file and the entry."""
    from evalkit.checkpoints.building import built_from
    from evalkit.nets.stable_audio.config import parse
    from evalkit.nets.stable_audio.model import StableAudio

    config = parse(checkpoint.config, str(checkpoint.source))
    with built_from(checkpoint.weights):
        return StableAudio(config)


def _stored(checkpoint: Checkpoint, whole: nn.Module, shapes: bool = False) -> dict[str, Tensor]:
    """The checkpoint's tensors, as `whole` names them. Raises BadCheckpoint where a part has none at all."""
    from evalkit.checkpoints.stable_audio import read_model

    own = whole.state_dict()
    tensors = {
        name: each for name, each in read_model(checkpoint.weights, shapes).items() if not name.endswith(LEFT_OUT)
    }
    for prefix, part in _PARTS.items():
        wanted = sum(name.startswith(prefix) for name in own)
        if wanted and not any(name.startswith(prefix) for name in tensors):
            raise BadCheckpoint(
                f"{checkpoint.weights}: holds no {part}: missing {prefix}*, all {wanted:,} tensors",
                "the whole model is published as one; download it again, or export it whole",
            )
    return with_weight_norm(tensors, own)


def ready(model: StableAudio, device: str, dtype: str) -> StableAudio:
    """The network for inference: weight norm folded, on the device, without gradients."""
    import torch

    from evalkit.nets.stable_audio.oobleck import fold_weight_norm

    fold_weight_norm(model)
    return model.to(device).in_precision(getattr(torch, dtype)).eval().requires_grad_(False)


def as_published(model: StableAudio) -> nn.Module:
    """The network's parts in a shell whose tensors have the names of a published file, so that errors have too."""
    from torch import nn

    network, autoencoder = nn.ModuleDict({"model": model.backbone}), nn.ModuleDict({"model": model.vae})
    told = nn.ModuleDict({"conditioners": model.conditioners})
    return nn.ModuleDict({"model": network, "pretransform": autoencoder, "conditioner": told})


def published_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors under the names of a published file, for recipes that ship one."""
    return {_swap(name): tensor for name, tensor in tensors.items()}


def with_weight_norm(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, with a plain `weight` as `weight_v` and its norm `weight_g` where the network keeps these two.

    stable-audio-tools can train and export with the autoencoder's weight norm removed; the product is the same.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        head = name.removesuffix("weight")
        if name in own or head == name or f"{head}weight_v" not in own or f"{head}weight_v" in tensors:
            found[name] = tensor
            continue
        norm = tensor.float().flatten(1).norm(dim=1).to(tensor.dtype)
        found[f"{head}weight_v"] = tensor
        found[f"{head}weight_g"] = norm.reshape(-1, *[1] * (tensor.dim() - 1))
    return found


def _swap(name: str) -> str:
    prefix = next(prefix for prefix in _PREFIXES if name.startswith(prefix))
    return _PREFIXES[prefix] + name.removeprefix(prefix)
