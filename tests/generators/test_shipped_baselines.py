"""The minis of other families as they ship: through the adapters of the full-size models, without any download."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from evalkit_baselines import same

from evalkit.generators.base import GENERATORS, Generator, Options

SHORTER: dict[str, Options] = {"audiogen-mini": {}, "audioldm-mini": {"steps": 4}}
"""What a test changes in the preset, so that it takes seconds."""


@pytest.fixture(scope="module", params=SHORTER)
def mini(request: pytest.FixtureRequest) -> Generator:
    """As a user gets it: no path, no weights of one's own."""
    generator: Generator = GENERATORS.load(request.param)()
    generator.load("cpu", "float32")
    return generator


@pytest.fixture(scope="module")
def options(mini: Generator) -> Options:
    return dict(mini.spec.presets["card"]) | dict(SHORTER[mini.spec.name])


@pytest.mark.parametrize("seconds", [1.0, 3.7, 10.0])
def test_sounds_are_as_long_as_was_asked(mini: Generator, options: Options, seconds: float) -> None:
    """For audiogen-mini 3.7 s are 92.5 frames, and 10 s two windows and a bit."""
    made = mini.generate(["a dog barking"], [seconds], [7], options)
    assert (made.sample_rate, mini.spec.sample_rate, mini.spec.channels) == (16000, 16000, 1)
    assert made.audio[0].shape == (1, round(seconds * 16000))
    assert np.isfinite(made.audio[0]).all() and made.audio[0].std() > 1e-4


def test_a_seed_makes_one_sound_alone_or_beside_others(mini: Generator, options: Options) -> None:
    texts = ["a dog barking", "Heavy rain, then a rooster crowing far away", "a clock"]
    lengths, seeds = [2.0, 2.0, 1.5], [1, 2, 3]
    together = mini.generate(texts, lengths, seeds, options).audio
    alone = [
        mini.generate([text], [length], [seed], options).audio[0]
        for text, length, seed in zip(texts, lengths, seeds, strict=True)
    ]
    assert all(same(*pair, 1e-4) for pair in zip(together, alone, strict=True))
    assert np.array_equal(alone[0], mini.generate(texts[:1], lengths[:1], seeds[:1], options).audio[0])
    assert not same(alone[0], mini.generate(texts[:1], lengths[:1], [9], options).audio[0], 0.1)


def test_it_is_listed_as_ready(mini: Generator, evalkit: Callable[..., tuple[int, str, str]]) -> None:
    """With nothing under EVALKIT_HOME, beside the full models, which are missing."""
    code, out, _ = evalkit("models", "--json")
    found = {each["name"]: each for each in json.loads(out)}
    facts = found[mini.spec.name]
    assert (code, facts["weights_here"], facts["size"], facts["family"]) == (0, "here", "mini", mini.spec.family)
    assert found["audioldm-s"]["weights_here"] == "missing"
