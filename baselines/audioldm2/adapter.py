"""AudioLDM2 from a hub folder, by diffusers' AudioLDM2Pipeline; see README.md beside this file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AudioLDM2Pipeline,
    AudioLDM2ProjectionModel,
    AudioLDM2UNet2DConditionModel,
    AutoencoderKL,
    DDIMScheduler,
)
from torch import Tensor
from torch.nn import functional as F
from transformers import ClapFeatureExtractor, ClapModel, GPT2LMHeadModel, SpeechT5HifiGan, T5EncoderModel

from evalkit.checkpoints.config_file import read_object
from evalkit.generators.baselines import Place
from evalkit.generators.hub_folder import read_network, read_tokenizer
from evalkit.generators.latent_diffusion import LatentDiffusion, assemble, read_denoising, read_part, read_scheduler

_NEW_TOKENS = 8
"""States that the language model adds, where its config does not say."""

check_options = read_denoising


def load(place: Place, device: str, dtype: str) -> LatentDiffusion:
    """The model of a repository in diffusers' layout. Raises MissingWeights or BadCheckpoint."""
    folder = place.folder
    clap = read_network(ClapModel, folder / "text_encoder")
    t5 = read_network(T5EncoderModel, folder / "text_encoder_2", tied=("embed_tokens.weight",))
    parts = {
        "vae": read_part(AutoencoderKL, folder / "vae"),
        "text_encoder": clap,
        "text_encoder_2": t5,
        "projection_model": read_part(AudioLDM2ProjectionModel, folder / "projection_model"),
        # The repository names GPT2Model, which transformers 5 gives no means of generating.
        "language_model": read_network(GPT2LMHeadModel, folder / "language_model", tied=("lm_head.weight",)),
        "tokenizer": read_tokenizer(folder / "tokenizer", clap.config.text_config.vocab_size),
        "tokenizer_2": read_tokenizer(folder / "tokenizer_2", t5.config.vocab_size),
        # Only for ranking several sounds of a prompt, which is not done here.
        "feature_extractor": ClapFeatureExtractor(),
        "unet": read_part(AudioLDM2UNet2DConditionModel, folder / "unet"),
        "scheduler": read_scheduler(DDIMScheduler, folder),
        "vocoder": read_network(SpeechT5HifiGan, folder / "vocoder"),
    }
    pipe = assemble(AudioLDM2Pipeline, parts, device, dtype)
    return LatentDiffusion(pipe, partial(read_prompts, pipe, _new_tokens(folder)), device)


def read_prompts(pipe: Any, new_tokens: int, prompts: Sequence[str], guided: bool) -> Mapping[str, Tensor]:
    """T5's states with their mask, and the language model's, of each prompt and of none.

    One prompt at a time: the language model counts its positions over the padding too, so that beside a longer
    prompt a shorter one would come out another.
    """
    each = [pipe.encode_prompt([prompt], pipe.device, 1, guided, max_new_tokens=new_tokens) for prompt in prompts]
    longest = max(states.shape[1] for states, _, _ in each)
    sides = ["negative_", ""] if guided else [""]
    told = {}
    for row, side in enumerate(sides):
        padded = [F.pad(states[row], (0, 0, 0, longest - states.shape[1])) for states, _, _ in each]
        masks = [F.pad(mask[row], (0, longest - mask.shape[1])) for _, mask, _ in each]
        told[f"{side}prompt_embeds"] = torch.stack(padded)
        told[f"{side}attention_mask"] = torch.stack(masks)
        told[f"{side}generated_prompt_embeds"] = torch.stack([generated[row] for _, _, generated in each])
    return told


def _new_tokens(folder: Path) -> int:
    found = read_object(folder / "language_model" / "config.json").get("max_new_tokens")
    return found if isinstance(found, int) else _NEW_TOKENS
