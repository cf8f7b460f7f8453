"""MusicGen by transformers' own classes and loop, from the folder as evalkit reads it.

Source: transformers' slow tests (tests/models/musicgen): logits, and sound without drawing. evalkit's sampling is
another loop over the same networks, and is not what these numbers are about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import EncodecFeatureExtractor, MusicgenForConditionalGeneration, set_seed

from evalkit.generators.hub_folder import read_network, read_tokenizer
from evalkit.verify.answer_files import Case, read_fields
from evalkit.verify.runners.base import Place
from evalkit.verify.signals import beep


@dataclass(frozen=True)
class _Input:
    """`texts`, with a beep of `beeps` seconds each to go on from, or nothing at all, `unconditional` times. `tokens`
    new ones are made, the likeliest or drawn from a `seed`; 0: the logits are asked for."""

    texts: tuple[str, ...] = ()
    beeps: tuple[float, ...] = ()
    unconditional: int = 0
    tokens: int = 0
    guidance: float | None = None
    seed: int | None = None


class MusicGen:
    """A Runner."""

    def __init__(self, place: Place) -> None:
        """Raises MissingWeights or BadCheckpoint."""
        network = read_network(MusicgenForConditionalGeneration, place.weights, tied=("embed_tokens.weight",))
        self._model = network.to(place.device)
        self._words = read_tokenizer(place.weights, network.config.text_encoder.vocab_size)

    @torch.inference_mode()
    def answer(self, case: Case) -> NDArray[Any]:
        """Logits (texts * codebooks, frames, vocabulary) or sound (texts, channels, samples)."""
        asked = read_fields(_Input, case.input, "a case's input")
        if not asked.tokens:
            return np.asarray(self._logits(asked).cpu().numpy())
        manner: dict[str, Any] = {"do_sample": asked.seed is not None, "max_new_tokens": asked.tokens}
        if asked.unconditional:
            given = self._model.get_unconditional_inputs(num_samples=asked.unconditional)
        else:
            given = self._inputs(asked)
            manner["guidance_scale"] = asked.guidance
        if asked.seed is not None:
            set_seed(asked.seed)
        return np.asarray(self._model.generate(**given, **manner).float().cpu().numpy())

    def _logits(self, asked: _Input) -> torch.Tensor:
        """Of the token after the sound, or of the first one."""
        given = self._inputs(asked)
        if not asked.beeps:
            rows, pad = len(asked.texts) * self._model.decoder.num_codebooks, self._model.config.decoder.pad_token_id
            given["decoder_input_ids"] = torch.full((rows, 1), pad, device=self._model.device)
        logits: torch.Tensor = self._model(**given).logits
        return logits

    def _inputs(self, asked: _Input) -> dict[str, Any]:
        """Tokens and sound as MusicGen's processor hands them over: shorter sounds are padded on the left."""
        found = dict(self._words(list(asked.texts), padding=True, return_tensors="pt"))
        if asked.beeps:
            codec, channels = self._model.config.audio_encoder, self._model.config.decoder.audio_channels
            extract = EncodecFeatureExtractor(channels, codec.sampling_rate, padding_side="left")
            beeps = [beep(seconds, codec.sampling_rate) for seconds in asked.beeps]
            sounds = beeps if channels == 1 else [np.stack([each] * channels) for each in beeps]
            found |= dict(extract(sounds, sampling_rate=codec.sampling_rate, padding=True, return_tensors="pt"))
        return {
            name: tensor.to(self._model.device)
            for name, tensor in found.items()
            if name in ("input_ids", "attention_mask", "input_values", "padding_mask")
        }
