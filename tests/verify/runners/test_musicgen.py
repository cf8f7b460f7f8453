"""The runner of MusicGen: a fake model's answers, by transformers' processor and model as their tests call them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evalkit_baselines import small_musicgen
from transformers import (
    AutoTokenizer,
    EncodecFeatureExtractor,
    MusicgenForConditionalGeneration,
    MusicgenProcessor,
    set_seed,
)

from evalkit.verify.signals import beep

TEXTS = ["word3 word5 word7", "word9"]
GUIDANCE = 40.0
"""So much that what a small network reads decides its tokens."""

NAMES = {"musicgen-small": 1, "musicgen-stereo-small": 2}


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_musicgen(tmp_path_factory.mktemp("hub") / name, channels=NAMES[name])


@pytest.fixture(scope="module")
def cases(name: str, folder: Path) -> list[tuple[Any, ...]]:
    """Every kind of case in transformers' MusicgenIntegrationTests, and what transformers says."""
    model = MusicgenForConditionalGeneration.from_pretrained(folder).eval()
    channels = NAMES[name]
    extract = EncodecFeatureExtractor(feature_size=channels, sampling_rate=32000, padding_side="left")
    process = MusicgenProcessor(extract, AutoTokenizer.from_pretrained(folder))
    sounds = [beep(seconds, 32000) for seconds in (0.5, 1.0)]
    sounds = sounds if channels == 1 else [each[None, :].repeat(2, 0) for each in sounds]
    words = process(text=TEXTS, padding=True, return_tensors="pt")
    both = process(audio=sounds, text=TEXTS, sampling_rate=32000, padding=True, return_tensors="pt")
    start = torch.full((2 * 4 * channels, 1), 32)
    told: dict[str, Any] = {"texts": TEXTS}
    heard = {**told, "beeps": [0.5, 1.0]}
    with torch.no_grad():
        logits = model(**words, decoder_input_ids=start).logits
        nothing = model.get_unconditional_inputs(num_samples=1)
        greedy = {"do_sample": False, "max_new_tokens": 6}
        silent = model.generate(**nothing, **greedy)
        plain = model.generate(**words, **greedy, guidance_scale=None)
        guided = model.generate(**words, **greedy, guidance_scale=GUIDANCE)
        longer = model.generate(**both, **greedy, guidance_scale=GUIDANCE)
        set_seed(0)
        drawn = model.generate(**model.get_unconditional_inputs(num_samples=2), do_sample=True, max_new_tokens=6)
    assert not np.allclose(plain, guided, atol=1e-3) and not np.allclose(silent[0], plain[0], atol=1e-3)

    def case(what: str, given: dict[str, Any], output: str, whole: torch.Tensor) -> tuple[Any, ...]:
        part = eval(f"whole{output}")  # the test's own slices
        return what, given, output, part.numpy(), {"shape": list(whole.shape)}

    # The plain forward pass of transformers takes no stereo sound.
    continued = [case("logits of sound", heard, "[0, -1, :16]", model(**both).logits.detach())] if channels == 1 else []
    return [
        *continued,
        case("logits", told, "[0, 0, :16]", logits),
        case("nothing", {"unconditional": 1, "tokens": 6}, "[0, :, :16]", silent),
        case("texts", {**told, "tokens": 6}, "[0, :, :16]", plain),
        case("guided", {**told, "tokens": 6, "guidance": GUIDANCE}, "[0, :, :16]", guided),
        case("sound", {**heard, "tokens": 6, "guidance": GUIDANCE}, "[0, :, -16:]", longer),
        case("drawn", {"unconditional": 2, "tokens": 6, "seed": 0}, "[0, :, :16]", drawn),
    ]


def test_it_meets_the_answers_of_transformers(
    held: Callable[..., Any], name: str, folder: Path, cases: list[tuple[Any, ...]]
) -> None:
    found = held("musicgen", name, cases, folder)
    assert [each.result for each in found if each.result not in ("equal", "near")] == [], found
    assert len(found) == len(cases)


def test_one_changed_weight_is_wrong(
    held: Callable[..., Any], changed: Callable[..., Path], name: str, folder: Path, cases: list[tuple[Any, ...]]
) -> None:
    """In the codec's decoder, which every sound goes through, and in the language model, which the logits do."""
    other = changed(folder, "model.safetensors", "audio_encoder.decoder.layers.0.conv.bias", 1)
    results = {each.what: each.result for each in held("musicgen", name, cases, other)}
    assert {results[what] for what in ("nothing", "texts", "guided", "sound")} == {"wrong"}, results
    other = changed(folder, "model.safetensors", "decoder.lm_heads.0.weight", 5)
    results = {each.what: each.result for each in held("musicgen", name, cases, other)}
    assert {results[what] for what in results if what.startswith("logits")} == {"wrong"}, results
