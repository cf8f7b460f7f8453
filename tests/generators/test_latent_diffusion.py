"""AudioLDM and AudioLDM2 through diffusers: the pipelines' own sounds, exact lengths, and no neighbour's hand in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evalkit_baselines import same, small_audioldm, small_audioldm2
from safetensors.torch import load_file, save_file

from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError
from evalkit.generators.base import GENERATORS, Generator

OPTIONS = {"steps": 3, "cfg": 2.5}
TEXTS = ["word3 word4", "word5 word6 word7 word8"]
MAKERS = {"audioldm-s": small_audioldm, "audioldm2": small_audioldm2}


@pytest.fixture(scope="module", params=list(MAKERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return MAKERS[name](tmp_path_factory.mktemp(name))


@pytest.fixture(scope="module")
def loaded(folder: Path, name: str) -> Generator:
    generator: Generator = GENERATORS.load(name)({name: folder})
    generator.load("cpu", "float32")
    return generator


def pipeline(generator: Generator) -> Any:
    return generator._adapter.pipe  # type: ignore[attr-defined]


def test_a_prompt_alone_sounds_as_the_pipeline_makes_it(loaded: Generator, name: str) -> None:
    """The published figures are the pipelines'; what is done around them must change nothing."""
    theirs = pipeline(loaded)(
        TEXTS[1],
        audio_length_in_s=1.0,
        num_inference_steps=3,
        guidance_scale=2.5,
        generator=torch.Generator().manual_seed(5),
        **({"max_new_tokens": 8} if name == "audioldm2" else {}),
    ).audios[0]
    ours = loaded.generate(TEXTS[1:], [1.0], [5], OPTIONS).audio[0]
    assert np.abs(theirs).max() > 1e-3
    assert same(ours[0], theirs, 1e-4)


@pytest.mark.parametrize("seconds", [1.0, 3.7, 10.0, 10.24])
def test_sounds_are_as_long_as_was_asked(loaded: Generator, seconds: float) -> None:
    made = loaded.generate(TEXTS[:1], [seconds], [7], OPTIONS | {"steps": 1})
    assert made.sample_rate == 16000 == loaded.spec.sample_rate
    assert made.audio[0].shape == (1, round(seconds * 16000))
    assert np.isfinite(made.audio[0]).all() and made.audio[0].any()
    assert set(made.timings) == {"text", "sample", "decode"} and min(made.timings.values()) > 0


def test_a_sound_is_the_same_beside_any_other(loaded: Generator) -> None:
    """AudioLDM2's language model counts positions over the padding that a longer neighbour brings."""
    together = loaded.generate([*TEXTS, TEXTS[0]], [1.0, 1.0, 1.48], [1, 2, 3], OPTIONS).audio
    alone = loaded.generate([TEXTS[0]], [1.0], [1], OPTIONS).audio[0]
    assert same(together[0], alone, 1e-4)
    assert not same(together[0], together[2][:, :16000]), "the seed must count"


def test_without_guidance_no_empty_prompt_is_needed(loaded: Generator) -> None:
    made = loaded.generate(TEXTS, [1.0, 1.0], [1, 2], OPTIONS | {"cfg": 1})
    assert all(np.isfinite(clip).all() for clip in made.audio)


@pytest.mark.parametrize("change", [{"steps": 0}, {"steps": 2.5}, {"cfg": 0.5}, {"cfg": "much"}])
def test_options_out_of_range_are_refused(loaded: Generator, change: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(change))):
        loaded.generate(TEXTS[:1], [1.0], [1], OPTIONS | change)


@pytest.mark.parametrize("part", ["unet", "vocoder"])
@pytest.mark.parametrize("how", ["truncated", "lacking", "absent"])
def test_a_broken_folder_is_one_clear_line(name: str, tmp_path: Path, part: str, how: str) -> None:
    """diffusers and transformers draw at random what a file lacks, with a warning among their others."""
    folder = MAKERS[name](tmp_path)
    (file,) = (folder / part).glob("*.safetensors")
    if how == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    elif how == "lacking":
        save_file(dict(list(load_file(file).items())[1:]), file, metadata={"format": "pt"})
    else:
        (folder / part / "config.json").unlink()
    with pytest.raises((BadCheckpoint, MissingWeights), match=str(folder / part)) as error:
        GENERATORS.load(name)({name: folder}).load("cpu", "float32")
    assert "\n" not in error.value.message
