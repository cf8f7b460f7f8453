"""AudioGen from audiocraft's files, by transformers' MusicGen classes; see README.md beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import (
    EncodecConfig,
    EncodecModel,
    MusicgenForCausalLM,
    MusicgenForConditionalGeneration,
    T5EncoderModel,
)
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

from evalkit.checkpoints.audiocraft import CODEC_FILE, LM_FILE, codec, language_model, read_export
from evalkit.checkpoints.tensors import load_into, read_tensors
from evalkit.checkpoints.with_transformers import undrawn
from evalkit.core.files import landing
from evalkit.core.ids import digest_json
from evalkit.core.jsonio import read_json, write_json
from evalkit.fetch.digests import remembered_sha256
from evalkit.fetch.home import evalkit_home
from evalkit.generators.baselines import Place
from evalkit.generators.codec_lm import CodecLM, read_drawing
from evalkit.generators.hub_folder import read_network, read_tokenizer

_FORM = 1
"""Counts up where a conversion comes out otherwise than before."""

_TENSORS, _SIZES = "model.safetensors", "config.json"

check_options = read_drawing


def load(place: Place, device: str, dtype: str) -> CodecLM:
    """The model of audiocraft's two files, or of a folder in transformers' layout. Raises MissingWeights or
    BadCheckpoint.

    The decoder computes in `dtype`; T5 and the codec, which cost little and lose much, in float32.
    """
    if (place.folder / LM_FILE).exists() or (place.folder / CODEC_FILE).exists():
        words = place.parts["t5-large"]
        text = read_network(T5EncoderModel, words, tied=("embed_tokens.weight",))
        model: Any = build(convert(place.folder), text)
    else:
        words = place.folder
        model = read_network(MusicgenForConditionalGeneration, words, tied=("embed_tokens.weight",))
    tokenizer = read_tokenizer(words, model.text_encoder.config.vocab_size)
    model.decoder.to(getattr(torch, dtype))
    return CodecLM(model.to(device), tokenizer, device, place.model.window_seconds, place.model.stride_seconds)


def convert(folder: Path) -> Path:
    """The folder under EVALKIT_HOME with the two files' tensors as safetensors, written at the first call."""
    files = [folder / LM_FILE, folder / CODEC_FILE]
    digests = [remembered_sha256(file) for file in files if file.is_file()]
    target = evalkit_home() / "converted" / "audiogen" / digest_json([_FORM, *digests])[:16]
    if (target / _SIZES).is_file():
        return target
    words, sounds = language_model(read_export(files[0])), codec(read_export(files[1]))
    tensors = {**words.tensors, **{f"audio_encoder.{name}": tensor for name, tensor in sounds.tensors.items()}}
    with landing(target / _TENSORS) as part:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part)
    write_json(target / _SIZES, {"decoder": words.sizes, "audio_encoder": sounds.sizes})  # last: it says "whole"
    return target


def build(converted: Path, text: Any) -> nn.ModuleDict:
    """The networks of a converted folder beside a T5 encoder, every tensor from the file, under MusicGen's names."""
    sizes = read_json(converted / _SIZES)
    with undrawn():
        decoder = MusicgenForCausalLM(MusicgenDecoderConfig(**sizes["decoder"]))
        sounds = EncodecModel(EncodecConfig(**sizes["audio_encoder"]))
    project = nn.Linear(text.config.d_model, decoder.config.hidden_size)
    parts = nn.ModuleDict({"decoder": decoder, "audio_encoder": sounds, "enc_to_dec_proj": project})
    constants = [name for name in parts.state_dict() if name.endswith("embed_positions.weights")]
    load_into(parts, read_tensors(converted / _TENSORS), converted / _TENSORS, ignore=constants)
    parts["text_encoder"] = text
    return parts.eval().requires_grad_(False)
