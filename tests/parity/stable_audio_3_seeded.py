"""Stable Audio 3's networks in stable-audio-tools' format, at full size and small, and weights drawn from a seed.

The published configs are gated. Those of full size are what code that loads the published files says of them; their
numbers of parameters and of tensors agree with the published ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import stable_audio_seeded as seeded
import torch
from torch import Tensor

Config = dict[str, Any]

SIZES = ("s", "l")
"""SAME-S, which sees chunks, and SAME-L, which sees windows."""

MODELS = ("small", "medium")
"""Of each the distilled model and its base have one structure."""

FULL = {"s": {"width": 768, "depth": 6}, "l": {"width": 1536, "depth": 12}}
SMALL = {"s": {"width": 128, "depth": 5}, "l": {"width": 128, "depth": 4}}
"""Heads of 64 channels, as in the published ones; an odd depth, whose halves are not of one length."""


def same(size: str, width: int, depth: int, patch: int = 256, latent: int = 256) -> Config:
    """An autoencoder's config by itself (`model_type` "autoencoder")."""
    half = {"channels": width // 6 if not width % 6 else width, "c_mults": [6 if not width % 6 else 1], "strides": [16]}
    half |= {"latent_dim": latent, "transformer_depths": [depth], "dim_heads": 64, "differential": True}
    half |= {"variable_stride": True, "dyt": True, "checkpointing": False}
    half |= {"chunk_size": 32, "chunk_midpoint_shift": True} if size == "s" else {"sliding_window": [1, 1]}
    sines = [0] if size == "s" else [8 if depth == 12 else 3]
    own = {"sinusoidal_blocks": sines, "conv_mapping": size == "s", "mask_noise": 0.01}
    softnorm = {"dim": latent, "noise_augment_dim": 0, "noise_regularize": True, "auto_scale": True, "freeze": True}
    model = {
        "pretransform": {"type": "patched", "config": {"channels": 2, "patch_size": patch}},
        "encoder": {"type": "same", "config": {**half, "in_channels": 2 * patch}},
        "decoder": {"type": "taae_v2", "config": {**half, **own, "out_channels": 2 * patch}},
        "bottleneck": {"type": "softnorm", "config": softnorm},
        "latent_dim": latent,
        "downsampling_ratio": 16 * patch,
        "io_channels": 2,
    }
    return {"model_type": "autoencoder", "sample_rate": 44100, "sample_size": 4096 * 64, "model": model}


def full_same(size: str) -> Config:
    """A published autoencoder."""
    return same(size, **FULL[size])


def small_same(size: str) -> Config:
    """The same structure with patches of 8 samples and 6 latent channels."""
    return same(size, **SMALL[size], patch=8, latent=6)


def whole(size: str, same_config: Config, dit: Config, text: int, low: int, objective: str) -> Config:
    """A model of `size` around an autoencoder; `dit` has the sizes of its network, `text` counts tokens."""
    autoencoder, latent = same_config["model"], same_config["model"]["latent_dim"]
    gemma = {"max_length": text, "padding_mode": "learned", "subfolder": "t5gemma-b-b-ul2"}
    gemma |= {"repo_id": f"stabilityai/stable-audio-3-{size}"}
    seconds = {"min_val": 0, "max_val": 384, "fourier_features_type": "expo"}
    network = {"io_channels": latent, "cond_token_dim": 768, "global_cond_dim": 768, "local_add_cond_dim": latent + 1}
    network |= {"global_cond_type": "adaLN", "timestep_features_type": "expo", "norm_type": "rms_norm"}
    network |= {"norm_kwargs": {"force_fp32": True}, "transformer_type": "continuous_transformer"}
    network |= {"attn_kwargs": {"qk_norm": "rms", "differential": size == "medium"}, **dit}
    return {
        "model_type": "diffusion_cond_inpaint",
        "sample_rate": 44100,
        "audio_channels": 2,
        "sample_size": low,
        "model": {
            "io_channels": latent,
            "pretransform": {"type": "autoencoder", "iterate_batch": True, "config": autoencoder},
            "conditioning": {
                "cond_dim": 768,
                "configs": [
                    {"id": "prompt", "type": "t5gemma", "config": gemma},
                    {"id": "seconds_total", "type": "number", "config": seconds},
                ],
            },
            "diffusion": {
                "type": "dit",
                "diffusion_objective": objective,
                "cross_attention_cond_ids": ["prompt", "seconds_total"],
                "global_cond_ids": ["seconds_total"],
                "local_add_cond_ids": ["inpaint_mask", "inpaint_masked_input"],
                "mask_padding_attention": True,
                "use_effective_length_for_schedule": True,
                "config": network,
            },
        },
    }


def full(size: str, objective: str = "rf_denoiser") -> Config:
    """A published model."""
    small = size == "small"
    dit = {"embed_dim": 1024 if small else 1536, "depth": 20 if small else 24, "num_heads": 16 if small else 24}
    samples = (5_324_800 if objective == "rectified_flow" else 5_292_032) if small else 16_777_216
    return whole(size, full_same("s" if small else "l"), dit | {"num_memory_tokens": 64}, 256, samples, objective)


def small(size: str, objective: str = "rf_denoiser") -> Config:
    """The same structure with few channels, layers and memory tokens; up to 176 seconds."""
    dit = {"embed_dim": 128, "depth": 3, "num_heads": 2, "num_memory_tokens": 3}
    letter = "s" if size == "small" else "l"
    autoencoder = same(letter, **SMALL[letter], patch=256, latent=6)
    return whole(size, autoencoder, dit, 9, 4096 * 1900, objective)


def drawn(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """A tensor for every published name, each from a generator of its own, at scales that keep activations alive."""
    return {name: _draw(name, shape) for name, shape in shapes.items()}


def _draw(name: str, shape: tuple[int, ...]) -> Tensor:
    last = name.rpartition(".")[2]
    own = {"alpha": (0.2, 1.0), "gamma": (0.2, 1.0), "beta": (0.2, 0.0), "scaling_factor": (0.2, 1.0)}
    own |= {"new_tokens": (0.5, 0.0), "memory_tokens": (1.0, 0.0), "padding_embedding": (1.0, 0.0)}
    own |= {"running_std": (0.0, 1.3), "noise_scaling_factor": (0.0, 0.0), "weight_g": (0.3, 1.0)}
    if last not in own:
        return seeded.drawn({name: shape})[name]
    (spread, centre), generator = own[last], np.random.default_rng([seeded.SEED, zlib.crc32(name.encode())])
    return torch.from_numpy(np.asarray(centre + spread * generator.standard_normal(shape), np.float32))
