"""MusicGen from a hub folder, by transformers' classes; see README.md beside this file."""

from __future__ import annotations

import torch
from transformers import MusicgenForConditionalGeneration

from evalkit.generators.baselines import Place
from evalkit.generators.codec_lm import CodecLM, read_drawing
from evalkit.generators.hub_folder import read_network, read_tokenizer

check_options = read_drawing


def load(place: Place, device: str, dtype: str) -> CodecLM:
    """The model of a repository in transformers' layout. Raises MissingWeights or BadCheckpoint.

    The decoder computes in `dtype`; T5 and the codec, which cost little and lose much, in float32.
    """
    model = read_network(MusicgenForConditionalGeneration, place.folder, tied=("embed_tokens.weight",))
    tokenizer = read_tokenizer(place.folder, model.config.text_encoder.vocab_size)
    model.decoder.to(getattr(torch, dtype))
    return CodecLM(model.to(device), tokenizer, device, place.model.window_seconds, place.model.stride_seconds)
