"""Small seeded checkpoints in every published layout, with the full structure of the large ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from evalkit.generators.stable_audio.network import published_names
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.model import StableAudio

RATE, WINDOW = 8000, 40960


def small_config(tower: str = "clap-mini") -> dict[str, Any]:
    """A model config as stable-audio-tools writes it; its text tower is 128 wide."""
    inner = {"c_mults": [1, 2, 2], "strides": [4, 4, 8], "use_snake": True}
    encoder = {"in_channels": 2, "channels": 8, "latent_dim": 8, **inner}
    decoder = {"out_channels": 2, "channels": 8, "latent_dim": 4, "final_tanh": False, **inner}
    autoencoder = {
        "encoder": {"type": "oobleck", "config": encoder},
        "decoder": {"type": "oobleck", "config": decoder},
        "bottleneck": {"type": "vae"},
        "latent_dim": 4,
        "downsampling_ratio": 128,
        "io_channels": 2,
    }
    if tower == "clap-mini":
        words = {"clap_ckpt_path": tower, "use_text_features": True, "feature_layer_ix": -2}
        prompt = {"id": "prompt", "type": "clap_text", "config": words}
    else:
        prompt = {"id": "prompt", "type": "t5", "config": {"t5_model_name": tower, "max_length": 16}}
    seconds = [
        {"id": name, "type": "number", "config": {"min_val": 0, "max_val": 64}}
        for name in ("seconds_start", "seconds_total")
    ]
    network = {
        "io_channels": 4,
        "embed_dim": 256,
        "depth": 2,
        "num_heads": 4,
        "cond_token_dim": 128,
        "global_cond_dim": 256,
        "project_cond_tokens": False,
        "transformer_type": "continuous_transformer",
    }
    diffusion = {
        "type": "dit",
        "cross_attention_cond_ids": ["prompt", "seconds_start", "seconds_total"],
        "global_cond_ids": ["seconds_start", "seconds_total"],
        "config": network,
    }
    model = {
        "pretransform": {"type": "autoencoder", "iterate_batch": True, "config": autoencoder},
        "conditioning": {"cond_dim": 128, "configs": [prompt, *seconds]},
        "diffusion": diffusion,
        "io_channels": 4,
    }
    return {
        "model_type": "diffusion_cond",
        "sample_rate": RATE,
        "sample_size": WINDOW,
        "audio_channels": 2,
        "model": model,
    }


def seeded(config: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """Published names -> tensors of a network drawn from a seed, none of them zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = StableAudio(parse(config, "small"))
        for name, parameter in model.named_parameters():
            if not name.endswith(("alpha", "beta", "weight_g")):
                parameter.data += 0.02 * torch.randn(parameter.shape)
    return {name: tensor.clone().contiguous() for name, tensor in published_names(model.state_dict()).items()}


def write_folder(folder: Path, config: dict[str, Any] | None = None, seed: int = 0) -> Path:
    """`model_config.json` and `model.safetensors`, as published."""
    config = small_config() if config is None else config
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_config.json").write_text(json.dumps(config))
    save_file(seeded(config, seed), folder / "model.safetensors")
    return folder


def small_t5(folder: Path, width: int = 128, parts: bool = False) -> Path:
    """A seeded T5 encoder with a tokenizer of the words word0, word1, ..., in the hub's layout; with `parts`, as
    `text_encoder` and `tokenizer` of a pipeline."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    words = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {f"word{index}": index + 3 for index in range(200)}
    inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    sizes = {"d_model": width, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "vocab_size": len(words)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = T5EncoderModel(T5Config(**sizes, is_encoder_decoder=False))
    net.save_pretrained(folder / "text_encoder" if parts else folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=32, **special)
    tokenizer.save_pretrained(folder / "tokenizer" if parts else folder)
    return folder


def small_unet_config() -> dict[str, Any]:
    """As Stable Audio 1.0: DAC's autoencoder, the U-Net, whole seconds as learnt rows, CLAP."""
    config = small_config()
    encoder = {"in_channels": 2, "latent_dim": 8, "d_model": 8, "strides": [4, 4, 8]}
    decoder = {"out_channels": 2, "latent_dim": 4, "channels": 32, "rates": [8, 4, 4]}
    autoencoder = config["model"]["pretransform"]["config"]
    autoencoder["encoder"], autoencoder["decoder"] = ({"type": "dac", "config": sizes} for sizes in (encoder, decoder))
    for entry in config["model"]["conditioning"]["configs"][1:]:
        entry.update({"type": "int", "config": {"min_val": 0, "max_val": 64}})
    network = {
        "in_channels": 4,
        "channels": 16,
        "multipliers": [2, 2, 4],
        "factors": [1, 2],
        "num_blocks": [1, 1],
        "attentions": [1, 1, 1],
        "attention_heads": 2,
        "attention_multiplier": 2,
        "resnet_groups": 4,
        "kernel_multiplier_downsample": 2,
        "use_nearest_upsample": False,
        "use_skip_scale": True,
        "use_context_time": True,
        "context_embedding_features": 128,
        "context_embedding_max_length": 79,
    }
    config["model"]["diffusion"] = {
        "type": "adp_cfg_1d",
        "cross_attention_cond_ids": ["prompt", "seconds_start", "seconds_total"],
        "config": network,
    }
    return config


def small_t5gemma(folder: Path) -> Path:
    """A seeded T5Gemma with a tokenizer of the words word0, word1, ..., whole, as it lies beside Stable Audio 3."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        PreTrainedTokenizerFast,
        T5GemmaConfig,
        T5GemmaForConditionalGeneration,
        T5GemmaModuleConfig,
    )

    words = {"<pad>": 0, "<unk>": 1} | {f"word{index}": index + 2 for index in range(200)}
    inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8, "query_pre_attn_scalar": 8}
    sizes = {"hidden_size": 768, "intermediate_size": 16, "num_hidden_layers": 2, "vocab_size": len(words), **heads}
    parts = {name: T5GemmaModuleConfig(**sizes) for name in ("encoder", "decoder")}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = T5GemmaForConditionalGeneration(T5GemmaConfig(**parts, vocab_size=len(words)))
    net.save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>", model_max_length=32
    )
    tokenizer.save_pretrained(folder)
    return folder


def small_stable_audio_3(folder: Path, size: str = "small", objective: str = "rf_denoiser", latents: int = 130) -> Path:
    """A whole folder of Stable Audio 3 with few channels and layers, text tower and all, of at most `latents`."""
    import stable_audio_3_seeded as seeded_3

    config = {**seeded_3.small(size, objective), "sample_size": 4096 * latents}
    small_t5gemma(write_folder(folder, config) / "t5gemma-b-b-ul2")
    return folder


def small_autoencoder(folder: Path, kind: str) -> Path:
    """An autoencoder by itself: "s" or "l" of SAME, or "oobleck"; its tensors have names without a prefix."""
    import stable_audio_3_seeded as seeded_3

    from evalkit.nets.stable_audio.autoencoders import build_autoencoder, parse_alone

    config = {**seeded_3.small_same("s" if kind == "oobleck" else kind), "sample_rate": RATE}
    if kind == "oobleck":
        config["model"] = small_config()["model"]["pretransform"]["config"]
    vae = build_autoencoder(parse_alone(config, kind)[1])
    weights = seeded_3.drawn({name: tuple(tensor.shape) for name, tensor in vae.state_dict().items()})
    folder.mkdir(parents=True)
    (folder / "model_config.json").write_text(json.dumps(config))
    save_file(weights, folder / "model.safetensors")
    return folder
