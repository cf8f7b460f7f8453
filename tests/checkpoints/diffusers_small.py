"""A small folder of diffusers' StableAudioPipeline with seeded weights, for the oracle's script and for the tests."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

GOLDEN = Path(__file__).resolve().parent / "golden"

TRANSFORMER = {
    "sample_size": 40,
    "in_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 64,
    "num_attention_heads": 2,
    "num_key_value_attention_heads": 1,
    "out_channels": 4,
    "cross_attention_dim": 64,
    "global_states_input_dim": 128,
    "cross_attention_input_dim": 64,
}
VAE = {
    "encoder_hidden_size": 8,
    "downsampling_ratios": [2, 4, 8],
    "channel_multiples": [1, 2, 3],
    "decoder_channels": 8,
    "decoder_input_channels": 4,
    "audio_channels": 2,
    "sampling_rate": 8000,
}
PROJECTION = {"text_encoder_dim": 64, "conditioning_dim": 64, "min_value": 0, "max_value": 64}


def drawn(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """A tensor for every name, from a generator seeded by the name; norms near one, the rest near zero."""
    found = {}
    for name, shape in shapes.items():
        values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(shape), dtype=np.float32)
        near_one = name.endswith("weight_g") or (".norm" in name and name.endswith("weight"))
        found[name] = torch.from_numpy(1 + 0.1 * values if near_one else 0.1 * values)
    return found


def inputs() -> dict[str, Tensor]:
    """x, t, tokens and vector for the transformer; sound and latents for the autoencoder; seconds."""
    shapes = {
        "x": (2, 4, 40),
        "tokens": (2, 7, 64),
        "vector": (2, 128),
        "sound": (2, 2, 64 * 12),
        "latents": (2, 4, 12),
    }
    found = {name: 10 * tensor for name, tensor in drawn(shapes).items()}
    return {**found, "t": torch.tensor([0.2, 0.9]), "seconds": torch.tensor([1.5, 47.0])}
