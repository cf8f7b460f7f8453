"""The autoencoders: read from their block of a `model_config.json`, and built.

Source: the constructors of stable-audio-tools 0.0.20.
"""

from __future__ import annotations

import math

from evalkit.core.errors import BadCheckpoint
from evalkit.nets.stable_audio.dac_vae import DacConfig, DacVAE
from evalkit.nets.stable_audio.oobleck import OobleckConfig, OobleckVAE
from evalkit.nets.stable_audio.reader import DEEPEST, Block, Reader
from evalkit.nets.stable_audio.same import ResamplerConfig, SameAutoencoder, SameConfig
from evalkit.nets.stable_audio.vae import VAE

AutoencoderConfig = OobleckConfig | DacConfig | SameConfig

_PRETRANSFORM = {"type", "config", "scale", "model_half", "iterate_batch", "chunked", "enable_grad"}
"""The last four are about precision, memory and training, which a config does not decide here."""

_AUTOENCODER = {"encoder", "decoder", "bottleneck", "latent_dim", "downsampling_ratio", "io_channels"}

_SAME_TYPES = ("same", "taae_v2")
"""One network under two names."""

_OOBLECK = {"channels", "c_mults", "strides", "latent_dim", "use_snake"}


def build_autoencoder(config: AutoencoderConfig) -> VAE:
    """The network, its weights drawn at random."""
    if isinstance(config, SameConfig):
        return SameAutoencoder(config)
    return OobleckVAE(config) if isinstance(config, OobleckConfig) else DacVAE(config)


def read_pretransform(pretransform: Block, reader: Reader) -> AutoencoderConfig:
    """The block `model.pretransform`. Raises BadCheckpoint, naming the entry."""
    reader.expect("model.pretransform.type", pretransform["type"], ("autoencoder",))
    reader.only("model.pretransform", pretransform, _PRETRANSFORM, {})
    return read_autoencoder(pretransform["config"], reader)


def read_autoencoder(config: Block, reader: Reader) -> AutoencoderConfig:
    """An autoencoder's block, which is `model` where it is published alone. Raises BadCheckpoint, naming the entry."""
    kind = config["encoder"]["type"]
    reader.expect("pretransform encoder", kind, ("oobleck", "dac", *_SAME_TYPES))
    reader.expect("pretransform decoder", config["decoder"]["type"], _SAME_TYPES if kind in _SAME_TYPES else (kind,))
    for name in ("encoder", "decoder"):
        reader.only(f"pretransform {name}", config[name], {"type", "config", "requires_grad"}, {"soft_clip": False})
    found = _same(config, reader) if kind in _SAME_TYPES else _convolutional(config, reader)
    reader.expect("latent_dim", config["latent_dim"], (found.latent,))
    reader.expect("downsampling_ratio", config["downsampling_ratio"], (found.ratio,))
    return found


def parse_alone(config: Block, source: str) -> tuple[int, AutoencoderConfig]:
    """Rate in Hz and autoencoder of a `model_config.json` whose model is an autoencoder. Raises BadCheckpoint naming
    `source` and the entry."""
    reader = Reader(source)
    try:
        reader.expect("model_type", config["model_type"], ("autoencoder",))
        return reader.whole(config, "sample_rate", 10**6), read_autoencoder(config["model"], reader)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadCheckpoint(f"{source}: not an autoencoder's config of stable-audio-tools: {error!r}") from None


def _convolutional(config: Block, reader: Reader) -> OobleckConfig | DacConfig:
    io_channels = reader.whole(config, "io_channels", 2)
    ends = {"in_channels": io_channels, "out_channels": io_channels}
    reader.only("pretransform.config", config, _AUTOENCODER, {"pretransform": None, **ends})
    reader.expect("bottleneck", config["bottleneck"]["type"], ("vae",))
    encoder, decoder = config["encoder"]["config"], config["decoder"]["config"]
    found = (_oobleck if config["encoder"]["type"] == "oobleck" else _dac)(encoder, decoder, reader)
    reader.expect("encoder latent_dim", encoder["latent_dim"], (2 * found.latent,))
    reader.expect("in_channels", encoder.get("in_channels", io_channels), (io_channels,))
    reader.expect("out_channels", decoder.get("out_channels", io_channels), (io_channels,))
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
        final_tanh=reader.flag(decoder, "final_tanh", True),
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


_HALF = {
    "channels",
    "c_mults",
    "strides",
    "latent_dim",
    "transformer_depths",
    "dim_heads",
    "sliding_window",
    "chunk_size",
    "chunk_midpoint_shift",
    "differential",
    "variable_stride",
    "ff_mult",
    "conv_mapping",
    "mask_noise",
    "checkpointing",
    "use_flash",
    "causal",
    "freeze_backbone",
}
"""The last four are about training and speed, or nothing that the original reads; the noise is left out (`same.py`)."""

_HALF_OFF: Block = {
    "dyt": True,
    "mapping_bias": True,
    "conformer": False,
    "layer_scale": False,
    "feat_scale": False,
    "cross_attn": False,
}


def _same(config: Block, reader: Reader) -> SameConfig:
    reader.only("the autoencoder", config, {*_AUTOENCODER, "pretransform", "in_channels", "out_channels"}, {})
    channels, patches, bottleneck = reader.whole(config, "io_channels", 2), config["pretransform"], config["bottleneck"]
    reader.expect("pretransform of the autoencoder", patches["type"], ("patched",))
    reader.only("patched", patches["config"], {"patch_size", "channels"}, {"channels": channels})
    reader.expect("bottleneck", bottleneck["type"], ("softnorm",))
    given = {"dim", "noise_regularize", "auto_scale", "freeze"}
    reader.only("softnorm", bottleneck["config"], given, {"noise_augment_dim": 0})
    encoder, decoder = config["encoder"]["config"], config["decoder"]["config"]
    reader.only("encoder", encoder, {*_HALF, "in_channels"}, _HALF_OFF)
    reader.only("decoder", decoder, {*_HALF, "out_channels", "sinusoidal_blocks"}, _HALF_OFF)
    found = SameConfig(
        _half(encoder, reader),
        _half(decoder, reader),
        patch=reader.whole(patches["config"], "patch_size"),
        latent=reader.whole(bottleneck["config"], "dim"),
        io_channels=channels,
        scaled=reader.flag(bottleneck["config"], "auto_scale", False),
    )
    for what, wanted, block, name in (
        ("in_channels", found.patch_channels, encoder, "in_channels"),
        ("out_channels", found.patch_channels, decoder, "out_channels"),
        ("latent_dim of the encoder", found.latent, encoder, "latent_dim"),
        ("latent_dim of the decoder", found.latent, decoder, "latent_dim"),
        ("strides of the encoder", [found.decoder.stride], encoder, "strides"),
    ):
        reader.expect(what, block[name], (wanted,))
    return found


def _half(block: Block, reader: Reader) -> ResamplerConfig:
    """One level, as in all that are published."""
    for name in ("c_mults", "strides", "transformer_depths"):
        if len(reader.wholes(block, name)) != 1:
            raise reader.refuse(f"{name} is {block[name]!r}; supported here: one level")
    window: tuple[int, int] | None = None
    if block.get("sliding_window") is not None:
        reader.expect("entries of sliding_window", len(reader.wholes(block, "sliding_window", 64)), (2,))
        window = block["sliding_window"][0], block["sliding_window"][1]
    sines = reader.wholes(block, "sinusoidal_blocks", DEEPEST, low=0)[0] if "sinusoidal_blocks" in block else 0
    found = ResamplerConfig(
        width=reader.whole(block, "channels") * block["c_mults"][0],
        stride=block["strides"][0],
        depth=reader.whole({"transformer_depths": block["transformer_depths"][0]}, "transformer_depths", DEEPEST),
        head_dim=reader.whole(block, "dim_heads", default=128),
        window=window,
        chunk=reader.whole(block, "chunk_size", default=128),
        shifted=reader.flag(block, "chunk_midpoint_shift", False),
        sines=sines,
        kernel=3 if reader.flag(block, "conv_mapping", False) else 1,
        mult=reader.whole(block, "ff_mult", 64, default=3),
        differential=reader.flag(block, "differential", True),
        one_token=reader.flag(block, "variable_stride", False),
    )
    reader.divides("channels of a row and those of a head", found.width, found.head_dim)
    reader.divides("dim_heads", found.head_dim, 4)
    if window is None:
        reader.divides("chunk_size and stride", found.chunk, found.stride)
        if found.shifted:
            reader.divides("latents of a chunk that is shifted by half", found.together, 2)
    return found
