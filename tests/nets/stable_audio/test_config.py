"""What of a `model_config.json` is read, and what is refused by name."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import stable_audio_3_seeded as seeded_3
import stable_audio_seeded as seeded

from evalkit.core.errors import BadCheckpoint
from evalkit.nets.stable_audio.conditioning import IntConfig, NumberConfig, Routes
from evalkit.nets.stable_audio.config import ModelConfig, TextConfig, parse
from evalkit.nets.stable_audio.dac_vae import DacConfig
from evalkit.nets.stable_audio.dit import DiTConfig
from evalkit.nets.stable_audio.oobleck import OobleckConfig
from evalkit.nets.stable_audio.schedule import TimeShift
from evalkit.nets.stable_audio.unet1d import UNetConfig

PRETRANSFORM = ("model", "pretransform")
ENCODER = (*PRETRANSFORM, "config", "encoder")
DECODER = (*PRETRANSFORM, "config", "decoder")
DIFFUSION = ("model", "diffusion")
NETWORK = (*DIFFUSION, "config")
CONDITIONERS = ("model", "conditioning", "configs")


def changed(name: str, path: tuple[Any, ...], value: object) -> dict[str, Any]:
    """A shipped config with one entry set."""
    config = copy.deepcopy(seeded.shipped(name))
    place: Any = config
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return config


def read(name: str) -> ModelConfig:
    return parse(seeded.shipped(name), name)


def test_version_1_is_read_as_published() -> None:
    config = read("stable-audio-1")
    assert config.autoencoder == DacConfig()
    assert config.backbone == UNetConfig()
    assert (config.objective, config.latent_length, config.width) == ("v", 4096, 768)
    assert config.numbers == {"seconds_start": IntConfig(512, 768), "seconds_total": IntConfig(512, 768)}
    assert config.text == TextConfig("clap_text", "stable-audio-clap", 77, width=768)
    assert config.routes == Routes(cross=("prompt", "seconds_start", "seconds_total"))
    assert config.window_seconds == pytest.approx(95.1, abs=0.05)


def test_open_small_is_read_as_published() -> None:
    config = read("stable-audio-open-small")
    assert config.autoencoder == OobleckConfig()
    assert config.backbone == DiTConfig(64, 1024, 16, 8, 768, 768, project_cond_tokens=True, qk_norm="ln")
    assert (config.objective, config.latent_length) == ("rf_denoiser", 256)
    assert config.numbers == {"seconds_total": NumberConfig(0, 256, 768)}
    assert config.text.max_length == 64
    assert config.routes == Routes(cross=("prompt", "seconds_total"), vector=("seconds_total",))


@pytest.mark.parametrize(("name", "latents"), [("stable-audio-2", 6144), ("stable-audio", 1024)])
def test_version_2_and_open_share_their_networks(name: str, latents: int) -> None:
    config = read(name)
    assert (config.autoencoder, config.backbone) == (OobleckConfig(), DiTConfig())
    assert config.latent_length == latents


def test_every_route_and_option_of_the_format_is_read() -> None:
    """The layout that the parity tests compute with, so that its options are known to reach the network."""
    config = parse(seeded.layout("adaln"), "adaln")
    assert isinstance(config.backbone, DiTConfig)
    assert (config.backbone.global_cond_type, config.backbone.prepend_cond_dim) == ("adaLN", 96)
    assert config.text.projected_from == 512
    assert config.shift == TimeShift(min_length=4, max_length=64)
    assert config.latent_scale == 1.7
    assert config.routes.prepend == ("seconds_start", "prompt")


@pytest.mark.parametrize(
    ("name", "path", "value", "named"),
    [
        ("stable-audio", ("model_type",), "diffusion_uncond", "model_type is 'diffusion_uncond'"),
        ("stable-audio", (*DIFFUSION, "type"), "DAU1d", "'DAU1d'; supported here: 'dit' or 'adp_cfg_1d'"),
        ("stable-audio", (*DIFFUSION, "input_concat_ids"), ["mask"], "input_concat_ids"),
        ("stable-audio", (*DIFFUSION, "diffusion_objective"), "epsilon", "'epsilon'"),
        ("stable-audio", (*DIFFUSION, "distribution_shift_options"), {"type": "flux"}, "type of .* is 'flux'"),
        ("stable-audio", (*NETWORK, "qk_norm"), "ln", "asks for qk_norm"),
        ("stable-audio", (*NETWORK, "attn_kwargs"), {"qk_norm": "l2"}, "'l2'"),
        ("stable-audio", (*NETWORK, "attn_kwargs"), {"feat_scale": True}, "attn_kwargs.feat_scale is True"),
        ("stable-audio", (*NETWORK, "patch_size"), 2, "patch_size is 2"),
        ("stable-audio", (*NETWORK, "conformer"), True, "conformer is True"),
        ("stable-audio", (*NETWORK, "num_memory_tokens"), -4, "num_memory_tokens is -4"),
        ("stable-audio", (*NETWORK, "global_cond_type"), "film", "'film'"),
        ("stable-audio", (*NETWORK, "global_cond_dim"), 768, "wants 768 global channels and is given 1536"),
        ("stable-audio", (*NETWORK, "cond_token_dim"), 512, "wants 512 cross-attention channels"),
        ("stable-audio", (*NETWORK, "io_channels"), 32, "wants 32 latent channels and is given 64"),
        ("stable-audio", (*PRETRANSFORM, "type"), "dac_pretrained", "'dac_pretrained'"),
        ("stable-audio", (*PRETRANSFORM, "config", "bottleneck", "type"), "rvq", "'rvq'"),
        ("stable-audio", (*PRETRANSFORM, "config", "pretransform"), {"type": "wavelet"}, "pretransform"),
        ("stable-audio", (*PRETRANSFORM, "config", "downsampling_ratio"), 1024, "downsampling_ratio is 1024"),
        ("stable-audio", (*ENCODER, "type"), "seanet", "'seanet'"),
        ("stable-audio", (*DECODER, "type"), "dac", "'dac'"),
        ("stable-audio", (*ENCODER, "config", "use_snake"), False, "use_snake"),
        ("stable-audio", (*ENCODER, "config", "channels"), 64, "channels is 64"),
        ("stable-audio", (*DECODER, "config", "antialias_activation"), True, "antialias_activation"),
        ("stable-audio", (*DECODER, "soft_clip"), True, "soft_clip"),
        ("stable-audio-1", (*ENCODER, "config", "strides"), [4, 4, 7, 8], "stride 7"),
        ("stable-audio-1", (*DECODER, "config", "rates"), [8, 8, 4, 8], "rates"),
        ("stable-audio-1", (*NETWORK, "use_stft"), True, "use_stft is True"),
        ("stable-audio-1", (*NETWORK, "use_xattn_time"), True, "use_xattn_time is True"),
        ("stable-audio-1", (*NETWORK, "context_channels"), [2], "context_channels"),
        ("stable-audio-1", (*NETWORK, "context_embedding_max_length"), 78, "79 tokens do not fit"),
        ("stable-audio-1", (*NETWORK, "num_blocks"), [2, 2, 2], "not of one depth"),
        ("stable-audio-1", ("sample_size",), 1024 * 4095, "no multiple of 16384"),
        ("stable-audio-1", (*DIFFUSION, "global_cond_ids"), ["seconds_total"], "wants 0 global channels"),
        ("stable-audio-1", (*DIFFUSION, "cross_attention_cond_ids"), ["prompt", "tempo"], "'tempo'"),
        ("stable-audio-1", (*CONDITIONERS, 1, "config", "min_val"), 1, "min_val of a conditioner of type int is 1"),
        ("stable-audio-1", (*CONDITIONERS, 1, "id"), "tempo", "the id of a conditioner of type int is 'tempo'"),
        ("stable-audio-1", (*CONDITIONERS, 0, "type"), "clap_audio", "'clap_audio'"),
        ("stable-audio-1", (*CONDITIONERS, 0, "config", "use_text_features"), False, "use_text_features is False"),
        ("stable-audio-1", (*CONDITIONERS, 0, "config", "feature_layer_ix"), -1, "feature_layer_ix is -1"),
        ("stable-audio-1", (*CONDITIONERS, 0, "config", "finetune"), True, "finetune is True"),
        ("stable-audio", (*CONDITIONERS, 0, "config", "enable_grad"), True, "enable_grad is True"),
        ("stable-audio", (*CONDITIONERS, 2, "config", "max_val"), 0, "from 0.0 to 0.0"),
        ("stable-audio", ("model", "conditioning", "pre_encoded_keys"), ["prompt"], "pre_encoded_keys"),
        ("stable-audio", ("sample_rate",), "fast", "sample_rate is 'fast'; supported here: a whole number from 1"),
        ("stable-audio", ("sample_size",), 1024, "sample_size of at least downsampling_ratio"),
        ("stable-audio", (*PRETRANSFORM, "scale"), float("nan"), "scale is nan"),
        ("stable-audio", (*PRETRANSFORM, "scale"), 0, "scale above 0"),
        ("stable-audio", (*NETWORK, "depth"), 10**9, "depth is 1000000000; supported here: .* to 256"),
        ("stable-audio", (*NETWORK, "depth"), 1.5, "depth is 1.5"),
        ("stable-audio", (*NETWORK, "num_heads"), 0, "num_heads is 0"),
        ("stable-audio", (*NETWORK, "num_heads"), 25, "1536 is no multiple of 25"),
        ("stable-audio", (*NETWORK, "cond_token_dim"), 1152, "heads of queries and of keys: 24 is no multiple of 18"),
        ("stable-audio", (*CONDITIONERS, 0, "id"), "forward", "'forward' is no name"),
        ("stable-audio", (*NETWORK, "num_heads"), 64, "heads of 24 channels"),
        ("stable-audio-2", (*DECODER, "config", "c_mults"), [1, 2, 4], "c_mults"),
        ("stable-audio-1", (*NETWORK, "attention_heads"), 48, "no multiple of 48"),
        ("stable-audio-1", (*NETWORK, "resnet_groups"), 24, "no multiple of 24"),
        ("stable-audio-1", (*NETWORK, "factors"), [1, 2, 2, 4] * 5, "a list of 1 to 16"),
        ("stable-audio-1", (*CONDITIONERS, 0, "id"), "seconds_start", "no name for a text conditioner"),
        ("stable-audio", (*CONDITIONERS, 0, "id"), "a.b", "'a.b'"),
        ("stable-audio", (*NETWORK, "norm_type"), "dyt", "norm_type is 'dyt'"),
        ("stable-audio", (*NETWORK, "norm_kwargs"), {"fix_scale": True}, "norm_kwargs.fix_scale is True"),
        ("stable-audio", (*NETWORK, "timestep_features_type"), "log", "timestep_features_type is 'log'"),
        ("stable-audio", (*DIFFUSION, "local_add_cond_ids"), ["inpaint_mask"], "local_add_cond_ids is"),
        (
            "stable-audio",
            (*DIFFUSION, "sampling_distribution_shift_options"),
            {"type": "flux"},
            "sampling_distribution",
        ),
        ("stable-audio", ("model",), [], "not a model config"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(name: str, path: tuple[Any, ...], value: object, named: str) -> None:
    """Building something near it would give numbers that nobody can place."""
    with pytest.raises(BadCheckpoint, match=named) as error:
        parse(changed(name, path, value), "model_config.json")
    assert str(error.value).startswith("model_config.json: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", seeded.FULL)
def test_options_that_are_left_off_may_be_written_out(name: str) -> None:
    """Exported configs often spell defaults out."""
    network = {"patch_size": 1, "attn_kwargs": {"qk_norm": "none"}, "causal": False}
    if name == "stable-audio-1":
        network = {"patch_size": 1, "use_stft": False, "context_channels": None}
    config = copy.deepcopy(seeded.shipped(name))
    config["model"]["diffusion"]["input_concat_ids"] = []
    config["model"]["pretransform"]["enable_grad"] = False
    config["model"]["pretransform"]["config"]["decoder"]["requires_grad"] = False
    config["model"]["diffusion"]["config"] = network | config["model"]["diffusion"]["config"]
    assert parse(config, name) == read(name)


def test_a_config_without_or_with_two_text_conditioners_is_refused() -> None:
    config = copy.deepcopy(seeded.shipped("stable-audio"))
    conditioners = config["model"]["conditioning"]["configs"]
    text = conditioners.pop(0)
    with pytest.raises(BadCheckpoint, match="no text conditioner"):
        parse(config, "model_config.json")
    conditioners += [text, {**text, "id": "second"}]
    with pytest.raises(BadCheckpoint, match="two text conditioners, 'prompt' and 'second'"):
        parse(config, "model_config.json")


def test_text_as_a_global_condition_is_refused() -> None:
    config = changed("stable-audio", (*DIFFUSION, "global_cond_ids"), ["prompt"])
    with pytest.raises(BadCheckpoint, match="global_cond_ids names the text"):
        parse(config, "model_config.json")


@pytest.mark.parametrize(
    ("tower", "width", "project", "projected_from"),
    [("t5-base", 768, False, 0), ("t5-base", 768, True, 768), ("t5-large", 1024, False, 1024), ("own", 768, False, 0)],
)
def test_a_text_tower_of_another_width_is_projected(tower: str, width: int, project: bool, projected_from: int) -> None:
    """As in stable-audio-tools: a checkpoint then holds the projection, and leaving it out would not load."""
    config = changed("stable-audio", (*CONDITIONERS, 0, "config"), {"t5_model_name": tower, "project_out": project})
    assert parse(config, "test").text == TextConfig("t5", tower, 128, "prompt", projected_from, width=width)


def test_stable_audio_3_is_read_as_published() -> None:
    small, medium = (parse(seeded_3.full(size), size) for size in seeded_3.MODELS)
    for config, width, depth, heads in ((small, 1024, 20, 16), (medium, 1536, 24, 24)):
        assert isinstance(config.backbone, DiTConfig)
        assert (config.backbone.embed_dim, config.backbone.depth, config.backbone.num_heads) == (width, depth, heads)
        assert (config.backbone.memory_tokens, config.backbone.local_cond_dim) == (64, 257)
        assert (config.free, config.shift, config.objective) == (True, None, "rf_denoiser")
        assert config.text == TextConfig("t5gemma", "t5gemma-b-b-ul2", 256, padding="learned", width=768)
        assert config.numbers == {"seconds_total": NumberConfig(0, 384, 768, expo=True)}
    assert (small.latent_length, medium.latent_length) == (1292, 4096)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ((*CONDITIONERS, 0, "config", "padding_mode"), "zero", "padding_mode of a t5gemma conditioner is 'zero'"),
        ((*CONDITIONERS, 0, "config", "model_name"), "google/gemma", "model_name is 'google/gemma'"),
        ((*CONDITIONERS, 1, "config", "fourier_features_type"), "log", "fourier_features_type is 'log'"),
        ((*CONDITIONERS, 0, "id"), "inpaint_mask", "no name for a text conditioner"),
        ((*NETWORK, "local_add_cond_dim"), 256, "local_add_cond_dim is 256"),
        ((*DIFFUSION, "local_add_cond_ids"), [], r"local_add_cond_ids is \[\]"),
        ((*NETWORK, "timestep_features_logsnr"), True, "timestep_features_logsnr is True"),
        ((*PRETRANSFORM, "config", "bottleneck", "type"), "vae", "bottleneck is 'vae'"),
    ],
)
def test_another_stable_audio_3_is_refused_by_name(path: tuple[Any, ...], value: object, named: str) -> None:
    """Its published configs are gated: an option that nobody here has seen must not pass for one that is known."""
    with pytest.raises(BadCheckpoint, match=named):
        parse(changed_3(path, value), "small")


def changed_3(path: tuple[Any, ...], value: object) -> dict[str, Any]:
    config: dict[str, Any] = seeded_3.full("small")
    place: Any = config
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return config


@pytest.mark.parametrize("value", ["false", "true", 0, 1, None, [], {}])
@pytest.mark.parametrize(
    "path",
    [
        (*DIFFUSION, "mask_padding_attention"),
        (*DIFFUSION, "use_effective_length_for_schedule"),
        (*CONDITIONERS, 0, "config", "project_out"),
        (*NETWORK, "project_cond_tokens"),
        (*NETWORK, "project_global_cond"),
        (*NETWORK, "attn_kwargs", "differential"),
        (*ENCODER, "config", "differential"),
        (*ENCODER, "config", "variable_stride"),
        (*ENCODER, "config", "chunk_midpoint_shift"),
        (*DECODER, "config", "conv_mapping"),
        (*PRETRANSFORM, "config", "bottleneck", "config", "auto_scale"),
    ],
    ids=lambda path: str(path[-1]),
)
def test_what_is_neither_true_nor_false_is_neither(path: tuple[Any, ...], value: object) -> None:
    """A config that was written by hand says "false", which Python takes for true: another network, and no word."""
    with pytest.raises(BadCheckpoint, match=rf"{path[-1]} is .*; supported here: true or false"):
        parse(changed_3(path, value), "small")


@pytest.mark.parametrize("value", [{}, {"prompt": 1}, "", "prompt", None, 7, [1], [["prompt"]], ["prompt", "prompt"]])
@pytest.mark.parametrize("name", ["cross_attention_cond_ids", "prepend_cond_ids", "global_cond_ids"])
def test_routes_are_lists_of_names(name: str, value: object) -> None:
    """A table and a text can be looked through as a list can: the network ran without its prompts."""
    with pytest.raises(BadCheckpoint, match=rf"{name} is .*; supported here: a list of names, each once"):
        parse(changed_3((*DIFFUSION, name), value), "small")


@pytest.mark.parametrize(
    ("name", "told"), [("cross_attention_cond_ids", "cross-attention"), ("global_cond_ids", "global")]
)
def test_a_network_that_hears_something_is_told_it(name: str, told: str) -> None:
    """Without a word its prompts, or its lengths, had no effect."""
    with pytest.raises(BadCheckpoint, match=rf"the network wants 768 {told} channels and is given 0"):
        parse(changed_3((*DIFFUSION, name), []), "small")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*CONDITIONERS, 1, "config", "max_val"), 1e308),
        ((*CONDITIONERS, 1, "config", "min_val"), float("nan")),
        ((*PRETRANSFORM, "scale"), float("inf")),
        ((*NETWORK, "norm_kwargs", "eps"), -1e-5),
        ((*NETWORK, "norm_kwargs", "eps"), 0),
    ],
)
def test_numbers_that_make_no_sound_are_refused(path: tuple[Any, ...], value: float) -> None:
    """Each sound was made, and was NaN."""
    with pytest.raises(BadCheckpoint, match=rf"{path[-1]} is .*; supported here: a number"):
        parse(changed_3(path, value), "small")
