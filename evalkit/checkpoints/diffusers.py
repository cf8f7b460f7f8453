"""diffusers' folder of Stable Audio Open, read as what it was made from: stable-audio-tools' names and config.

The parts are `transformer/` (StableAudioDiTModel), `vae/` (AutoencoderOobleck) and `projection_model/` (the seconds).
Their tensors are those of stable-audio-tools under other names, with the stacked projections of attention taken
apart; scripts/convert_stable_audio.py of diffusers (58eb52c) does the one direction, this module the other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.checkpoints import shards
from evalkit.checkpoints.config_file import read_object
from evalkit.core.errors import BadCheckpoint
from evalkit.core.faults import together

if TYPE_CHECKING:
    from torch import Tensor

PARTS = ("transformer", "vae", "projection_model")
_FILE = "diffusion_pytorch_model"
_CLASSES = {"transformer": "StableAudioDiTModel", "vae": "AutoencoderOobleck"}
_TOWERS = {768: "t5-base"}
"""Name by width of the tower that is published apart; any other comes with its pipeline."""

_NUMBERS = {"start_number_conditioner": "seconds_start", "end_number_conditioner": "seconds_total"}

_TRANSFORMER = (
    (r"time_proj\.weight", r"timestep_features.weight"),
    (r"timestep_proj\.(.+)", r"to_timestep_embed.\1"),
    (r"global_proj\.(.+)", r"to_global_embed.\1"),
    (r"cross_attention_proj\.(.+)", r"to_cond_embed.\1"),
    (r"((?:pre|post)process_conv\.weight)", r"\1"),
    (r"proj_(in|out)\.weight", r"transformer.project_\1.weight"),
    (r"transformer_blocks\.(\d+)\.attn1\.to_out\.0\.weight", r"transformer.layers.\1.self_attn.to_out.weight"),
    (r"transformer_blocks\.(\d+)\.attn2\.to_out\.0\.weight", r"transformer.layers.\1.cross_attn.to_out.weight"),
    (r"transformer_blocks\.(\d+)\.attn2\.to_q\.weight", r"transformer.layers.\1.cross_attn.to_q.weight"),
    *(
        (rf"transformer_blocks\.(\d+)\.norm{number}\.{theirs}", rf"transformer.layers.\1.{norm}.{ours}")
        for number, norm in ((1, "pre_norm"), (2, "cross_attend_norm"), (3, "ff_norm"))
        for theirs, ours in (("weight", "gamma"), ("bias", "beta"))
    ),
    (r"transformer_blocks\.(\d+)\.ff\.net\.(.+)", r"transformer.layers.\1.ff.ff.\2"),
)
_ATTENTION = re.compile(r"transformer_blocks\.(\d+)\.attn([12])\.to_[qkv]\.weight")
_STACKED = {"1": ("self_attn.to_qkv", "qkv"), "2": ("cross_attn.to_kv", "kv")}

_UNIT = {"snake1": 0, "conv1": 1, "snake2": 2, "conv2": 3}
_BLOCK = {
    "encoder": {"res_unit1": 0, "res_unit2": 1, "res_unit3": 2, "snake1": 3, "conv1": 4},
    "decoder": {"snake1": 0, "conv_t1": 1, "res_unit1": 2, "res_unit2": 3, "res_unit3": 4},
}


def tensor_files(part: Path) -> list[Path]:
    """The files with the tensors of one part, shards in the order of their names. Raises BadCheckpoint where
    there are none, or where the index names a file that is not in the folder."""
    found = shards.tensor_files(part, _FILE)
    if not found:
        there = ", ".join(sorted(path.name for path in part.iterdir())[:5]) if part.is_dir() else "no folder"
        raise BadCheckpoint(f"{part}: holds no {_FILE}.safetensors ({there})", "download the folder again")
    return found


def read_diffusers(folder: Path, shapes: bool = False) -> dict[str, Tensor]:
    """All tensors of a pipeline's folder under stable-audio-tools' names. Raises BadCheckpoint, naming the file
    and the tensor, for what belongs to no part of Stable Audio Open."""
    return {
        **_renamed(folder / "transformer", _from_transformer, shapes),
        **_renamed(folder / "vae", _from_vae, shapes),
        **_renamed(folder / "projection_model", _from_projection, shapes),
    }


def derive_config(folder: Path) -> dict[str, Any]:
    """The `model_config.json` that describes a pipeline's folder.

    Raises BadCheckpoint, naming the files, where parts are not there, of another class or cannot be said in that
    format.
    """
    dit, vae, numbers = together(*(partial(_part_config, folder, part) for part in PARTS))
    try:
        hop = math.prod(vae["downsampling_ratios"])
        low, high = numbers["min_value"], numbers["max_value"]
        seconds = [_conditioner(name, "number", {"min_val": low, "max_val": high}) for name in _NUMBERS.values()]
        tower = _TOWERS.get(numbers["text_encoder_dim"], "text_encoder")
        text = _conditioner("prompt", "t5", {"t5_model_name": tower, "max_length": _tokens(folder)})
        ids = ["prompt", *_NUMBERS.values()]
        model = {
            "pretransform": {"type": "autoencoder", "iterate_batch": True, "config": _vae_config(vae, hop)},
            "conditioning": {"cond_dim": numbers["conditioning_dim"], "configs": [text, *seconds]},
            "diffusion": {
                "type": "dit",
                "diffusion_objective": _objective(folder),
                "cross_attention_cond_ids": ids,
                "global_cond_ids": ids[1:],
                "config": _dit_config(dit, folder / "transformer" / "config.json"),
            },
            "io_channels": dit["in_channels"],
        }
        return {
            "model_type": "diffusion_cond",
            "sample_size": dit["sample_size"] * hop,
            "sample_rate": vae["sampling_rate"],
            "audio_channels": vae["audio_channels"],
            "model": model,
        }
    except (KeyError, TypeError, ValueError) as error:
        raise BadCheckpoint(f"{folder}: its configs do not describe a Stable Audio pipeline: {error!r}") from None


def _vae_config(vae: Mapping[str, Any], hop: int) -> dict[str, Any]:
    sizes = {"c_mults": vae["channel_multiples"], "strides": vae["downsampling_ratios"], "use_snake": True}
    inner, channels = vae["encoder_hidden_size"], vae["audio_channels"]
    latent = vae["decoder_input_channels"]
    encoder = {"in_channels": channels, "channels": inner, "latent_dim": inner, **sizes}
    decoder = {"out_channels": channels, "channels": vae["decoder_channels"], "latent_dim": latent, **sizes}
    return {
        "encoder": {"type": "oobleck", "config": encoder},
        "decoder": {"type": "oobleck", "config": {**decoder, "final_tanh": False}},
        "bottleneck": {"type": "vae"},
        "latent_dim": latent,
        "downsampling_ratio": hop,
        "io_channels": channels,
    }


def _dit_config(dit: Mapping[str, Any], source: Path) -> dict[str, Any]:
    """Keys and values are as wide as what attention sees; anything else has no place in the format."""
    width = dit["num_attention_heads"] * dit["attention_head_dim"]
    context = dit["cross_attention_dim"]
    projected = context == width and context != dit["cross_attention_input_dim"]
    plain = dit["num_key_value_attention_heads"] * dit["attention_head_dim"] == context
    if not plain or not (projected or context == dit["cross_attention_input_dim"]) or dit["time_proj_dim"] != 256:
        raise BadCheckpoint(f"{source}: the sizes of its attention have no counterpart in stable-audio-tools")
    return {
        "io_channels": dit["in_channels"],
        "embed_dim": width,
        "depth": dit["num_layers"],
        "num_heads": dit["num_attention_heads"],
        "cond_token_dim": dit["cross_attention_input_dim"],
        "global_cond_dim": dit["global_states_input_dim"],
        "project_cond_tokens": projected,
        "transformer_type": "continuous_transformer",
    }


def _conditioner(name: str, kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": name, "type": kind, "config": dict(config)}


def _tokens(folder: Path) -> int:
    """How many tokens a prompt is padded to: the tokenizer's limit, or the published 128 without one here."""
    path = folder / "tokenizer" / "tokenizer_config.json"
    limit = read_object(path).get("model_max_length") if path.is_file() else 128
    if not isinstance(limit, int) or not 0 < limit <= 4096:
        raise BadCheckpoint(f"{path}: model_max_length is {limit!r}, expected a number of tokens")
    return limit


def _objective(folder: Path) -> str:
    path = folder / "scheduler" / "scheduler_config.json"
    kind = read_object(path).get("prediction_type", "v_prediction") if path.is_file() else "v_prediction"
    if kind != "v_prediction":
        raise BadCheckpoint(f"{path}: prediction_type is {kind!r}; supported here: 'v_prediction'")
    return "v"


def _part_config(folder: Path, part: str) -> dict[str, Any]:
    path = folder / part / "config.json"
    if not path.is_file():
        raise BadCheckpoint(f"{path}: no such file: {part}/ is a part of the model", "download the folder again")
    config = read_object(path)
    wanted = _CLASSES.get(part)
    if wanted and config.get("_class_name", wanted) != wanted:
        raise BadCheckpoint(f"{path}: is of class {config['_class_name']!r}; supported here: {wanted!r}")
    return config


def _renamed(
    part: Path, rename: Callable[[dict[str, Tensor], Path], dict[str, Tensor]], shapes: bool
) -> dict[str, Tensor]:
    return rename(shards.read_files(tensor_files(part), shapes), part)


def _from_transformer(tensors: dict[str, Tensor], part: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        attention = _ATTENTION.fullmatch(name)
        if attention and not name.endswith("attn2.to_q.weight"):
            stacked, letters = _STACKED[attention[2]]
            own = f"transformer.layers.{attention[1]}.{stacked}.weight"
            if own not in found:
                found[own] = _stack(tensors, name, letters, part)
            continue
        rule = next(((old, new) for old, new in _TRANSFORMER if re.fullmatch(old, name)), None)
        if rule is None:
            raise BadCheckpoint(f"{part}: tensor {name} belongs to no part of a StableAudioDiTModel")
        own = re.sub(rule[0], rule[1], name)
        found[own] = tensor[:, None] if name == "time_proj.weight" and tensor.dim() == 1 else tensor
    return {f"model.model.{name}": tensor for name, tensor in found.items()}


def _stack(tensors: Mapping[str, Tensor], name: str, letters: str, part: Path) -> Tensor:
    """The projections of one attention as one, in the order of `letters`."""
    import torch

    head = name.rsplit(".to_", 1)[0]
    parts = [tensors.get(f"{head}.to_{letter}.weight") for letter in letters]
    present = [each for each in parts if each is not None and each.dim() == 2]
    if len(present) != len(letters) or len({each.shape[1] for each in present}) > 1:
        raise BadCheckpoint(f"{part}: {head} has not all of {', '.join(f'to_{letter}' for letter in letters)}")
    return torch.cat(present)


def _from_vae(tensors: dict[str, Tensor], part: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        own = _vae_name(name, tensors)
        if own is None:
            raise BadCheckpoint(f"{part}: tensor {name} belongs to no part of an AutoencoderOobleck")
        found[own] = tensor.flatten() if own.endswith((".alpha", ".beta")) else tensor
    return {f"pretransform.model.{name}": tensor for name, tensor in found.items()}


def _vae_name(name: str, tensors: Mapping[str, Tensor]) -> str | None:
    """`encoder.block.0.res_unit1.snake1.alpha` as `encoder.layers.1.layers.0.layers.0.alpha`; None for a stranger."""
    match name.split("."):
        case [("encoder" | "decoder") as side, "conv1", last]:
            return f"{side}.layers.0.{last}"
        case [("encoder" | "decoder") as side, ("snake1" | "conv2") as end, last]:
            blocks = {other.split(".")[2] for other in tensors if other.startswith(f"{side}.block.")}
            return f"{side}.layers.{len(blocks) + (1 if end == 'snake1' else 2)}.{last}"
        case [("encoder" | "decoder") as side, "block", number, layer, *rest] if number.isdigit():
            place = _BLOCK[side].get(layer)
            head = f"{side}.layers.{int(number) + 1}.layers.{place}"
            if place is not None and len(rest) == 1 and not layer.startswith("res_unit"):
                return f"{head}.{rest[0]}"
            if place is not None and len(rest) == 2 and rest[0] in _UNIT:
                return f"{head}.layers.{_UNIT[rest[0]]}.{rest[1]}"
    return None


def _from_projection(tensors: dict[str, Tensor], part: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        head, _, rest = name.partition(".")
        if head in _NUMBERS and rest.startswith("time_positional_embedding."):
            own = f"{_NUMBERS[head]}.embedder.embedding.{rest.removeprefix('time_positional_embedding.')}"
        elif head == "text_projection":
            own = f"prompt.proj_out.{rest}"
        else:
            raise BadCheckpoint(f"{part}: tensor {name} belongs to no part of a StableAudioProjectionModel")
        found[f"conditioner.conditioners.{own}"] = tensor
    return found
