"""A Stable Audio model as its `model_config.json` describes it, in stable-audio-tools' format.

Only what this package implements is accepted; any other type is refused by name, because a model that is
nearly the one asked for gives numbers that nobody can place. The networks' own blocks are read in `autoencoders.py` and
`backbones.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from torch import nn

from evalkit.core.errors import BadCheckpoint
from evalkit.nets.stable_audio.autoencoders import AutoencoderConfig, read_pretransform
from evalkit.nets.stable_audio.backbones import read_backbone
from evalkit.nets.stable_audio.conditioning import IntConfig, NumberConfig, Routes
from evalkit.nets.stable_audio.dit import DiTConfig
from evalkit.nets.stable_audio.reader import FREE, Block, Reader
from evalkit.nets.stable_audio.schedule import TimeShift
from evalkit.nets.stable_audio.unet1d import UNetConfig

OBJECTIVES = ("v", "rectified_flow", "rf_denoiser")
"""What the network was trained to say: a velocity on the cosine schedule, a flow's, or a distilled flow's."""


SECONDS = ("seconds_start", "seconds_total")
"""The numbers that evalkit can tell a model."""

_TOWER_WIDTHS = {
    "clap-mini": 128,
    "t5gemma-mini": 64,
    "t5-small": 512,
    "t5-base": 768,
    "t5-large": 1024,
    "google/flan-t5-small": 512,
    "google/flan-t5-base": 768,
    "google/flan-t5-large": 1024,
}
"""Widths of text towers by their weights' name. Another CLAP is 768 wide, another T5 as wide as the condition."""

_CLAP_TOKENS = 77


@dataclass(frozen=True)
class TextConfig:
    """Which text tower conditions the model: `kind` "clap_text", "t5" or "t5gemma", its weights' name, how many tokens
    a prompt is padded or cut to, and its conditioner's id. `projected_from` is the tower's width where a learnt
    projection follows it, else 0. The rows at `padding` are the "tower"'s own or a "learned" one. `width` is the
    tower's, 0 where nobody says."""

    kind: str
    weights: str
    max_length: int
    id: str = "prompt"
    projected_from: int = 0
    padding: str = "tower"
    width: int = 0


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build the networks. `sample_size` is the window in samples; `latent_scale` divides
    encoded latents and multiplies them back before decoding; `width` is that of every conditioner's output. Where
    `free` is true a sound is made of as many latents as it takes, and `sample_size` is the most that there can be."""

    sample_rate: int
    sample_size: int
    autoencoder: AutoencoderConfig
    latent_scale: float
    backbone: DiTConfig | UNetConfig
    objective: str
    text: TextConfig
    width: int
    numbers: Mapping[str, NumberConfig | IntConfig]
    routes: Routes
    shift: TimeShift | None = None
    free: bool = False

    @property
    def window_seconds(self) -> float:
        return self.latent_length * self.autoencoder.ratio / self.sample_rate

    @property
    def latent_length(self) -> int:
        return self.sample_size // self.autoencoder.ratio

    @property
    def latent_channels(self) -> int:
        return self.autoencoder.latent


def parse(config: Block, source: str) -> ModelConfig:
    """Read a `model_config.json` (already parsed). Raises BadCheckpoint naming `source` and the entry."""
    try:
        return _parse(config, Reader(source))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadCheckpoint(f"{source}: not a model config of stable-audio-tools: {error!r}") from None


def _parse(config: Block, reader: Reader) -> ModelConfig:
    reader.expect("model_type", config["model_type"], ("diffusion_cond", "diffusion_cond_inpaint"))
    model = config["model"]
    conditioning, diffusion = model["conditioning"], model["diffusion"]
    reader.only("model.diffusion", diffusion, _DIFFUSION, _DIFFUSION_OFF)
    reader.only(
        "model.conditioning", conditioning, {"configs", "cond_dim"}, {"default_keys": {}, "pre_encoded_keys": []}
    )
    objective = diffusion.get("diffusion_objective", "v")
    reader.expect("model.diffusion.diffusion_objective", objective, OBJECTIVES)
    text, numbers = _conditioners(conditioning, reader)
    longer, shorter = (reader.flag(diffusion, name, False) for name in FREE)
    free = longer or shorter  # its shift was the training's alone
    found = ModelConfig(
        sample_rate=reader.whole(config, "sample_rate", 10**6),
        sample_size=reader.whole(config, "sample_size", 10**9),
        autoencoder=read_pretransform(model["pretransform"], reader),
        latent_scale=reader.real(model["pretransform"], "scale", 1.0),
        backbone=read_backbone(diffusion["type"], diffusion["config"], reader),
        objective=objective,
        text=text,
        width=reader.whole(conditioning, "cond_dim"),
        numbers=numbers,
        routes=_routes(diffusion, reader),
        shift=None if free else _shift(diffusion.get("distribution_shift_options"), reader),
        free=free,
    )
    _check_local(found, diffusion.get("local_add_cond_ids", []), reader)
    _check_routes(found, reader)
    _check_sizes(found, reader)
    return found


_DIFFUSION = {
    "type",
    "config",
    "diffusion_objective",
    "cross_attention_cond_ids",
    "global_cond_ids",
    "prepend_cond_ids",
    "distribution_shift_options",
    "local_add_cond_ids",
    "mask_padding_attention",
    "use_effective_length_for_schedule",
}

_DIFFUSION_OFF: Block = {
    "input_concat_ids": [],
    "modular_local_cond_configs": [],
    "sampling_distribution_shift_options": None,
}

INPAINTING = ("inpaint_mask", "inpaint_masked_input")
"""What the network is told of each latent: whether it is kept, and what it is where it is."""


def _shift(options: Block | None, reader: Reader) -> TimeShift | None:
    """How the times of `rk4` are shifted."""
    if options is None:
        return None
    reader.expect("type of distribution_shift_options", options.get("type", "full"), ("full",))
    reader.only("distribution_shift_options", options, {"type", *(entry.name for entry in fields(TimeShift))}, {})
    default = TimeShift()
    return TimeShift(
        base_shift=reader.real(options, "base_shift", default.base_shift),
        max_shift=reader.real(options, "max_shift", default.max_shift),
        max_length=reader.whole(options, "max_length", 10**9, default=default.max_length),
        min_length=reader.whole(options, "min_length", 10**9, default=default.min_length),
        use_sine=reader.flag(options, "use_sine", default.use_sine),
    )


def _conditioners(conditioning: Block, reader: Reader) -> tuple[TextConfig, dict[str, NumberConfig | IntConfig]]:
    text: TextConfig | None = None
    numbers: dict[str, NumberConfig | IntConfig] = {}
    width = reader.whole(conditioning, "cond_dim")
    for entry in conditioning["configs"]:
        kind, name, config = entry["type"], entry["id"], entry["config"]
        reader.expect(f"conditioner {name!r}", kind, ("number", "int", "clap_text", "t5", "t5gemma"))
        if kind in ("number", "int"):
            reader.expect(f"the id of a conditioner of type {kind}", name, SECONDS)
            numbers[name] = _number(kind, config, width, reader)
        elif text is not None:
            raise reader.refuse(f"has two text conditioners, {text.id!r} and {name!r}; supported here: one")
        else:
            text = _text(kind, name, config, width, reader)
    if text is None:
        raise reader.refuse("has no text conditioner")
    taken = {*numbers, *INPAINTING}
    if text.id in taken or not str(text.id).isidentifier() or hasattr(nn.ModuleDict, text.id):
        raise reader.refuse(f"{text.id!r} is no name for a text conditioner")
    return text, numbers


def _number(kind: str, config: Block, width: int, reader: Reader) -> NumberConfig | IntConfig:
    given = {"min_val", "max_val", "fourier_features_type"} if kind == "number" else {"min_val", "max_val"}
    reader.only(f"a conditioner of type {kind}", config, given, {})
    if kind == "number":
        features = config.get("fourier_features_type", "learned")
        reader.expect("fourier_features_type", features, ("learned", "expo"))
        low, high = reader.real(config, "min_val", 0), reader.real(config, "max_val", 1)
        if not low < high:
            raise reader.refuse(f"a conditioner of type number goes from {low} to {high}")
        return NumberConfig(low, high, width, features == "expo")
    reader.expect("min_val of a conditioner of type int", config.get("min_val", 0), (0,))
    return IntConfig(reader.whole(config, "max_val", default=512), width)


def _text(kind: str, name: str, config: Block, width: int, reader: Reader) -> TextConfig:
    project = reader.flag(config, "project_out", False)
    if kind == "t5gemma":
        return _t5gemma(name, config, width, reader)
    if kind == "t5":
        reader.only("a t5 conditioner", config, {"t5_model_name", "max_length", "project_out"}, {"enable_grad": False})
        weights = str(config.get("t5_model_name", "t5-base"))
        length = reader.whole(config, "max_length", 4096, default=128)
    else:
        reader.only("a clap_text conditioner", config, _CLAP, {"finetune": False})
        reader.expect("clap_text use_text_features", config.get("use_text_features", False), (True,))
        reader.expect("clap_text feature_layer_ix", config.get("feature_layer_ix"), (-2,))
        weights, length = str(config["clap_ckpt_path"]), _CLAP_TOKENS
    tower = _TOWER_WIDTHS.get(weights, width if kind == "t5" else 768)
    return TextConfig(kind, weights, length, name, tower if project or tower != width else 0, width=tower)


def _t5gemma(name: str, config: Block, width: int, reader: Reader) -> TextConfig:
    """Its tower lies in a folder of the model's own repository, and is 768 wide where it is a published one."""
    read = {"max_length", "padding_mode", "repo_id", "subfolder", "project_out"}
    reader.only("a t5gemma conditioner", config, read, {"enable_grad": False, "model_name": _T5GEMMA})
    reader.expect("padding_mode of a t5gemma conditioner", config.get("padding_mode", "zero"), ("learned",))
    weights = str(config.get("subfolder") or _T5GEMMA.rpartition("/")[2])
    tower = _TOWER_WIDTHS.get(weights, _T5GEMMA_WIDTH)
    projected = reader.flag(config, "project_out", False) or width != tower
    length = reader.whole(config, "max_length", 4096, default=128)
    return TextConfig("t5gemma", weights, length, name, tower if projected else 0, "learned", tower)


_T5GEMMA, _T5GEMMA_WIDTH = "google/t5gemma-b-b-ul2", 768

_CLAP = {"clap_ckpt_path", "use_text_features", "feature_layer_ix", "audio_model_type", "enable_fusion", "project_out"}


def _routes(diffusion: Block, reader: Reader) -> Routes:
    return Routes(
        cross=reader.names(diffusion, "cross_attention_cond_ids"),
        prepend=reader.names(diffusion, "prepend_cond_ids"),
        vector=reader.names(diffusion, "global_cond_ids"),
    )


def _check_routes(config: ModelConfig, reader: Reader) -> None:
    known = {config.text.id, *config.numbers}
    for name in (*config.routes.cross, *config.routes.prepend, *config.routes.vector):
        if name not in known:
            raise reader.refuse(f"the network is conditioned on {name!r}, for which there is no conditioner")
    if config.text.id in config.routes.vector:
        raise reader.refuse(f"global_cond_ids names the text, {config.text.id!r}; supported here: numbers")


def _check_local(config: ModelConfig, told: Sequence[str], reader: Reader) -> None:
    width = config.backbone.local_cond_dim if isinstance(config.backbone, DiTConfig) else 0
    reader.expect("local_add_cond_ids", list(told), (list(INPAINTING),) if width else ([],))
    if width:
        reader.expect("local_add_cond_dim", width, (1 + config.latent_channels,))


def _check_sizes(config: ModelConfig, reader: Reader) -> None:
    """The blocks must fit each other; torch would say so only in the first step."""
    if config.latent_scale <= 0 or not config.latent_length:
        raise reader.refuse("needs a pretransform scale above 0 and a sample_size of at least downsampling_ratio")
    backbone, routes, width = config.backbone, config.routes, config.width
    vector = len(routes.vector) * width
    if isinstance(backbone, DiTConfig):
        cross, prepend, overall = backbone.cond_token_dim, backbone.prepend_cond_dim, backbone.global_cond_dim
    else:
        cross, prepend, overall = backbone.context_embedding_features, 0, backbone.context_features
        tokens = sum(config.text.max_length if name == config.text.id else 1 for name in routes.cross)
        if not 0 < tokens <= backbone.context_embedding_max_length:
            raise reader.refuse(f"{tokens} tokens do not fit context_embedding_max_length")
        if config.latent_length % backbone.ratio:
            raise reader.refuse(f"sample_size is no multiple of {config.autoencoder.ratio * backbone.ratio}")
    for what, wanted, given in (
        ("cross-attention", cross, width if routes.cross else 0),
        ("prepended", prepend, width if routes.prepend else 0),
        ("global", overall, vector),
        ("latent", backbone.io_channels, config.latent_channels),
    ):
        if wanted != given:
            raise reader.refuse(f"the network wants {wanted} {what} channels and is given {given}")
