"""stable-audio-3-mini as users run it: SAME, the DiT of Stable Audio 3 and its own T5Gemma from the shipped folder."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.torch

from evalkit.fetch.weights import locate
from evalkit.generators.stable_audio.generator import WEIGHTS, StableAudioGenerator, mini_3
from evalkit.nets.stable_audio.dit import DiT
from evalkit.nets.stable_audio.same import SameAutoencoder

FAST = {**mini_3().spec.presets["card"], "steps": 3}


@pytest.fixture(scope="module")
def mini() -> StableAudioGenerator:
    generator = mini_3()
    generator.load("cpu", "float32")
    return generator


def test_batch_of_one_and_batch_of_four_are_the_same_sound(mini: StableAudioGenerator) -> None:
    prompts = [f"a dog barking {index} times" for index in range(4)]
    seconds, seeds = [1 + 0.5 * index for index in range(4)], list(range(4))
    together = mini.generate(prompts, seconds, seeds, FAST)
    for index in (0, 3):
        alone = mini.generate(prompts[index : index + 1], [seconds[index]], [seeds[index]], FAST)
        assert together.audio[index].shape == (1, round(seconds[index] * 16000))
        assert np.abs(alone.audio[0] - together.audio[index]).max() <= 1e-5


def test_words_seconds_and_seeds_reach_the_sound(mini: StableAudioGenerator) -> None:
    def sound(text: str, seconds: float, seed: int) -> np.ndarray:
        return mini.generate([text], [seconds], [seed], FAST).audio[0][:, :16000]

    first = sound("rain", 2.0, 5)
    assert first.tobytes() == sound("rain", 2.0, 5).tobytes()
    for other in (sound("a dog barking", 2.0, 5), sound("rain", 4.0, 5), sound("rain", 2.0, 6)):
        assert np.abs(first - other).max() > 1e-3


def test_it_is_stable_audio_3_in_every_part(mini: StableAudioGenerator) -> None:
    """The same classes and switches as the small models that are published."""
    model = mini._model
    assert model is not None and model.config.free
    assert isinstance(model.vae, SameAutoencoder) and isinstance(model.backbone, DiT)
    net = model.backbone.config
    assert (net.global_cond_type, net.norm, net.qk_norm, net.time_features) == ("adaLN", "rms_norm", "rms", "expo")
    assert net.memory_tokens and net.local_cond_dim == 1 + model.config.latent_channels
    assert model.config.text.kind == "t5gemma" and model.config.text.padding == "learned"
    assert (locate("stable-audio-3-mini", {}) / model.config.text.weights / "tokenizer.json").is_file()


def test_the_files_have_the_names_of_stable_audio_3() -> None:
    tensors = safetensors.torch.load_file(locate("stable-audio-3-mini", {}) / WEIGHTS)
    for name in (
        "model.model.transformer.memory_tokens",
        "model.model.transformer.layers.2.to_local_embed.0.bias",
        "pretransform.model.decoder.layers.3.transformers.0.self_attn.to_qkv.weight",
        "pretransform.model.bottleneck.running_std",
        "conditioner.conditioners.prompt.padding_embedding",
        "conditioner.conditioners.seconds_total.embedder.embedding.1.weight",
    ):
        assert name in tensors, name
    assert sum(tensor.numel() for tensor in tensors.values()) == mini_3().spec.parameters


def test_its_autoencoder_keeps_what_is_loud_and_when(mini: StableAudioGenerator) -> None:
    """`evalkit codec` and sounds to start from pass through it."""
    rng = np.random.default_rng(0)
    steps = np.repeat([0.0, 0.3, 0.0, 0.03, 0.3], 12800).astype(np.float32)
    noise = (steps * rng.standard_normal(len(steps))).astype(np.float32)
    back = mini.autoencoder("cpu", "float32").rebuild(noise[None], None)[0]
    quiet, loud, silent, soft, again = (float(part.std()) for part in back.reshape(5, -1)[:, 1280:-1280])
    assert max(quiet, silent) < soft < min(loud, again)
    assert 0.05 < loud < 1
