"""The diffusion networks, read from their block of a `model_config.json`.

Source: the constructors of stable-audio-tools 0.0.20.
"""

from __future__ import annotations

from dataclasses import fields

from evalkit.nets.stable_audio.dit import DiTConfig
from evalkit.nets.stable_audio.norms import QK_EPS
from evalkit.nets.stable_audio.reader import DEEPEST, Block, Reader
from evalkit.nets.stable_audio.unet1d import UNetConfig

_DIT = {
    "io_channels",
    "embed_dim",
    "depth",
    "num_heads",
    "cond_token_dim",
    "global_cond_dim",
    "prepend_cond_dim",
    "project_cond_tokens",
    "project_global_cond",
    "global_cond_type",
    "attn_kwargs",
    "zero_init_branch_outputs",
    "norm_type",
    "norm_kwargs",
    "num_memory_tokens",
    "local_add_cond_dim",
    "timestep_features_type",
    "timestep_features_dim",
}

_DIT_OFF: Block = {
    "transformer_type": "continuous_transformer",
    "patch_size": 1,
    "input_concat_dim": 0,
    "timestep_cond_type": "global",
    "timestep_embed_dim": None,
    "final_cross_attn_ix": -1,
    "causal": False,
    "rotary_pos_emb": True,
    "conformer": False,
    "use_sinusoidal_emb": False,
    "use_abs_pos_emb": False,
    "sliding_window": None,
    "remove_norms": False,
    "add_rope": False,
    "layer_scale": False,
    "ff_kwargs": {},
    "timestep_features_logsnr": False,
    "cross_attn_rotary_pos_emb": False,
    "modular_local_cond_configs": [],
}

_UNET = {entry.name for entry in fields(UNetConfig)}

_UNET_OFF: Block = {
    "patch_size": 1,
    "use_nearest_upsample": False,
    "use_context_time": True,
    "use_xattn_time": False,
    "use_stft": False,
    "use_stft_context": False,
    "context_channels": None,
    "context_features_multiplier": 4,
    "attention_features": None,
    "out_channels": None,
}


def read_backbone(kind: str, config: Block, reader: Reader) -> DiTConfig | UNetConfig:
    """The block `model.diffusion.config` of a network of this kind. Raises BadCheckpoint, naming the entry."""
    reader.expect("model.diffusion.type", kind, ("dit", "adp_cfg_1d"))
    return _dit(config, reader) if kind == "dit" else _unet(config, reader)


def _dit(config: Block, reader: Reader) -> DiTConfig:
    where = "model.diffusion.config"
    reader.only(where, config, _DIT, _DIT_OFF)
    attention = config.get("attn_kwargs", {})
    off = {"feat_scale": False, "qk_norm_eps": QK_EPS}
    reader.only(f"{where}.attn_kwargs", attention, {"qk_norm", "differential"}, off)
    qk_norm, norm = attention.get("qk_norm", "none"), config.get("norm_type", "layer_norm")
    reader.expect(f"{where}.attn_kwargs.qk_norm", qk_norm, ("none", "ln", "rms"))
    reader.expect(f"{where}.norm_type", norm, ("layer_norm", "rms_norm"))
    norms = config.get("norm_kwargs", {})
    reader.only(f"{where}.norm_kwargs", norms, {"eps", "force_fp32"}, {"bias": False, "fix_scale": False})
    time = config.get("timestep_features_type", "learned")
    reader.expect(f"{where}.timestep_features_type", time, ("learned", "expo"))
    kind = config.get("global_cond_type", "prepend")
    reader.expect(f"{where}.global_cond_type", kind, ("prepend", "adaLN"))
    found = DiTConfig(
        io_channels=reader.whole(config, "io_channels"),
        embed_dim=reader.whole(config, "embed_dim"),
        depth=reader.whole(config, "depth", DEEPEST),
        num_heads=reader.whole(config, "num_heads"),
        cond_token_dim=reader.whole(config, "cond_token_dim", low=0, default=0),
        global_cond_dim=reader.whole(config, "global_cond_dim", low=0, default=0),
        prepend_cond_dim=reader.whole(config, "prepend_cond_dim", low=0, default=0),
        project_cond_tokens=reader.flag(config, "project_cond_tokens", True),
        project_global_cond=reader.flag(config, "project_global_cond", True),
        global_cond_type=kind,
        qk_norm=qk_norm,
        norm=norm,
        norm_eps=reader.real(norms, "eps", 1e-5),
        differential=reader.flag(attention, "differential", False),
        memory_tokens=reader.whole(config, "num_memory_tokens", 4096, low=0, default=0),
        local_cond_dim=0 if config.get("local_add_cond_dim") is None else reader.whole(config, "local_add_cond_dim"),
        time_features=time,
        time_width=reader.whole(config, "timestep_features_dim", default=256),
    )
    if found.norm_eps <= 0:
        raise reader.refuse(f"{where}.norm_kwargs.eps is {found.norm_eps}; supported here: a number above 0")
    _check_heads(found, reader)
    return found


def _check_heads(config: DiTConfig, reader: Reader) -> None:
    reader.divides("embed_dim and num_heads", config.embed_dim, config.num_heads)
    reader.divides("timestep_features_dim", config.time_width, 2)
    if config.head_dim < 32 or config.head_dim % 4:
        raise reader.refuse(f"heads of {config.head_dim} channels; supported here: multiples of 4 from 32")
    if config.cond_token_dim:
        reader.divides("channels that cross-attention sees and those of a head", config.context_dim, config.head_dim)
        reader.divides("heads of queries and of keys", config.num_heads, config.context_dim // config.head_dim)
    if config.global_cond_dim and not config.project_global_cond:
        reader.expect("global_cond_dim without project_global_cond", config.global_cond_dim, (config.embed_dim,))


def _unet(config: Block, reader: Reader) -> UNetConfig:
    reader.only("model.diffusion.config", config, _UNET, _UNET_OFF)
    found = UNetConfig(
        in_channels=reader.whole(config, "in_channels"),
        channels=reader.whole(config, "channels"),
        multipliers=reader.wholes(config, "multipliers", 64),
        factors=reader.wholes(config, "factors", 64),
        num_blocks=reader.wholes(config, "num_blocks", DEEPEST),
        attentions=reader.wholes(config, "attentions", DEEPEST, low=0),
        attention_heads=reader.whole(config, "attention_heads"),
        attention_multiplier=reader.whole(config, "attention_multiplier", 64),
        resnet_groups=reader.whole(config, "resnet_groups", default=8),
        kernel_multiplier_downsample=reader.whole(config, "kernel_multiplier_downsample", 64, default=2),
        use_skip_scale=reader.flag(config, "use_skip_scale", True),
        context_features=0 if config.get("context_features") is None else reader.whole(config, "context_features"),
        context_embedding_features=reader.whole(config, "context_embedding_features"),
        context_embedding_max_length=reader.whole(config, "context_embedding_max_length"),
    )
    _check_levels(found, reader)
    return found


def _check_levels(config: UNetConfig, reader: Reader) -> None:
    levels = len(config.factors)
    if not len(config.multipliers) - 1 == levels == len(config.num_blocks) <= len(config.attentions) <= levels + 1:
        raise reader.refuse("multipliers, factors, num_blocks and attentions are not of one depth")
    reader.divides("channels", config.channels, 2)
    reader.divides("kernel_multiplier_downsample", config.kernel_multiplier_downsample, 2)
    for width, depth in zip(config.widths[1:], config.attentions, strict=False):
        reader.divides("channels of a level and resnet_groups", width, config.resnet_groups)
        if depth:
            reader.divides("channels of a level with attention and attention_heads", width, config.attention_heads)
            reader.divides("channels of a level with attention", width, 32)
