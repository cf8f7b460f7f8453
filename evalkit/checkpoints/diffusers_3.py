"""diffusers' folder of Stable Audio 3, read as what it was made from: stable-audio-tools' names and config.

The parts are `transformer/` (StableAudio3DiTModel), `vae/` (AutoencoderSAME) and `duration_embedder/` (the seconds),
with T5Gemma in `text_encoder/` and `tokenizer/`. Most tensors only have other names; of differential attention the
stacked projections are in another order, and the padding of prompts is with the network. diffusers 0.42.1 and its
scripts/convert_stable_audio_3_to_diffusers.py (01ac1c6) do the one direction, this module the other.

diffusers' norms have another epsilon (1e-6) than those that the weights were trained with (1e-5), and its autoencoder
sees windows only: SAME-S, which was trained with chunks, cannot be in such a folder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.checkpoints import shards
from evalkit.checkpoints.config_file import read_object
from evalkit.checkpoints.diffusers import tensor_files
from evalkit.core.errors import BadCheckpoint
from evalkit.core.faults import Gathering, together

if TYPE_CHECKING:
    from torch import Tensor

PARTS = ("transformer", "vae", "duration_embedder")

_LATENTS = 4096
"""The longest sound of medium, the only size that such a folder can hold: its configs do not say."""

_MOST_TOKENS = 256
_CLASSES = {
    "transformer": "StableAudio3DiTModel",
    "vae": "AutoencoderSAME",
    "duration_embedder": "StableAudio3DurationEmbedder",
}
_OBJECTIVES = {"PingPongScheduler": "rf_denoiser", "StableAudio3EulerScheduler": "rectified_flow"}
_SCHEDULER = "FlowMatchEulerDiscreteScheduler"

_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "transformer": {
        "io_channels": 256, "patch_size": 1, "embed_dim": 1536, "depth": 24, "num_heads": 24, "cond_token_dim": 768,
        "global_cond_dim": 768, "local_add_cond_dim": 257, "timestep_features_dim": 256, "ff_mult": 4.0,
        "num_memory_tokens": 64, "use_differential_attention": True,
    },
    "vae": {
        "audio_channels": 2, "patch_size": 256, "encoder_channels": 128, "encoder_c_mults": [6],
        "encoder_strides": [16], "encoder_transformer_depths": [6], "latent_dim": 256,
        "use_differential_attention": True, "dim_heads": 64, "ff_mult": 3, "sliding_window": 1,
        "encoder_sinusoidal_blocks": [0], "decoder_sinusoidal_blocks": [0], "sampling_rate": 44100,
        "encoder_chunk_size": 32,
    },
    "duration_embedder": {
        "output_dim": 768, "fourier_dim": 256, "min_val": 0.0, "max_val": 384.0, "min_freq": 0.5, "max_freq": 10000.0,
    },
}  # fmt: skip
"""What each part is where its config does not say. The converter writes `encoder_chunk_size`, which nothing reads."""

_FIXED: Mapping[str, Mapping[str, Any]] = {
    "transformer": {"patch_size": 1, "ff_mult": 4.0},
    "vae": {"encoder_sinusoidal_blocks": [0]},
    "duration_embedder": {"fourier_dim": 256, "min_freq": 0.5, "max_freq": 10000.0},
}
"""What has no place in stable-audio-tools' config, or is computed in one way only."""

_SMALL = {"encoder_channels": 128, "encoder_transformer_depths": [6]}

_FEED_FORWARD = ((r"ff\.proj_in\.", r"ff.ff.0.proj."), (r"ff\.proj_out\.", r"ff.ff.2."))
_NET = "model.model."
_OF_TRANSFORMER = (
    (r"(to_(?:timestep|cond|global)_embed\.[02]\.(?:weight|bias))", rf"{_NET}\1"),
    (r"((?:pre|post)process_conv\.weight)", rf"{_NET}\1"),
    (r"proj_(in|out)\.weight", rf"{_NET}transformer.project_\1.weight"),
    (r"(memory_tokens|rotary_pos_emb\.inv_freq|global_cond_embedder\.[02]\.(?:weight|bias))", rf"{_NET}transformer.\1"),
    (r"transformer_blocks\.(\d+)\.(.+)", rf"{_NET}transformer.layers.\1.\2"),
    (r"prompt_padding_embedding", r"conditioner.conditioners.prompt.padding_embedding"),
)
_AUTOENCODER = "pretransform.model."
_OF_VAE = (
    (r"encoder\.blocks\.0\.(.+)", rf"{_AUTOENCODER}encoder.layers.0.\1"),
    (r"decoder\.blocks\.0\.(.+)", rf"{_AUTOENCODER}decoder.layers.3.\1"),
    (r"encoder\.proj\.(.+)", rf"{_AUTOENCODER}encoder.layers.2.\1"),
    (r"decoder\.proj\.(.+)", rf"{_AUTOENCODER}decoder.layers.1.\1"),
    (r"bottleneck\.scale", rf"{_AUTOENCODER}bottleneck.scaling_factor"),
    (r"bottleneck\.(bias|running_std)", rf"{_AUTOENCODER}bottleneck.\1"),
)
_OF_LAYER = (
    (r"\.norm_attn\.", r".pre_norm."), (r"\.norm_ff\.", r".ff_norm."), (r"\.attn\.", r".self_attn."), *_FEED_FORWARD,
)  # fmt: skip
_OF_SECONDS = ((r"linear\.(.+)", r"conditioner.conditioners.seconds_total.embedder.embedding.1.\1"),)

Rules = tuple[tuple[str, str], ...]
_RULES: Mapping[str, tuple[Rules, Rules]] = {
    "transformer": (_OF_TRANSFORMER, _FEED_FORWARD),
    "vae": (_OF_VAE, _OF_LAYER),
    "duration_embedder": (_OF_SECONDS, ()),
}
"""Of each part the rules for whole names, and those for what is within one."""


def is_one(folder: Path) -> bool:
    """Is this diffusers' folder one of Stable Audio 3, by what its index says, or without one by its parts?"""
    index = folder / "model_index.json"
    kind = read_object(index).get("_class_name") if index.is_file() else None
    return kind == "StableAudio3Pipeline" if kind else (folder / "duration_embedder").is_dir()


def derive_config(folder: Path) -> dict[str, Any]:
    """The `model_config.json` that describes a pipeline's folder. Raises BadCheckpoint naming the files with all that
    is of another class, cannot be said in that format, or is not there."""
    wrong = Gathering()
    dit, vae, seconds = (wrong.read({}, _part_config, folder, part) for part in PARTS)
    objective, tokens = wrong.read("", _objective, folder), wrong.read(_MOST_TOKENS, _tokens, folder)
    wrong.settle()
    try:
        return _config(dit, vae, seconds, objective, tokens)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadCheckpoint(f"{folder}: its configs do not describe a Stable Audio 3 pipeline: {error!r}") from None


def read_diffusers_3(folder: Path, shapes: bool = False) -> dict[str, Tensor]:
    """All tensors of a pipeline's folder under stable-audio-tools' names. Raises BadCheckpoint naming, part by part,
    the tensors that belong to none of its parts."""
    import torch

    parts = together(*(partial(_renamed, folder / part, *_RULES[part], shapes) for part in PARTS))
    found = {name: tensor for part in parts for name, tensor in part.items()}
    return {**found, f"{_AUTOENCODER}bottleneck.noise_scaling_factor": torch.ones(1, 0, 1)}


def _config(
    dit: Mapping[str, Any], vae: Mapping[str, Any], seconds: Mapping[str, Any], objective: str, tokens: int
) -> dict[str, Any]:
    hop = vae["patch_size"] * math.prod(vae["encoder_strides"])
    number = {"min_val": seconds["min_val"], "max_val": seconds["max_val"], "fourier_features_type": "expo"}
    text = {"max_length": tokens, "padding_mode": "learned", "subfolder": "t5gemma-b-b-ul2"}
    return {
        "model_type": "diffusion_cond_inpaint",
        "sample_rate": vae["sampling_rate"],
        "audio_channels": vae["audio_channels"],
        "sample_size": _LATENTS * hop,
        "model": {
            "io_channels": dit["io_channels"],
            "pretransform": {"type": "autoencoder", "iterate_batch": True, "config": _same(vae, hop)},
            "conditioning": {
                "cond_dim": seconds["output_dim"],
                "configs": [
                    {"id": "prompt", "type": "t5gemma", "config": text},
                    {"id": "seconds_total", "type": "number", "config": number},
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
                "config": _dit(dit),
            },
        },
    }


def _dit(dit: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("io_channels", "embed_dim", "depth", "num_heads", "cond_token_dim", "global_cond_dim", "local_add_cond_dim")
    return {
        **{name: dit[name] for name in (*kept, "timestep_features_dim", "num_memory_tokens")},
        "global_cond_type": "adaLN",
        "timestep_features_type": "expo",
        "norm_type": "rms_norm",
        "norm_kwargs": {"force_fp32": True},
        "attn_kwargs": {"qk_norm": "rms", "differential": dit["use_differential_attention"]},
        "transformer_type": "continuous_transformer",
    }


def _same(vae: Mapping[str, Any], hop: int) -> dict[str, Any]:
    half: dict[str, Any] = {name: list(vae[f"encoder_{name}"]) for name in ("c_mults", "strides", "transformer_depths")}
    half |= {name: vae[name] for name in ("latent_dim", "ff_mult")}
    half |= {"channels": vae["encoder_channels"], "differential": vae["use_differential_attention"]}
    half |= {"dim_heads": min(vae["dim_heads"], vae["encoder_channels"] * half["c_mults"][0]), "variable_stride": True}
    half |= {"sliding_window": [vae["sliding_window"]] * 2}
    channels, patch, sines = vae["audio_channels"], vae["patch_size"], list(vae["decoder_sinusoidal_blocks"])
    patches = channels * patch
    return {
        "pretransform": {"type": "patched", "config": {"channels": channels, "patch_size": patch}},
        "encoder": {"type": "same", "config": {**half, "in_channels": patches}},
        "decoder": {"type": "same", "config": {**half, "out_channels": patches, "sinusoidal_blocks": sines}},
        "bottleneck": {"type": "softnorm", "config": {"dim": vae["latent_dim"], "auto_scale": True}},
        "latent_dim": vae["latent_dim"],
        "downsampling_ratio": hop,
        "io_channels": channels,
    }


def _part_config(folder: Path, part: str) -> dict[str, Any]:
    """The config of a part, with what it leaves out. Raises BadCheckpoint with all that is wrong in it."""
    path, wanted = folder / part / "config.json", _CLASSES[part]
    if not path.is_file():
        raise BadCheckpoint(f"{path}: no such file: {part}/ is a part of the model", "download the folder again")
    stated = read_object(path)
    config = {**_DEFAULTS[part], **{key: value for key, value in stated.items() if not key.startswith("_")}}
    wrong = Gathering()
    kind = stated.get("_class_name", wanted)
    wrong.require(kind == wanted, f"{path}: is of class {kind!r}; supported here: {wanted!r}")
    if kind == wanted:
        strange = sorted(config.keys() - _DEFAULTS[part].keys())
        wrong.require(not strange, f"{path}: asks for {', '.join(strange)}, which is not supported")
        for name, value in _FIXED[part].items():
            wrong.require(config[name] == value, f"{path}: {name} is {config[name]!r}; supported here: {value!r}")
        small = part == "vae" and all(config[name] == value for name, value in _SMALL.items())
        told = f"{path}: is as large as SAME-S, which sees chunks; diffusers' autoencoder sees windows"
        wrong.require(not small, told, "take the folder that it was made from, with model_config.json")
    wrong.settle()
    return config


def _objective(folder: Path) -> str:
    """What the network was trained to say, which only the scheduler tells."""
    path = folder / "scheduler" / "scheduler_config.json"
    if not path.is_file():
        raise BadCheckpoint(
            f"{path}: no such file: it says whether the model is distilled", "download the folder again"
        )
    stated = read_object(path)
    kind = stated.get("_class_name")
    if kind == _SCHEDULER:
        return "rf_denoiser" if stated.get("stochastic_sampling") is True else "rectified_flow"
    if kind not in _OBJECTIVES:
        known = ", ".join([_SCHEDULER, *_OBJECTIVES])
        raise BadCheckpoint(f"{path}: is of class {kind!r}; supported here: {known}")
    return _OBJECTIVES[str(kind)]


def _tokens(folder: Path) -> int:
    """How many tokens a prompt is padded to: 256, or the tokenizer's limit where that is less, as the pipeline does."""
    path = folder / "tokenizer" / "tokenizer_config.json"
    limit = read_object(path).get("model_max_length", _MOST_TOKENS) if path.is_file() else _MOST_TOKENS
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit >= 1:
        raise BadCheckpoint(f"{path}: model_max_length is {limit!r}, expected a number of tokens")
    return int(min(limit, _MOST_TOKENS))


def _renamed(part: Path, rules: Rules, within: Rules, shapes: bool) -> dict[str, Tensor]:
    """A part's tensors by other names: the first of `rules` that fits whole, then each of `within`."""
    found: dict[str, Tensor] = {}
    strange = []
    for name, tensor in shards.read_files(tensor_files(part), shapes).items():
        rule = next(((old, new) for old, new in rules if re.fullmatch(old, name)), None)
        if rule is None:
            strange += [] if (part.name, name) == ("duration_embedder", "freqs") else [name]
            continue
        own = re.sub(rule[0], rule[1], name)
        for old, new in within:
            own = re.sub(old, new, own)
        found[own] = _reordered(tensor) if own.endswith("self_attn.to_qkv.weight") else tensor
    if strange:
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        told = f"{', '.join(sorted(strange)[:3])}{more}"
        raise BadCheckpoint(f"{part}: of no part of {_CLASSES[part.name]}: {told}")
    return found


def _reordered(weight: Tensor) -> Tensor:
    """[q, q', k, k', v] of differential attention as [q, k, v, q', k']; any other as it is."""
    import torch

    if weight.dim() != 2 or weight.shape[0] != 5 * weight.shape[1]:
        return weight
    first, second, key, other, value = weight.chunk(5)
    return torch.cat([first, key, value, second, other])
