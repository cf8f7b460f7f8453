"""A Stable Audio model as its `model_config.json` describes it, in stable-audio-tools' format.

Only what this package implements is accepted; any other type is refused by name, because a model that is
nearly the one asked for gives numbers that nobody can place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.core.errors import BadCheckpoint
from evalkit.nets.stable_audio.conditioning import NumberConfig
from evalkit.nets.stable_audio.dit import DiTConfig
from evalkit.nets.stable_audio.oobleck import OobleckConfig


@dataclass(frozen=True)
class TextConfig:
    """Which text tower conditions the model: `kind` "clap_text" or "t5", its weights' name, and for T5 how
    many tokens a prompt is padded or cut to."""

    kind: str
    weights: str
    max_length: int


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build the networks. `sample_size` is the window in samples; `latent_scale` divides
    encoded latents and multiplies them back before decoding."""

    sample_rate: int
    sample_size: int
    vae: OobleckConfig
    latent_scale: float
    dit: DiTConfig
    text: TextConfig
    numbers: Mapping[str, NumberConfig]
    cross_ids: tuple[str, ...]
    global_ids: tuple[str, ...]

    @property
    def window_seconds(self) -> float:
        return self.sample_size / self.sample_rate

    @property
    def latent_length(self) -> int:
        return self.sample_size // self.vae.ratio


def parse(config: Mapping[str, Any], source: str) -> ModelConfig:
    """Read a `model_config.json` (already parsed). Raises BadCheckpoint naming `source` and the entry."""
    try:
        return _parse(config, source)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadCheckpoint(f"{source}: not a model config of stable-audio-tools: {error!r}") from None


def _parse(config: Mapping[str, Any], source: str) -> ModelConfig:
    _expect(source, "model_type", config["model_type"], ("diffusion_cond",))
    model = config["model"]
    conditioning, diffusion = model["conditioning"], model["diffusion"]
    _expect(source, "model.diffusion.type", diffusion["type"], ("dit",))
    text, numbers = _conditioners(conditioning, source)
    return ModelConfig(
        sample_rate=int(config["sample_rate"]),
        sample_size=int(config["sample_size"]),
        vae=_vae(model["pretransform"], source),
        latent_scale=float(model["pretransform"].get("scale", 1.0)),
        dit=_dit(diffusion["config"], source),
        text=text,
        numbers=numbers,
        cross_ids=tuple(diffusion["cross_attention_cond_ids"]),
        global_ids=tuple(diffusion["global_cond_ids"]),
    )


def _vae(pretransform: Mapping[str, Any], source: str) -> OobleckConfig:
    _expect(source, "model.pretransform.type", pretransform["type"], ("autoencoder",))
    config = pretransform["config"]
    for part in ("encoder", "decoder"):
        _expect(source, f"pretransform {part}", config[part]["type"], ("oobleck",))
        _expect(source, f"pretransform {part} use_snake", config[part]["config"].get("use_snake", False), (True,))
    _expect(source, "bottleneck", config["bottleneck"]["type"], ("vae",))
    decoder = config["decoder"]["config"]
    return OobleckConfig(
        channels=int(decoder["channels"]),
        c_mults=tuple(decoder["c_mults"]),
        strides=tuple(decoder["strides"]),
        latent=int(decoder["latent_dim"]),
        io_channels=int(decoder["out_channels"]),
        final_tanh=bool(decoder.get("final_tanh", True)),
    )


_DIT_FIELDS = {
    "io_channels",
    "embed_dim",
    "depth",
    "num_heads",
    "cond_token_dim",
    "global_cond_dim",
    "project_cond_tokens",
    "transformer_type",
}


def _dit(config: Mapping[str, Any], source: str) -> DiTConfig:
    unknown = sorted(set(config) - _DIT_FIELDS)
    if unknown:
        raise BadCheckpoint(f"{source}: model.diffusion.config asks for {', '.join(unknown)}, which is not supported")
    _expect(source, "transformer_type", config.get("transformer_type"), ("continuous_transformer",))
    return DiTConfig(
        io_channels=int(config["io_channels"]),
        embed_dim=int(config["embed_dim"]),
        depth=int(config["depth"]),
        num_heads=int(config["num_heads"]),
        cond_token_dim=int(config["cond_token_dim"]),
        global_cond_dim=int(config["global_cond_dim"]),
        project_cond_tokens=bool(config.get("project_cond_tokens", True)),
    )


def _conditioners(conditioning: Mapping[str, Any], source: str) -> tuple[TextConfig, dict[str, NumberConfig]]:
    text: TextConfig | None = None
    numbers: dict[str, NumberConfig] = {}
    width = int(conditioning["cond_dim"])
    for entry in conditioning["configs"]:
        kind, name, config = entry["type"], entry["id"], entry["config"]
        _expect(source, f"conditioner {name!r}", kind, ("number", "clap_text", "t5"))
        if kind == "number":
            numbers[name] = NumberConfig(float(config["min_val"]), float(config["max_val"]), width)
        else:
            text = _text(kind, config, source)
    if text is None:
        raise BadCheckpoint(f"{source}: has no text conditioner")
    return text, numbers


def _text(kind: str, config: Mapping[str, Any], source: str) -> TextConfig:
    if kind == "t5":
        return TextConfig(kind, str(config["t5_model_name"]), int(config["max_length"]))
    _expect(source, "clap_text feature_layer_ix", config.get("feature_layer_ix"), (-2,))
    return TextConfig(kind, str(config["clap_ckpt_path"]), 77)


def _expect(source: str, what: str, found: object, known: tuple[object, ...]) -> None:
    if found not in known:
        wanted = " or ".join(repr(item) for item in known)
        raise BadCheckpoint(f"{source}: {what} is {found!r}; supported here: {wanted}")
