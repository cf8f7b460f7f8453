"""MusicGen's loop: what transformers' own makes without drawing, and what it cannot do: seeds per item, long sounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evalkit_baselines import same, small_musicgen

from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.generators.base import GENERATORS, Generator
from evalkit.generators.codec_lm import Drawing, draw

OPTIONS = {"top_k": 8, "temperature": 1.0, "cfg": 3.0}
GREEDY = OPTIONS | {"temperature": 0.0}
TEXTS = ["word3 word4", "word5 word6 word7 word8"]


@pytest.fixture(scope="module", params=[1, 2], ids=["mono", "stereo"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield small_musicgen(tmp_path_factory.mktemp("musicgen"), request.param)


@pytest.fixture(scope="module")
def name(folder: Path) -> str:
    return "musicgen-stereo-small" if stereo(folder) else "musicgen-small"


def stereo(folder: Path) -> bool:
    from transformers import MusicgenConfig

    return bool(MusicgenConfig.from_pretrained(folder).decoder.audio_channels == 2)


@pytest.fixture(scope="module")
def loaded(folder: Path, name: str) -> Generator:
    generator: Generator = GENERATORS.load(name)({name: folder})
    generator.load("cpu", "float32")
    return generator


def inner(generator: Generator) -> Any:
    return generator._adapter  # type: ignore[attr-defined]


@torch.inference_mode()
def test_without_drawing_it_makes_what_transformers_makes(loaded: Generator) -> None:
    """Delays, guidance, masks of two prompts of different length, and 50 tokens a second with 3 for the delays."""
    lm = inner(loaded)
    words = lm._tokenizer(TEXTS, padding=True, return_tensors="pt")
    theirs = lm._model.generate(**words, max_new_tokens=50 + 3, do_sample=False, guidance_scale=3.0)
    ours = loaded.generate(TEXTS, [1.0, 1.0], [1, 2], GREEDY).audio
    assert theirs.shape[-1] == 32000 and theirs.std() > 1e-2
    assert same(np.stack(ours), theirs.numpy())


@pytest.mark.parametrize("seconds", [1.0, 3.7, 10.0])
def test_sounds_are_as_long_as_was_asked(loaded: Generator, seconds: float) -> None:
    made = loaded.generate(TEXTS[:1], [seconds], [7], OPTIONS)
    assert made.sample_rate == 32000 == loaded.spec.sample_rate
    assert made.audio[0].shape == (loaded.spec.channels, round(seconds * 32000))
    assert np.isfinite(made.audio[0]).all() and made.audio[0].any()
    assert set(made.timings) == {"text", "sample", "decode"}


def test_a_sound_is_the_same_beside_any_other(loaded: Generator) -> None:
    """transformers' own sampling draws for the whole batch at once, so that a neighbour decides a sound."""
    together = loaded.generate([*TEXTS, TEXTS[0]], [1.0, 1.0, 1.5], [1, 2, 3], OPTIONS).audio
    alone = loaded.generate([TEXTS[0]], [1.0], [1], OPTIONS).audio[0]
    assert same(together[0], alone)
    assert not same(together[0], together[2][:, :32000]), "the seed must count"


def test_beyond_the_window_a_sound_goes_on(loaded: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """As audiocraft does it: each window begins with what the last one made after its stride, and adds the rest."""
    lm = inner(loaded)
    monkeypatch.setattr(lm, "_window", 20)
    monkeypatch.setattr(lm, "_stride", 12)
    windows: list[tuple[int, int]] = []
    plain = lm.window

    def watched(told: Any, frames: int, generators: Any, drawing: Any, prompt: Any = None) -> torch.Tensor:
        windows.append((frames, 0 if prompt is None else prompt.shape[-1]))
        codes: torch.Tensor = plain(told, frames, generators, drawing, prompt)
        assert prompt is None or torch.equal(codes[..., : prompt.shape[-1]], prompt)
        return codes

    monkeypatch.setattr(lm, "window", watched)
    made = loaded.generate(TEXTS[:1], [1.0], [1], OPTIONS).audio[0]
    assert windows == [(20, 0), (20, 8), (20, 8), (14, 8)]
    assert made.shape[-1] == 32000


def test_an_empty_prompt_is_no_prompt(loaded: Generator) -> None:
    """audiocraft shuts the text out there; read as a word, it would be guided away from itself."""
    told = inner(loaded).encode(["", TEXTS[0]])
    assert not told.states[0].any() and told.states[1].any()
    assert np.isfinite(loaded.generate([""], [1.0], [1], OPTIONS).audio[0]).all()


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    """And never one that is not among the likeliest."""
    logits = torch.tensor([0.0, 1.0, 2.0, 3.0]).expand(4000, 1, 4)
    generators = [torch.Generator().manual_seed(seed) for seed in range(4000)]
    drawn = draw(logits, generators, Drawing(top_k=3, temperature=0.5))
    shares = torch.bincount(drawn.flatten(), minlength=4) / 4000
    wanted = torch.softmax(torch.tensor([-torch.inf, 2.0, 4.0, 6.0]), dim=0)
    assert torch.allclose(shares, wanted, atol=0.02)
    assert shares[0] == 0


@pytest.mark.parametrize("change", [{"top_k": -1}, {"top_k": 1.5}, {"temperature": -1}, {"cfg": "much"}])
def test_options_out_of_range_are_refused(loaded: Generator, change: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(change))):
        loaded.generate(TEXTS[:1], [1.0], [1], OPTIONS | change)


def test_a_folder_of_another_rate_or_of_other_channels_is_refused(folder: Path, name: str) -> None:
    """Every item would fail for its shape, one by one, after hours of sampling."""
    other = "musicgen-small" if name != "musicgen-small" else "musicgen-stereo-small"
    with pytest.raises(BadCheckpoint, match=f"is not {other}"):
        GENERATORS.load(other)({other: folder}).load("cpu", "float32")
