"""Small seeded models of the baselines' families, in the layouts that are published."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from evalkit_checkpoints import small_t5

from evalkit.fetch.weights import MINI_FOLDER

WORDS = 203
"""Entries of the tokenizer of `small_t5`."""

UNET: dict[str, Any] = {
    "in_channels": 8,
    "out_channels": 8,
    "block_out_channels": (8, 16),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": 4,
}
"""Sizes that AudioLDM's U-Net and AudioLDM2's share."""


def same(one: Any, other: Any, share: float = 1e-5) -> bool:
    """Equal to the rounding of float32: to this share of the loudest sample."""
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and bool(np.abs(one - other).max() <= share * np.abs(other).max())


def small_encodec(rate: int = 32000, ratios: tuple[int, ...] = (8, 5, 4, 4), codebooks: int = 4) -> Any:
    """The codec's config: 50 frames a second, `codebooks` of 32 tokens."""
    from transformers import EncodecConfig

    bits = 5 * 50 * codebooks / 1000
    return EncodecConfig(
        sampling_rate=rate,
        upsampling_ratios=list(ratios),
        target_bandwidths=[bits],
        num_filters=4,
        hidden_size=8,
        codebook_dim=8,
        codebook_size=32,
        num_lstm_layers=1,
        use_causal_conv=False,
        pad_mode="constant",
        use_conv_shortcut=False,
    )


def small_musicgen(folder: Path, channels: int = 1) -> Path:
    """MusicGen as `facebook/musicgen-*` has it, for transformers: 32 kHz, T5 inside."""
    from transformers import MusicgenConfig, MusicgenForConditionalGeneration
    from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

    small_t5(folder, width=24)
    text = json.loads((folder / "config.json").read_text())
    decoder = MusicgenDecoderConfig(
        vocab_size=32,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        ffn_dim=64,
        num_codebooks=4 * channels,
        audio_channels=channels,
        pad_token_id=32,
        bos_token_id=32,
    )
    config = MusicgenConfig(text_encoder=text, audio_encoder=small_encodec().to_dict(), decoder=decoder.to_dict())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        model = MusicgenForConditionalGeneration(config)
        _spread(model.decoder, 3.0)
        _spread(model.audio_encoder, 2.0)
        for layer in model.audio_encoder.quantizer.layers:
            layer.codebook.embed.normal_()
    model.generation_config.update(decoder_start_token_id=32, pad_token_id=32, guidance_scale=3.0, do_sample=True)
    model.save_pretrained(folder)
    return folder


def small_audioldm(folder: Path) -> Path:
    """AudioLDM as `cvssp/audioldm*` have it, for diffusers: 16 kHz, 8 latent channels, FiLM of CLAP's text."""
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import ClapTextConfig, ClapTextModelWithProjection

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        unet = UNet2DConditionModel(
            **UNET,
            sample_size=(256, 16),
            cross_attention_dim=(8, 16),
            class_embed_type="simple_projection",
            projection_class_embeddings_input_dim=32,
            class_embeddings_concat=True,
        )
        text = ClapTextModelWithProjection(ClapTextConfig(**_clap_sizes()))
        parts = {"unet": unet, "vae": _vae(AutoencoderKL), "text_encoder": text, "vocoder": small_vocoder()}
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    _ddim(DDIMScheduler).save_pretrained(folder / "scheduler")
    _clap_tokenizer(folder / "tokenizer")
    return folder


def small_audioldm2(folder: Path) -> Path:
    """AudioLDM2 as `cvssp/audioldm2*` have it: CLAP and T5, projected, continued by GPT-2, into the U-Net."""
    from diffusers import AudioLDM2ProjectionModel, AudioLDM2UNet2DConditionModel, AutoencoderKL, DDIMScheduler
    from transformers import ClapConfig, ClapModel, GPT2Config, GPT2Model

    small_t5(folder / "both", width=24, parts=True)
    shutil.move(folder / "both" / "text_encoder", folder / "text_encoder_2")
    shutil.rmtree(folder / "both")
    _t5_tokenizer(folder / "tokenizer_2")
    audio = {
        "spec_size": 64,
        "window_size": 4,
        "num_mel_bins": 16,
        "patch_stride": [4, 4],
        "patch_embeds_hidden_size": 8,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "projection_dim": 16,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        unet = AudioLDM2UNet2DConditionModel(
            **UNET,
            sample_size=16,
            cross_attention_dim=((None, 16, 24), (None, 16, 24)),
        )
        clap = ClapModel(ClapConfig(text_config=_clap_sizes(), audio_config=audio, projection_dim=32))
        language = GPT2Model(GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=128, vocab_size=40, n_inner=32))
        parts = {
            "unet": unet,
            "vae": _vae(AutoencoderKL),
            "text_encoder": clap,
            "vocoder": small_vocoder(),
            "language_model": language,
            "projection_model": AudioLDM2ProjectionModel(32, 24, 16),
        }
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    _ddim(DDIMScheduler).save_pretrained(folder / "scheduler")
    _clap_tokenizer(folder / "tokenizer")
    return folder


def small_vocoder() -> Any:
    """HiFi-GAN of 160 samples a mel frame at 16 kHz, as AudioLDM's."""
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    config = SpeechT5HifiGanConfig(
        model_in_dim=16,
        sampling_rate=16000,
        upsample_initial_channel=32,
        upsample_rates=[5, 4, 2, 2, 2],
        upsample_kernel_sizes=[16, 16, 8, 4, 4],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
        normalize_before=False,
    )
    return _spread(SpeechT5HifiGan(config))


def _spread(module: torch.nn.Module, gain: float = 1.5) -> torch.nn.Module:
    """Weights so large that what goes in counts: the first ones of a small network let next to nothing through."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=gain * (parameter.shape[0] / parameter.numel()) ** 0.5)
    return module


def _vae(kind: Any) -> Any:
    return kind(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(4, 4, 4),
        norm_num_groups=4,
        latent_channels=8,
        scaling_factor=0.9,
    )


def _ddim(kind: Any) -> Any:
    return kind(beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=False)


def _clap_sizes() -> dict[str, Any]:
    vocabulary = len(json.loads((MINI_FOLDER / "clap-mini" / "vocab.json").read_text(encoding="utf-8")))
    return {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 90,
        "projection_dim": 32,
    }


def _clap_tokenizer(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"):
        shutil.copy(MINI_FOLDER / "clap-mini" / name, folder / name)


def _t5_tokenizer(folder: Path) -> None:
    """Of the class that the published folder names, which diffusers asks for; the words are those of `small_t5`."""
    from transformers import T5Tokenizer

    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0)] + [(f"▁word{index}", -2.0) for index in range(200)]
    T5Tokenizer(vocab=words, extra_ids=0, model_max_length=32).save_pretrained(folder)


ACE_STEP = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
}
"""Sizes that the transformer of ACE-Step and its condition encoder share."""


def small_ace_step(folder: Path, turbo: bool = True) -> Path:
    """ACE-Step 1.5 as `ACE-Step/acestep-v15-xl-*-diffusers` have it, for diffusers: 48 kHz stereo, 25 latents a second
    of four channels, Qwen3's text, lyrics, and the silence that stands for a voice's timbre."""
    from diffusers import (
        AceStepConditionEncoder,
        AceStepTransformer1DModel,
        AutoencoderOobleck,
        FlowMatchEulerDiscreteScheduler,
    )
    from transformers import Qwen3Config, Qwen3Model

    variant = {"is_turbo": turbo, "model_version": "turbo" if turbo else "base"}
    text = {"vocab_size": WORDS, "num_hidden_layers": 1, **ACE_STEP, "hidden_size": 24}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        encoder = AceStepConditionEncoder(
            **ACE_STEP,
            text_hidden_dim=24,
            timbre_hidden_dim=4,
            num_lyric_encoder_hidden_layers=1,
            num_timbre_encoder_hidden_layers=1,
        )
        parts = {
            "transformer": AceStepTransformer1DModel(
                **ACE_STEP, **variant, num_hidden_layers=2, in_channels=12, audio_acoustic_hidden_dim=4
            ),
            "condition_encoder": encoder,
            "text_encoder": Qwen3Model(Qwen3Config(**text)),
            "vae": small_oobleck(AutoencoderOobleck, 48000, [2, 4, 4, 6, 10], 4),
        }
        for name in ("transformer", "condition_encoder", "text_encoder"):
            _spread(parts[name])
        encoder.silence_latent.normal_()
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0).save_pretrained(folder / "scheduler")
    small_t5(folder / "words", width=24)
    (folder / "tokenizer").mkdir()
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.move(folder / "words" / file, folder / "tokenizer" / file)
    shutil.rmtree(folder / "words")
    return folder


def small_oobleck(kind: Any, rate: int, ratios: list[int], latents: int) -> Any:
    """diffusers' autoencoder of two channels, which gives twice as many values as latents: means and scales."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch's weight_norm, which diffusers calls
        return kind(
            encoder_hidden_size=2 * latents,
            downsampling_ratios=ratios,
            channel_multiples=[1] * len(ratios),
            decoder_channels=4,
            decoder_input_channels=latents,
            audio_channels=2,
            sampling_rate=rate,
        )


TANGOFLUX = {"num_layers": 1, "num_single_layers": 1, "num_attention_heads": 1, "joint_attention_dim": 24}
"""What a small TangoFlux' config.json says; the rest is as the package has it."""


def small_tangoflux(folder: Path) -> Path:
    """TangoFlux as `declare-lab/TangoFlux` has it: one file with transformer, Flan-T5 and what reads the length, and
    one with the autoencoder, under the package's names."""
    from diffusers import AutoencoderOobleck, FluxTransformer2DModel
    from safetensors.torch import save_file
    from transformers import T5EncoderModel

    words = small_t5(folder / "words", width=24)
    sizes = {**TANGOFLUX, "in_channels": 64, "attention_head_dim": 128, "pooled_projection_dim": 24}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = FluxTransformer2DModel(**sizes, guidance_embeds=False)
        parts: dict[str, torch.nn.Module] = {
            "transformer": _spread(network, 1.0),
            "text_encoder": _spread(T5EncoderModel.from_pretrained(words)),
            "fc.0": torch.nn.Linear(24, 24),
            "duration_emebdder.time_positional_embedding.1": torch.nn.Linear(257, 24),
        }
        weights = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()}
        weights["duration_emebdder.time_positional_embedding.0.weights"] = torch.randn(128)
        vae = small_oobleck(AutoencoderOobleck, 44100, [2, 4, 4, 8, 8], 64)
    weights.pop("text_encoder.encoder.embed_tokens.weight", None)
    shutil.rmtree(folder / "words")
    save_file({key: value.contiguous() for key, value in weights.items()}, folder / "tangoflux.safetensors")
    save_file(vae.state_dict(), folder / "vae.safetensors")
    (folder / "config.json").write_text(json.dumps({**TANGOFLUX, "text_encoder_name": "google/flan-t5-large"}))
    return folder
