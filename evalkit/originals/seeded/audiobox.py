"""Audiobox Aesthetics' checkpoint in both published formats, with weights drawn from a seed.

Names and shapes are written out here, apart from both networks, as in `torch_files`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch

from evalkit.originals.seeded.torch_files import Shapes, drawn

AXES = ("CE", "CU", "PC", "PQ")
MODEL = {
    "proj_num_layer": 5,
    "proj_ln": True,
    "proj_act_fn": "gelu",
    "proj_dropout": 0.0,
    "nth_layer": 13,
    "use_weighted_layer_sum": True,
    "precision": "32",
    "normalize_embed": True,
    "output_dim": 1,
}
"""No published source states the heads' depth; five layers with norms use every kind of tensor that there can be."""

SCALE = {
    "CE": {"mean": 5.0, "std": 2.0},
    "CU": {"mean": 5.5, "std": 1.5},
    "PC": {"mean": 3.5, "std": 2.25},
    "PQ": {"mean": 6.0, "std": 1.75},
}
"""Made up: the file states its own."""


BASE = {"encoder_layers": 12, "encoder_embed_dim": 768, "encoder_attention_heads": 12, "conv_dim": 512}
SMALL = {"encoder_layers": 2, "encoder_embed_dim": 64, "encoder_attention_heads": 4, "conv_dim": 32}
"""WavLM's sizes under the names that its config has, published and for quick tests; a layer's inner width is four times
its width in both."""


def audiobox_shapes(sizes: Mapping[str, int]) -> Shapes:
    """The state dict of the package's AesMultiOutput with the heads of `MODEL`."""
    layers, width, heads, conv = sizes.values()
    own = "wavlm_model."
    shapes: Shapes = {own + "mask_emb": (width,), own + "feature_extractor.conv_layers.0.2.weight": (conv,)}
    shapes[own + "feature_extractor.conv_layers.0.2.bias"] = (conv,)
    for place, kernel in enumerate((10, 3, 3, 3, 3, 2, 2)):
        shapes[f"{own}feature_extractor.conv_layers.{place}.0.weight"] = (conv, conv if place else 1, kernel)
    shapes |= _pair(own + "layer_norm", conv) | _pair(own + "post_extract_proj", width, conv)
    shapes |= {own + "encoder.pos_conv.0.bias": (width,), own + "encoder.pos_conv.0.weight_g": (1, 1, 128)}
    shapes |= {own + "encoder.pos_conv.0.weight_v": (width, width // 16, 128)} | _pair(
        own + "encoder.layer_norm", width
    )
    shapes[own + "encoder.layers.0.self_attn.relative_attention_bias.weight"] = (320, heads)
    for layer in range(layers):
        shapes |= _layer(f"{own}encoder.layers.{layer}.", width, heads)
    for axis in AXES:
        shapes[f"layer_weights.{axis}"] = (layers + 1,)
        for place in range(4):
            shapes |= _pair(f"proj_layer.{axis}.{3 * place}", width, width)
            shapes |= _pair(f"proj_layer.{axis}.{3 * place + 1}", width)
        shapes |= _pair(f"proj_layer.{axis}.12", 1, width)
    return shapes


def _layer(here: str, width: int, heads: int) -> Shapes:
    shapes: Shapes = {here + "self_attn.grep_a": (1, heads, 1, 1)}
    shapes |= _pair(here + "self_attn.grep_linear", 8, width // heads)
    for part in "qkv":
        shapes |= _pair(f"{here}self_attn.{part}_proj", width, width)
    shapes |= _pair(here + "self_attn.out_proj", width, width) | _pair(here + "self_attn_layer_norm", width)
    shapes |= _pair(here + "fc1", 4 * width, width) | _pair(here + "fc2", width, 4 * width)
    return shapes | _pair(here + "final_layer_norm", width)


def _pair(name: str, *shape: int) -> Shapes:
    return {name + ".weight": shape, name + ".bias": shape[:1]}


def _said(sizes: Mapping[str, int]) -> dict[str, object]:
    """What the checkpoint says of itself; no published one states WavLM's sizes, which are WavLM-base's there."""
    stated = {} if sizes == BASE else {**sizes, "encoder_ffn_embed_dim": 4 * sizes["encoder_embed_dim"]}
    return {**MODEL, "nth_layer": sizes["encoder_layers"] + 1, **stated}


def write_audiobox(path: Path, sizes: Mapping[str, int] = BASE) -> None:
    """As `checkpoint.pt` has it: `model.` before each name, and what the file says of itself."""
    state = {f"model.{name}": tensor for name, tensor in drawn(audiobox_shapes(sizes)).items()}
    with path.open("wb") as file:
        torch.save({"state_dict": state, "model_cfg": _said(sizes), "target_transform": SCALE}, file)


def write_audiobox_folder(folder: Path, sizes: Mapping[str, int] = BASE) -> None:
    """As the hub has it."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(drawn(audiobox_shapes(sizes)), folder / "model.safetensors")
    config = {**_said(sizes), "freeze_encoder": True, "target_transform": SCALE}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
