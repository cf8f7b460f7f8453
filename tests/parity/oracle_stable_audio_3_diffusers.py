"""diffusers 0.42.1's own Stable Audio 3 on seeded weights: golden files for tests/checkpoints/test_diffusers_3.py.

    nox -s parity_stable_audio_3

Second witness of the network of medium and of SAME-L. diffusers' norms of the rows have another epsilon than the
weights were trained with; here they are given that. Its text-to-audio leaves the local condition out; here the network
is told it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import plain_stable_audio_3  # noqa: F401 - first, as it makes the others importable
import torch
from diffusers import AutoencoderSAME, StableAudio3DiTModel
from diffusers.pipelines.stable_audio_3.modeling_stable_audio_3 import StableAudio3DurationEmbedder
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "checkpoints"))
import diffusers_small_3 as small

TRAINED = 1e-5
"""The epsilon of the rows' norms in stable-audio-tools."""


def filled(network: nn.Module) -> nn.Module:
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    constant = {name: tensor for name, tensor in network.state_dict().items() if name.endswith(("inv_freq", "freqs"))}
    network.load_state_dict({**small.drawn(shapes), **constant}, strict=True)
    return network.eval().requires_grad_(False)


def config(network: Any) -> dict[str, object]:
    """As the folder's config.json has it, the same each time: diffusers lists what was left to its default as a set."""
    found = dict(network.config) | {"_class_name": type(network).__name__}
    return found | {"_use_default_values": sorted(found["_use_default_values"])}


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    given = small.inputs()
    parts = {
        "transformer": filled(StableAudio3DiTModel(**small.TRANSFORMER)),
        "vae": filled(AutoencoderSAME(**small.VAE)),
        "duration_embedder": filled(StableAudio3DurationEmbedder()),
    }
    net, vae, embedder = parts.values()
    for name, norm in net.named_modules():
        if name.endswith(("pre_norm", "cross_attend_norm", "ff_norm")):
            norm.eps = TRAINED
    seconds = embedder(given["seconds"])
    tokens = torch.cat([given["tokens"], seconds[:, None]], dim=1)
    mask = torch.cat([given["mask"], torch.ones(2, 1, dtype=torch.long)], dim=1)
    network = (given["x"], given["t"], tokens, seconds, mask)
    golden = {
        "seconds": seconds,
        "velocity": net(*network, local_add_cond=torch.zeros_like(given["local"])).sample,
        "inpainting": net(*network, local_add_cond=given["local"]).sample,
        "encoded": vae.encode(given["sound"]).latents,
        "decoded": vae.decode(given["latents"]).sample,
    }
    np.savez_compressed(small.GOLDEN / "diffusers_3.npz", **{name: each.numpy() for name, each in golden.items()})
    told = {
        part: {
            "config": config(network),
            "tensors": {name: list(tensor.shape) for name, tensor in network.state_dict().items()},
        }
        for part, network in parts.items()
    }
    (small.GOLDEN / "diffusers_3.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    print({name: (tuple(each.shape), float(each.std())) for name, each in golden.items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
