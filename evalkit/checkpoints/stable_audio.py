"""The tensors of a Stable Audio checkpoint under the names of a published `model.safetensors`.

A training checkpoint of stable-audio-tools (training/diffusion.py, 0.0.19) holds the model under `diffusion.`, and,
where the run kept one, the moving average of the network under `diffusion_ema.ema_model.`. Its own exporter puts
the average in the network's place; so does this. What else the trainer keeps (optimisers, losses) is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.core.errors import BadCheckpoint

if TYPE_CHECKING:
    from torch import Tensor

_WRAPPER, _AVERAGE = "diffusion.", "diffusion_ema.ema_model."
_ALONE, _ALONE_AVERAGE = "autoencoder.", "autoencoder_ema.ema_model."
"""The same of an autoencoder's training (training/autoencoders.py)."""

_NETWORK = "model."
_LEFT_BEHIND = (".ema_model.", ".online_model.")
"""Moving averages that some exports leave beside the model itself."""

_PARTS = {"model.model.": "net.", "pretransform.model.": "vae.", "conditioner.conditioners.": "conditioners."}


def read_model(path: Path, shapes: bool = False) -> dict[str, Tensor]:
    """name -> tensor, as stored, of a file, of the shards of an index, or of diffusers' folder; with `shapes`, without
    the values of safetensors files.

    Raises MissingWeights, or BadCheckpoint naming the file, where it is cut, is none, asks for code, or holds a
    training run of something else.
    """
    from evalkit.checkpoints.diffusers import read_diffusers
    from evalkit.checkpoints.diffusers_3 import is_one, read_diffusers_3
    from evalkit.checkpoints.shards import is_index, read_files, shards_of

    if path.is_dir():
        return read_diffusers_3(path, shapes) if is_one(path) else read_diffusers(path, shapes)
    return unwrap(read_files(shards_of(path) if is_index(path) else [path], shapes), path)


def read_autoencoder_alone(path: Path, shapes: bool = False) -> dict[str, Tensor]:
    """As `read_model`, of an autoencoder that was published or trained by itself: its names have no prefix."""
    from evalkit.checkpoints.shards import is_index, read_files, shards_of

    tensors = read_files(shards_of(path) if is_index(path) else [path], shapes)
    found = _under(_ALONE, tensors)
    if not found:
        return {name: tensor for name, tensor in tensors.items() if not any(part in name for part in _LEFT_BEHIND)}
    averaged = _under(_ALONE_AVERAGE, tensors)
    if averaged and set(averaged) != set(found):
        raise BadCheckpoint(
            f"{path}: its moving average is of another network than its autoencoder",
            "export it with stable-audio-tools' unwrap_model.py",
        )
    return averaged or found


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def unwrap(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The model itself, without what its trainer wrapped around it."""
    if not any(name.startswith(_WRAPPER) for name in tensors):
        return {name: tensor for name, tensor in tensors.items() if not any(part in name for part in _LEFT_BEHIND)}
    model = {name.removeprefix(_WRAPPER): tensor for name, tensor in tensors.items() if name.startswith(_WRAPPER)}
    averaged = {
        _NETWORK + name.removeprefix(_AVERAGE): tensor for name, tensor in tensors.items() if name.startswith(_AVERAGE)
    }
    if averaged and set(averaged) != {name for name in model if name.startswith(_NETWORK)}:
        raise BadCheckpoint(
            f"{path}: its moving average is of another network than its model",
            "export the model with stable-audio-tools' unwrap_model.py",
        )
    return {**model, **averaged}
