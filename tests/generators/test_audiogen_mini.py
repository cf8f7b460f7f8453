"""audiogen-mini as it ships: through the adapter of the full-size model, without any download."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from evalkit_baselines import same

from evalkit.fetch.weights import locate
from evalkit.generators.base import GENERATORS, Generator

SIZES = {
    "text_encoder": ("d_model", "d_kv", "d_ff", "num_layers", "num_heads"),
    "audio_encoder": ("sampling_rate", "upsampling_ratios", "num_filters", "hidden_size", "codebook_size", "pad_mode"),
    "decoder": ("hidden_size", "num_hidden_layers", "num_attention_heads", "ffn_dim", "num_codebooks", "pad_token_id"),
}
TEXTS = ["a dog barking", "Heavy rain, then a rooster crowing far away", "a chainsaw"]


@pytest.fixture(scope="module")
def loaded() -> Generator:
    generator: Generator = GENERATORS.load("audiogen-mini")()
    generator.load("cpu", "float32")
    return generator


@pytest.mark.parametrize("seconds", [1.0, 3.7, 10.0])
def test_sounds_are_as_long_as_was_asked(loaded: Generator, seconds: float) -> None:
    """3.7 s are 92.5 frames, 10 s two windows and a bit."""
    made = loaded.generate(TEXTS[:1], [seconds], [7], loaded.spec.presets["card"])
    assert (made.sample_rate, loaded.spec.sample_rate, loaded.spec.channels) == (16000, 16000, 1)
    assert made.audio[0].shape == (1, round(seconds * 16000))
    assert np.isfinite(made.audio[0]).all() and made.audio[0].std() > 1e-4


def test_a_seed_makes_one_sound_alone_or_beside_others(loaded: Generator) -> None:
    options = loaded.spec.presets["card"]
    together = loaded.generate(TEXTS, [2.0, 2.0, 2.0], [1, 2, 3], options).audio
    for index, text in enumerate(TEXTS):
        assert same(loaded.generate([text], [2.0], [index + 1], options).audio[0], together[index], 1e-4)
    assert not same(loaded.generate(TEXTS[:1], [2.0], [9], options).audio[0], together[0], 1e-2)


def test_it_is_listed_as_ready(evalkit: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = evalkit("models", "audiogen-mini", "--json")
    facts = json.loads(out)
    assert code == 0
    assert (facts["weights_here"], facts["size"], facts["family"]) == ("here", "mini", "audiogen")


def test_the_folder_is_small_and_of_the_recipe_s_form() -> None:
    """Its sizes are those that the recipe trains: otherwise the recipe beside it makes another model."""
    from evalkit.mini.train_audiogen import config

    folder = locate("audiogen-mini", {})
    assert sum(file.stat().st_size for file in folder.iterdir()) < 9e6
    shipped = json.loads((folder / "config.json").read_text())
    wanted = config(shipped["text_encoder"]["vocab_size"]).to_dict()
    for part, names in SIZES.items():
        assert {name: shipped[part][name] for name in names} == {name: wanted[part][name] for name in names}
