"""The networks' blocks of a `model_config.json`, each read by name.

An option that this package does not implement may be there with the value that leaves it off, and is refused with
any other; so is an option that is not known at all. Source: the constructors of stable-audio-tools 0.0.19.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from evalkit.core.errors import BadCheckpoint
from evalkit.nets.stable_audio.dac_vae import DacConfig
from evalkit.nets.stable_audio.dit import DiTConfig
from evalkit.nets.stable_audio.oobleck import OobleckConfig
from evalkit.nets.stable_audio.unet1d import UNetConfig

Block = Mapping[str, Any]

WIDEST, DEEPEST, LEVELS = 65_536, 256, 16
"""More channels in a layer, layers in a row or levels than this is a slip, or an attempt to fill the memory."""


class Reader:
    """One config file: where it comes from, and what it may ask for."""

    def __init__(self, source: str) -> None:
        self._source = source

    def refuse(self, what: str) -> BadCheckpoint:
        """The error that says so; the caller raises it."""
        return BadCheckpoint(f"{self._source}: {what}")

    def expect(self, what: str, found: object, known: tuple[object, ...]) -> None:
        """Refuse `found` unless it is one of `known`."""
        if found not in known:
            wanted = " or ".join(repr(item) for item in known)
            raise self.refuse(f"{what} is {found!r}; supported here: {wanted}")

    def only(self, where: str, block: Block, read: set[str], left_off: Block) -> None:
        """Refuse every option of `block` that is neither read nor left off."""
        unknown = sorted(set(block) - read - set(left_off))
        if unknown:
            raise self.refuse(f"{where} asks for {', '.join(unknown)}, which is not supported")
        for name in sorted(set(block) & set(left_off)):
            self.expect(f"{where}.{name}", block[name], (left_off[name],))

    def whole(self, block: Block, name: str, high: int = WIDEST, *, low: int = 1, default: int | None = None) -> int:
        """The whole number `name` of `block`, which may lack it only where there is a default."""
        value = block[name] if default is None else block.get(name, default)
        self._check_whole(name, value, low, high)
        return int(value)

    def wholes(self, block: Block, name: str, high: int = WIDEST, *, low: int = 1) -> tuple[int, ...]:
        """As `whole`, for a list of at most LEVELS numbers."""
        values = block[name]
        if not isinstance(values, list | tuple) or not 1 <= len(values) <= LEVELS:
            raise self.refuse(f"{name} is {values!r}; supported here: a list of 1 to {LEVELS} whole numbers")
        for value in values:
            self._check_whole(name, value, low, high)
        return tuple(values)

    def _check_whole(self, name: str, value: object, low: int, high: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(f"{name} is {value!r}; supported here: a whole number from {low} to {high}")

    def real(self, block: Block, name: str, default: float) -> float:
        """The finite number `name` of `block`, or the default."""
        value = block.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.refuse(f"{name} is {value!r}; supported here: a finite number")
        return float(value)

    def divides(self, what: str, whole: int, part: int) -> None:
        """Refuse a size that its part does not divide."""
        if whole % part:
            raise self.refuse(f"{what}: {whole} is no multiple of {part}")


# The autoencoder


_PRETRANSFORM = {"type", "config", "scale", "model_half", "iterate_batch", "chunked", "enable_grad"}
"""The last four are about precision, memory and training, which a config does not decide here."""

_AUTOENCODER = {"encoder", "decoder", "bottleneck", "latent_dim", "downsampling_ratio", "io_channels"}

_OOBLECK = {"channels", "c_mults", "strides", "latent_dim", "use_snake"}


def read_autoencoder(pretransform: Block, reader: Reader) -> OobleckConfig | DacConfig:
    """The block `model.pretransform`. Raises BadCheckpoint, naming the entry."""
    reader.expect("model.pretransform.type", pretransform["type"], ("autoencoder",))
    reader.only("model.pretransform", pretransform, _PRETRANSFORM, {})
    config = pretransform["config"]
    io_channels = reader.whole(config, "io_channels", 2)
    ends = {"in_channels": io_channels, "out_channels": io_channels}
    reader.only("pretransform.config", config, _AUTOENCODER, {"pretransform": None, **ends})
    reader.expect("bottleneck", config["bottleneck"]["type"], ("vae",))
    encoder, decoder = config["encoder"], config["decoder"]
    reader.expect("pretransform encoder", encoder["type"], ("oobleck", "dac"))
    reader.expect("pretransform decoder", decoder["type"], (encoder["type"],))
    for name, part in (("encoder", encoder), ("decoder", decoder)):
        reader.only(f"pretransform {name}", part, {"type", "config", "requires_grad"}, {"soft_clip": False})
    found = (_oobleck if encoder["type"] == "oobleck" else _dac)(encoder["config"], decoder["config"], reader)
    reader.expect("encoder latent_dim", encoder["config"]["latent_dim"], (2 * found.latent,))
    reader.expect("in_channels", encoder["config"].get("in_channels", io_channels), (io_channels,))
    reader.expect("out_channels", decoder["config"].get("out_channels", io_channels), (io_channels,))
    reader.expect("latent_dim", config["latent_dim"], (found.latent,))
    reader.expect("downsampling_ratio", config["downsampling_ratio"], (found.ratio,))
    return found


def _oobleck(encoder: Block, decoder: Block, reader: Reader) -> OobleckConfig:
    off = {"antialias_activation": False}
    reader.only("oobleck encoder", encoder, _OOBLECK | {"in_channels"}, off)
    reader.only(
        "oobleck decoder", decoder, _OOBLECK | {"out_channels", "final_tanh"}, {**off, "use_nearest_upsample": False}
    )
    for name in ("channels", "c_mults", "strides"):
        reader.expect(f"oobleck encoder {name}", encoder[name], (decoder[name],))
    for name, part in (("encoder", encoder), ("decoder", decoder)):
        reader.expect(f"pretransform {name} use_snake", part.get("use_snake", False), (True,))
    c_mults, strides = reader.wholes(decoder, "c_mults"), _even(decoder, "strides", reader)
    if len(c_mults) != len(strides):
        raise reader.refuse("c_mults and strides of the autoencoder are not of one depth")
    return OobleckConfig(
        channels=reader.whole(decoder, "channels"),
        c_mults=c_mults,
        strides=strides,
        latent=reader.whole(decoder, "latent_dim"),
        io_channels=reader.whole(decoder, "out_channels", 2),
        final_tanh=bool(decoder.get("final_tanh", True)),
    )


def _dac(encoder: Block, decoder: Block, reader: Reader) -> DacConfig:
    reader.only("dac encoder", encoder, {"in_channels", "latent_dim", "d_model", "strides"}, {})
    reader.only("dac decoder", decoder, {"out_channels", "latent_dim", "channels", "rates"}, {})
    strides, rates = _even(encoder, "strides", reader), _even(decoder, "rates", reader)
    reader.expect("product of the decoder's rates", math.prod(rates), (math.prod(strides),))
    return DacConfig(
        d_model=reader.whole(encoder, "d_model"),
        strides=strides,
        channels=reader.whole(decoder, "channels", low=2 ** len(rates)),
        rates=rates,
        latent=reader.whole(decoder, "latent_dim"),
        io_channels=reader.whole(decoder, "out_channels", 2),
    )


def _even(part: Block, name: str, reader: Reader) -> tuple[int, ...]:
    """An odd stride would make sounds that are shorter than they are told to be."""
    strides = reader.wholes(part, name, 64)
    for stride in strides:
        if stride % 2:
            raise reader.refuse(f"stride {stride} of the autoencoder is odd; supported here: even ones")
    return strides


# The diffusion network


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
    "num_memory_tokens": 0,
    "sliding_window": None,
    "remove_norms": False,
    "add_rope": False,
    "layer_scale": False,
    "ff_kwargs": {},
    "norm_kwargs": {},
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
    reader.only(f"{where}.attn_kwargs", attention, {"qk_norm"}, {"differential": False, "feat_scale": False})
    qk_norm = attention.get("qk_norm", "none")
    reader.expect(f"{where}.attn_kwargs.qk_norm", qk_norm, ("none", "ln"))
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
        project_cond_tokens=bool(config.get("project_cond_tokens", True)),
        project_global_cond=bool(config.get("project_global_cond", True)),
        global_cond_type=kind,
        qk_norm=qk_norm,
    )
    _check_heads(found, reader)
    return found


def _check_heads(config: DiTConfig, reader: Reader) -> None:
    reader.divides("embed_dim and num_heads", config.embed_dim, config.num_heads)
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
        use_skip_scale=bool(config.get("use_skip_scale", True)),
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
