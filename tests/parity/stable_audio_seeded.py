"""Stable Audio's layouts at reduced widths and full structure, and weights for them drawn from a seed.

The configs are in stable-audio-tools' format: the shipped ones with smaller numbers, and one for each option that
those leave alone. A tensor is drawn from its published name, so that both sides have the same weights.
"""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import evalkit

SHIPPED = Path(evalkit.__file__).parent / "generators" / "stable_audio" / "configs"
FULL = ("stable-audio-1", "stable-audio-2", "stable-audio", "stable-audio-open-small")
LAYOUTS = (*FULL, "adaln", "features")
"""`adaln`: a DiT with adaLN, prepended tokens and projected text; `features`: a U-Net with a global condition."""

SEED = 20240321
TOWERS = {128: "clap-mini", 96: "t5-96", 64: "t5-64"}
"""Text towers as wide as their conditions, so that nothing projects them, as in the published models."""

Config = dict[str, Any]


def shipped(name: str) -> Config:
    """A published architecture, whole."""
    content: Config = json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8"))
    return content


def layout(name: str) -> Config:
    """A layout's config at reduced width."""
    return {
        "stable-audio-1": _version_1,
        "stable-audio-2": _version_2,
        "stable-audio": _open,
        "stable-audio-open-small": _open_small,
        "adaln": _adaln,
        "features": _features,
    }[name]()


def _version_1() -> Config:
    config = _narrow(shipped("stable-audio-1"), 16 * 1024, width=128)
    unet = {"in_channels": 8, "channels": 32, "multipliers": [2, 2, 2, 3, 3]}
    unet |= {"attention_heads": 4, "context_embedding_features": 128}
    config["model"]["diffusion"]["config"] |= unet
    return config


def _version_2() -> Config:
    config = _narrow(shipped("stable-audio-2"), 6 * 2048, width=128)
    config["model"]["diffusion"]["config"] |= _dit(embed=256, heads=4, depth=3, cond=128, overall=256)
    return config


def _open() -> Config:
    """Heads of 32, which are rotated whole, and a latent scale."""
    config = _narrow(shipped("stable-audio"), 6 * 2048, width=96)
    config["model"]["diffusion"]["config"] |= _dit(embed=192, heads=6, depth=3, cond=96, overall=192)
    config["model"]["pretransform"]["scale"] = 1.7
    return config


def _open_small() -> Config:
    """Heads of 128, normed, as in the published model."""
    config = _narrow(shipped("stable-audio-open-small"), 6 * 2048, width=64)
    config["model"]["pretransform"]["model_half"] = False
    config["model"]["diffusion"]["config"] |= _dit(embed=256, heads=2, depth=3, cond=64, overall=64)
    return config


def _adaln() -> Config:
    """The base of Open Small's kind (`rectified_flow`), with every route of conditioning in use."""
    config = _open()
    text = config["model"]["conditioning"]["configs"][0]["config"]
    text |= {"t5_model_name": "t5-small", "max_length": 16}
    diffusion = config["model"]["diffusion"]
    diffusion["diffusion_objective"] = "rectified_flow"
    diffusion["prepend_cond_ids"] = ["seconds_start", "prompt"]
    diffusion["global_cond_ids"] = ["seconds_total"]
    diffusion["distribution_shift_options"] = {"min_length": 4, "max_length": 64}
    more = {"global_cond_type": "adaLN", "prepend_cond_dim": 96, "attn_kwargs": {"qk_norm": "ln"}}
    diffusion["config"] |= _dit(embed=192, heads=6, depth=2, cond=96, overall=96) | more
    return config


def _features() -> Config:
    """Odd factors, levels without attention, unscaled skips, and a global condition."""
    config = _version_1()
    config["sample_size"] = 12 * 1024
    diffusion = config["model"]["diffusion"]
    diffusion["global_cond_ids"] = ["seconds_start", "seconds_total"]
    diffusion["config"] |= {
        "multipliers": [2, 2, 4],
        "factors": [3, 4],
        "num_blocks": [1, 2],
        "attentions": [0, 1, 2],
        "resnet_groups": 8,
        "use_skip_scale": False,
        "context_features": 256,
        "kernel_multiplier_downsample": 4,
    }
    return config


def _dit(*, embed: int, heads: int, depth: int, cond: int, overall: int) -> Config:
    sizes = {"io_channels": 8, "embed_dim": embed, "num_heads": heads, "depth": depth}
    return {**sizes, "cond_token_dim": cond, "global_cond_dim": overall}


def _narrow(full: Config, sample_size: int, width: int) -> Config:
    """8 latent channels, few channels in the autoencoder, and conditions of `width`."""
    config = copy.deepcopy(full)
    config["sample_size"] = sample_size
    model = config["model"]
    model["io_channels"] = 8
    model["conditioning"]["cond_dim"] = width
    autoencoder = model["pretransform"]["config"]
    autoencoder["latent_dim"] = 8
    encoder, decoder = autoencoder["encoder"]["config"], autoencoder["decoder"]["config"]
    encoder["latent_dim"], decoder["latent_dim"] = 16, 8
    if autoencoder["encoder"]["type"] == "dac":
        encoder["d_model"], decoder["channels"] = 8, 64
    else:
        encoder["channels"] = decoder["channels"] = 4
    text = model["conditioning"]["configs"][0]["config"]
    text["clap_ckpt_path" if "clap_ckpt_path" in text else "t5_model_name"] = TOWERS[width]
    return config


def drawn(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """A tensor for every name, each from a generator of its own, at scales that keep activations alive."""
    return {name: _draw(name, shape) for name, shape in shapes.items()}


def _draw(name: str, shape: tuple[int, ...]) -> Tensor:
    generator = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    spread, centre = _scale(name, shape)
    values = (generator.random(shape, dtype=np.float32) - 0.5) * np.float32(spread * np.sqrt(12.0))
    return torch.from_numpy(np.asarray(values + np.float32(centre), np.float32))


def _scale(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Standard deviation and mean of a tensor's values."""
    last = name.rpartition(".")[2]
    if last == "weight_g":
        return 0.1, 0.6
    if last in ("alpha", "beta") and ("snake" in name or (".layers." in name and len(shape) == 1)):
        return 0.3, 0.0  # logarithms; fast sines would make the network chaotic
    if last in ("bias", "beta"):
        return 0.1, 0.0
    if last in ("alpha", "gamma") or "norm" in name.split(".")[-2]:
        return 0.1, 1.0
    if last == "weights" or name.endswith(("timestep_features.weight", "embedding.weight", "int_embedder.weight")):
        return 1.0, 0.0
    if last == "to_scale_shift_gate":
        return 0.3, 0.0
    return 1.0 / float(np.sqrt(np.prod(shape[1:]))), 0.0


def noise(*shape: int, seed: int) -> Tensor:
    """Standard normal float32, the same on every machine."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
