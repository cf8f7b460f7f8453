"""A small folder of diffusers' StableAudio3Pipeline with seeded weights, for the oracle's script and for the tests."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

GOLDEN = Path(__file__).resolve().parent / "golden"
PARTS = ("transformer", "vae", "duration_embedder")
TOKENS = 5

TRANSFORMER = {
    "io_channels": 6, "embed_dim": 128, "depth": 2, "num_heads": 2, "cond_token_dim": 768, "global_cond_dim": 768,
    "local_add_cond_dim": 7, "num_memory_tokens": 3,
}  # fmt: skip
VAE = {
    "patch_size": 16, "encoder_channels": 64, "encoder_c_mults": [2], "encoder_transformer_depths": [4],
    "latent_dim": 6, "decoder_sinusoidal_blocks": [3], "sampling_rate": 8000,
}  # fmt: skip
SCHEDULER = {"_class_name": "FlowMatchEulerDiscreteScheduler", "stochastic_sampling": True}


def drawn(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """A tensor for every name, from a generator seeded by the name; scales near one, weights that keep a row's size."""
    found = {}
    for name, shape in shapes.items():
        values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(shape)).astype(np.float32)
        near_one = name.endswith(("gamma", "alpha", "weight_g", "running_std", "bottleneck.scale"))
        if near_one:
            values = 1 + 0.1 * values
        elif name.endswith("weight"):
            values = values / np.sqrt(np.prod(shape[1:]))
        found[name] = torch.from_numpy(np.asarray(values, np.float32))
    return found


def inputs() -> dict[str, Tensor]:
    """x, t, tokens with their mask, seconds and local condition for the transformer; sound and latents."""
    shapes = {"x": (2, 6, 9), "tokens": (2, TOKENS, 768), "local": (2, 7, 9)}
    shapes |= {"sound": (2, 2, 256 * 5), "latents": (2, 6, 7)}
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]])
    return {**drawn(shapes), "t": torch.tensor([0.2, 0.9]), "seconds": torch.tensor([1.5, 47.0]), "mask": mask}


def told() -> dict[str, Any]:
    """Config files and tensor shapes as diffusers 0.42.1 wrote them."""
    content: dict[str, Any] = json.loads((GOLDEN / "diffusers_3.json").read_text())
    return content


def write(folder: Path, objective: Mapping[str, Any] = SCHEDULER) -> Path:
    """The folder, without its text parts."""
    from safetensors.torch import save_file

    for part in PARTS:
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(json.dumps(told()[part]["config"]))
        save_file(drawn(told()[part]["tensors"]), folder / part / "diffusion_pytorch_model.safetensors")
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(objective))
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableAudio3Pipeline"}))
    return folder
