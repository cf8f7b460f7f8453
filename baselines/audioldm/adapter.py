"""AudioLDM from a hub folder, by diffusers' AudioLDMPipeline; see README.md beside this file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from diffusers import AudioLDMPipeline, AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import ClapTextModelWithProjection, SpeechT5HifiGan

from evalkit.generators.baselines import Place
from evalkit.generators.hub_folder import read_network, read_tokenizer
from evalkit.generators.latent_diffusion import LatentDiffusion, assemble, read_denoising, read_part, read_scheduler

check_options = read_denoising


def load(place: Place, device: str, dtype: str) -> LatentDiffusion:
    """The model of a repository in diffusers' layout. Raises MissingWeights or BadCheckpoint."""
    folder = place.folder
    text = read_network(ClapTextModelWithProjection, folder / "text_encoder")
    parts = {
        "vae": read_part(AutoencoderKL, folder / "vae"),
        "text_encoder": text,
        "tokenizer": read_tokenizer(folder / "tokenizer", text.config.vocab_size),
        "unet": read_part(UNet2DConditionModel, folder / "unet"),
        "scheduler": read_scheduler(DDIMScheduler, folder),
        "vocoder": read_network(SpeechT5HifiGan, folder / "vocoder"),
    }
    pipe = assemble(AudioLDMPipeline, parts, device, dtype)
    return LatentDiffusion(pipe, partial(read_prompts, pipe), device)


def read_prompts(pipe: Any, prompts: Sequence[str], guided: bool) -> Mapping[str, Tensor]:
    """CLAP's text embeddings, each of length 1: (prompts, 512)."""
    both = pipe._encode_prompt(list(prompts), pipe.device, 1, guided)
    if not guided:
        return {"prompt_embeds": both}
    empty, told = both.chunk(2)
    return {"prompt_embeds": told, "negative_prompt_embeds": empty}
