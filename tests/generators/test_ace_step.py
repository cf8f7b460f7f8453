"""ACE-Step 1.5 through diffusers: the pipeline's own sounds, exact lengths, lyrics, and no neighbour's hand in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evalkit_baselines import same, small_ace_step
from safetensors.torch import load_file, save_file

from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError
from evalkit.generators.base import GENERATORS, Generator

OPTIONS = {"steps": 2, "shift": 3.0, "peak_db": -1.0}
TEXTS = ["word3 word4", "word5 word6 word7 word8"]
SUNG = "word11 word12\nword13"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_ace_step(tmp_path_factory.mktemp("ace-step"))


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Any:
    return load(folder)


def load(folder: Path, name: str = "ace-step-1.5") -> Generator:
    generator: Generator = GENERATORS.load(name)({name: folder})
    generator.load("cpu", "float32")
    return generator


def test_a_prompt_sounds_as_the_pipeline_makes_it(loaded: Any) -> None:
    """Template, times, steps and level are the pipeline's; what is done around them must change nothing."""
    theirs = loaded._adapter.pipe(
        [TEXTS[0]],
        lyrics=[SUNG],
        audio_duration=10.0,
        num_inference_steps=2,
        guidance_scale=1.0,
        generator=torch.Generator().manual_seed(5),
    ).audios[0]
    ours = loaded.generate(TEXTS[:1], [10.0], [5], OPTIONS, [SUNG]).audio[0]
    assert same(ours, theirs, 1e-4) and abs(np.abs(ours).max() - 10 ** (-1 / 20)) < 1e-5


@pytest.mark.parametrize("seconds", [0.5, 5.0, 10.0, 10.04, 12.3456])
def test_sounds_are_as_long_as_was_asked(loaded: Any, seconds: float) -> None:
    made = loaded.generate(TEXTS[:1], [seconds], [7], OPTIONS | {"steps": 1})
    assert made.sample_rate == 48000 == loaded.spec.sample_rate
    assert made.audio[0].shape == (2, round(seconds * 48000))
    assert np.isfinite(made.audio[0]).all() and made.audio[0].any()
    assert set(made.timings) == {"text", "sample", "decode"} and min(made.timings.values()) > 0


def test_a_shorter_sound_is_the_beginning_of_the_shortest(loaded: Any) -> None:
    """The model was made for ten seconds and more: five are not asked of it."""
    five, ten = (loaded.generate(TEXTS[:1], [each], [3], OPTIONS).audio[0] for each in (5.0, 10.0))
    assert np.array_equal(five, ten[:, : 5 * 48000])


def test_a_sound_is_the_same_beside_any_other(loaded: Any) -> None:
    """The transformer attends to the padding that a longer neighbour brings, in the pipeline."""
    both = loaded.generate(TEXTS, [10.0, 10.0], [1, 2], OPTIONS, ["", SUNG]).audio
    alone = loaded.generate(TEXTS[:1], [10.0], [1], OPTIONS).audio[0]
    assert np.array_equal(both[0], alone) and not same(both[0], both[1])


def test_lyrics_count_and_none_are_the_pipelines_default(loaded: Any) -> None:
    silent, empty, sung = (
        loaded.generate(TEXTS[:1], [10.0], [1], OPTIONS, *told).audio[0] for told in ((), ([""],), ([SUNG],))
    )
    assert np.array_equal(silent, empty) and not same(silent, sung, 1e-3)


def test_what_would_be_cut_off_is_no_sound(loaded: Any) -> None:
    """The pipeline cuts a long prompt's template, and with it the length, without a word."""
    with pytest.raises(ValueError, match="2048"):
        loaded.generate(TEXTS[:1], [10.0], [1], OPTIONS, ["word1 " * 2050])
    with pytest.raises(ValueError, match="256"):
        loaded.generate(["word1 " * 260], [10.0], [1], OPTIONS)


def test_pieces_of_a_long_sound_are_the_whole(loaded: Any) -> None:
    vae = loaded._adapter.pipe.vae
    latents = torch.randn((1, 4, 540), generator=torch.Generator().manual_seed(1))
    pieces = vae.decode(latents).sample
    vae.disable_tiling()
    try:
        assert vae.use_tiling is False and same(pieces, vae.decode(latents).sample, 1e-5)
    finally:
        vae.enable_tiling()


def test_without_a_level_a_sound_stays_as_it_was_decoded(loaded: Any) -> None:
    level, none = (
        loaded.generate(TEXTS[:1], [10.0], [1], OPTIONS | {"peak_db": each}).audio[0] for each in (-6, "none")
    )
    assert abs(np.abs(level).max() - 10 ** (-6 / 20)) < 1e-5
    assert same(level / np.abs(level).max(), none / np.abs(none).max(), 1e-4)


def test_the_base_model_is_guided(tmp_path: Path) -> None:
    base = load(small_ace_step(tmp_path, turbo=False), "ace-step-1.5-base")
    plain, guided = (base.generate(TEXTS[:1], [10.0], [1], OPTIONS | {"cfg": cfg}).audio[0] for cfg in (1, 7.0))
    assert plain.shape == guided.shape and not same(plain, guided, 1e-3)


def test_all_options_out_of_range_are_told_at_once(loaded: Any) -> None:
    wrong = {"steps": 0, "shift": -1, "cfg": "much", "language": "English!", "peak_db": 3}
    with pytest.raises(UserError) as error:
        loaded.check_options(wrong)
    assert all(each in str(error.value) for each in wrong)


@pytest.mark.parametrize(("turbo", "name", "way"), [(True, "-base", "ace-step-1.5"), (False, "", "ace-step-1.5-base")])
def test_another_variant_is_refused(tmp_path: Path, turbo: bool, name: str, way: str) -> None:
    """Guided, a distilled model is noise; unguided, the base one is."""
    with pytest.raises(BadCheckpoint) as error:
        load(small_ace_step(tmp_path, turbo), f"ace-step-1.5{name}")
    assert error.value.hint == f"run it as {way}"


@pytest.mark.parametrize("part", ["transformer", "condition_encoder"])
def test_a_broken_folder_is_one_clear_line(tmp_path: Path, part: str) -> None:
    folder = small_ace_step(tmp_path)
    (file,) = (folder / part).glob("*.safetensors")
    whole = load_file(file)
    for how in ("lacking", "truncated"):
        if how == "lacking":
            save_file(dict(list(whole.items())[1:]), file, metadata={"format": "pt"})
        else:
            file.write_bytes(file.read_bytes()[:-100])
        with pytest.raises(BadCheckpoint, match=str(folder / part)) as error:
            load(folder)
        assert "\n" not in error.value.message
    for absent in (part, "vae"):
        (folder / absent / "config.json").unlink()
    with pytest.raises(MissingWeights, match=rf"{part}/config.json.*vae/config.json"):
        load(folder)


def test_a_silence_that_was_not_converted_is_refused(tmp_path: Path) -> None:
    folder = small_ace_step(tmp_path)
    (file,) = (folder / "condition_encoder").glob("*.safetensors")
    tensors = load_file(file)
    tensors["silence_latent"] = torch.zeros_like(tensors["silence_latent"])
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(BadCheckpoint, match="silence"):
        load(folder)


def test_the_publishers_own_layout_says_where_the_other_is(tmp_path: Path) -> None:
    (tmp_path / "acestep-v15-turbo").mkdir()
    (tmp_path / "acestep-v15-turbo" / "config.json").write_text(json.dumps({"is_turbo": True}))
    with pytest.raises(MissingWeights) as error:
        load(tmp_path)
    assert "-diffusers" in error.value.hint
