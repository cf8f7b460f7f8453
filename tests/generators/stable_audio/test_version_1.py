"""stable-audio-1-mini as users run it: the U-Net, its DAC and its learnt null from the shipped folder."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.torch
import torch

from evalkit.fetch.weights import locate
from evalkit.generators.stable_audio.generator import WEIGHTS, StableAudioGenerator, mini_1

FAST = {**mini_1().spec.presets["card"], "steps": 3}


@pytest.fixture(scope="module")
def unet_mini() -> StableAudioGenerator:
    generator = mini_1()
    generator.load("cpu", "float32")
    return generator


def test_batch_of_one_and_batch_of_four_are_the_same_sound(unet_mini: StableAudioGenerator) -> None:
    prompts = [f"a dog barking {index} times" for index in range(4)]
    seconds, seeds = [1 + 0.5 * index for index in range(4)], list(range(4))
    together = unet_mini.generate(prompts, seconds, seeds, FAST)
    for index in (0, 3):
        alone = unet_mini.generate(prompts[index : index + 1], [seconds[index]], [seeds[index]], FAST)
        assert together.audio[index].shape == (2, round(seconds[index] * 16000))
        assert np.abs(alone.audio[0] - together.audio[index]).max() <= 1e-5


def test_the_same_call_gives_the_same_bytes_and_another_seed_another_sound(unet_mini: StableAudioGenerator) -> None:
    first, second = (unet_mini.generate(["rain"], [2.0], [5], FAST).audio[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()
    other = unet_mini.generate(["rain"], [2.0], [6], FAST).audio[0]
    assert np.abs(first - other).max() > 1e-3


def test_words_and_seconds_reach_the_network(unet_mini: StableAudioGenerator) -> None:
    """Through its U-Net both come by cross-attention alone, where padding takes most of a short caption's share."""
    sounds = [unet_mini.generate([text], [2.0], [5], FAST).audio[0] for text in ("rain", "a dog barking")]
    assert np.abs(sounds[0] - sounds[1]).max() > 1e-2
    model = unet_mini._model
    assert model is not None
    text, mask = torch.randn(1, 77, 128), torch.ones(1, 77)
    short, long = (model.describe(text, [seconds], mask).tokens for seconds in (1.0, 5.0))
    assert short is not None and long is not None
    assert not torch.equal(short, long)


def test_the_files_have_the_names_of_stable_audio_1() -> None:
    tensors = safetensors.torch.load_file(locate("stable-audio-1-mini", {}) / WEIGHTS)
    for name in (
        "model.model.fixed_embedding.embedding.weight",
        "model.model.downsamples.1.transformer.blocks.0.cross_attention.to_kv.weight",
        "pretransform.model.encoder.encoder.block.0.weight_g",
        "pretransform.model.decoder.decoder.model.0.weight_v",
        "conditioner.conditioners.seconds_total.int_embedder.weight",
    ):
        assert name in tensors, name
    assert sum(tensor.numel() for tensor in tensors.values()) == mini_1().spec.parameters


def test_its_autoencoder_keeps_a_tone_where_it_is(unet_mini: StableAudioGenerator) -> None:
    """`evalkit codec` and sounds to start from pass through it."""
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16384) / 16000, dtype=np.float32)
    back = unet_mini.autoencoder("cpu", "float32").rebuild(np.stack([tone, tone]), None)
    spectrum = np.abs(np.fft.rfft(back[0, 2048:14336]))
    assert abs(spectrum.argmax() * 16000 / 12288 - 440) < 20
