"""What a checkpoint says of itself, and that the published sizes are the built ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from evalkit_checkpoints import small_config, write_folder

from evalkit.checkpoints.find import open_checkpoint
from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.generators.stable_audio.generator import open_1_0, open_small, version_1
from evalkit.generators.stable_audio.specs import CONFIGS, describe, describe_random, known_config
from evalkit.generators.stable_audio.variants import VARIANTS
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.model import StableAudio

OPEN = VARIANTS["stable-audio"]


def changed(tmp_path: Path, **changes: Any) -> Path:
    config = small_config()
    config["model"]["diffusion"].update(changes.pop("diffusion", {}))
    return write_folder(tmp_path / "run", config) if not changes else written(tmp_path / "run", {**config, **changes})


def written(folder: Path, config: dict[str, Any]) -> Path:
    write_folder(folder)
    (folder / "model_config.json").write_text(json.dumps(config))
    return folder


def test_rate_window_and_channels_are_the_checkpoints(tmp_path: Path) -> None:
    spec = describe(OPEN, open_checkpoint(changed(tmp_path)), {})
    assert (spec.name, spec.sample_rate, spec.channels) == ("stable-audio@run", 8000, 2)
    assert spec.window_seconds == spec.max_seconds == 40960 / 8000
    assert spec.presets == OPEN.spec.presets
    assert spec.needs == ("clap-mini",)
    assert not spec.gated
    assert spec.parameters is not None and spec.parameters > 1e6


def test_a_flow_gets_a_flows_presets(tmp_path: Path) -> None:
    """DPM-Solver++ on a rectified flow makes noise, and nothing would say so."""
    flow = describe(OPEN, open_checkpoint(changed(tmp_path, diffusion={"diffusion_objective": "rectified_flow"})), {})
    assert flow.presets[flow.default_preset]["sampler"] == "euler"
    distilled = describe(OPEN, open_checkpoint(changed(tmp_path, diffusion={"diffusion_objective": "rf_denoiser"})), {})
    assert distilled.presets == open_small().spec.presets


@pytest.mark.parametrize("key", ["sample_rate", "sample_size", "audio_channels"])
@pytest.mark.parametrize("value", ["44100", 0, -1, 2.5, True, None, 10**10])
def test_a_config_with_an_impossible_number_is_refused(tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(BadCheckpoint, match=key):
        describe(OPEN, open_checkpoint(written(tmp_path / "run", {**small_config(), key: value})), {})


def test_a_lone_file_gives_its_name_and_a_standard_one_its_folders(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "run")
    assert describe(OPEN, open_checkpoint(folder / "model.safetensors"), {}).name == "stable-audio@run"
    (folder / "model.safetensors").rename(folder / "step-100.safetensors")
    assert describe(OPEN, open_checkpoint(folder / "step-100.safetensors"), {}).name == "stable-audio@step-100"


@pytest.mark.parametrize("name", sorted(name for name in VARIANTS if not name.endswith("mini")))
def test_stated_parameters_window_and_kind_are_those_of_the_published_config(name: str) -> None:
    variant = VARIANTS[name]
    config = json.loads((CONFIGS / f"{name}.json").read_text())
    parsed = parse(config, name)
    with torch.device("meta"):
        model = StableAudio(parsed)
    assert sum(parameter.numel() for parameter in model.parameters()) == variant.spec.parameters
    assert parsed.window_seconds == variant.spec.window_seconds
    assert (parsed.sample_rate, parsed.objective) == (variant.spec.sample_rate, variant.objective)
    assert config["model"]["diffusion"]["type"] == variant.backbone
    assert describe_random(variant, known_config(variant, None, {})).size == "random"


def test_another_model_in_the_published_ones_place_is_refused(tmp_path: Path) -> None:
    """It would be scored under the published name, or fail item by item for its rate."""
    generator = open_1_0({"stable-audio": write_folder(tmp_path / "a")})
    with pytest.raises(BadCheckpoint, match="is not stable-audio: 8000 Hz") as error:
        generator.load("cpu", "float32")
    assert "--checkpoint" in error.value.hint


def test_random_weights_of_another_config_have_another_identity(tmp_path: Path) -> None:
    one = open_1_0(checkpoint=written(tmp_path / "a", small_config()), random_weights=True).spec
    other = open_1_0(checkpoint=written(tmp_path / "b", {**small_config(), "sample_rate": 16000}), random_weights=True)
    published = open_1_0(random_weights=True).spec
    assert len({one.weights, other.spec.weights, published.weights}) == 3
    assert published.sample_rate == 44100


def sized(tmp_path: Path, size: int, **changes: Any) -> Path:
    return written(tmp_path / "run", {**small_config(), "sample_size": size, **changes})


@pytest.mark.parametrize(
    ("size", "window"), [(40960, 40960), (40961, 40960), (41087, 40960), (41088, 41088), (128, 128)]
)
def test_the_window_is_what_the_network_makes(tmp_path: Path, size: int, window: int) -> None:
    """Whole latents, of 128 samples here. Announced as 41087, prompts of that length failed after they were sampled."""
    spec = describe(OPEN, open_checkpoint(sized(tmp_path, size)), {})
    assert round(spec.max_seconds * 8000) == window and spec.window_seconds == spec.max_seconds
    assert parse({**small_config(), "sample_size": size}, "x").window_seconds == spec.max_seconds
    told = [note for note in spec.notes if "no multiple of the 128" in note]
    assert bool(told) == (size != window), spec.notes


def test_a_window_of_no_latent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="less than one"):
        describe(OPEN, open_checkpoint(sized(tmp_path, 127)), {})


def test_channels_need_not_be_stated_and_are_the_autoencoders(tmp_path: Path) -> None:
    """stable-audio-tools takes 2 where `audio_channels` is absent; what disagrees with the network would fail item by
    item."""
    config = small_config()
    del config["audio_channels"]
    assert describe(OPEN, open_checkpoint(written(tmp_path / "run", config)), {}).channels == 2
    with pytest.raises(BadCheckpoint, match="audio_channels is 1, and its autoencoder makes 2"):
        describe(OPEN, open_checkpoint(written(tmp_path / "mono", {**config, "audio_channels": 1})), {})


def test_what_a_checkpoint_was_read_by_is_told(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "run")
    (note,) = describe(OPEN, open_checkpoint(folder), {}).notes
    assert note == f"{folder / 'model.safetensors'}: read by {folder / 'model_config.json'}"
    torch.save({"state_dict": {"w": torch.zeros(2)}, "model_config": small_config()}, tmp_path / "x.ckpt")
    assert describe(OPEN, open_checkpoint(tmp_path / "x.ckpt"), {}).notes[0].endswith("its own config, inside it")


def test_a_published_models_files_of_another_window_are_refused(tmp_path: Path) -> None:
    """Every long item would fail, one by one, after it was sampled."""
    small = OPEN.spec.sample_rate, 2
    config = {**small_config(), "sample_rate": small[0]}
    generator = open_1_0({"stable-audio": write_folder(tmp_path / "a", config)})
    with pytest.raises(BadCheckpoint, match=r"0\.928798 s.*instead of.*47\.5545 s"):
        generator.load("cpu", "float32")


@pytest.mark.parametrize(
    ("start", "words"), [(65, "seconds from 0 to 64"), (30.0, ""), (64, ""), (0.5, ""), (1e9, "seconds from 0 to 64")]
)
def test_seconds_start_is_of_the_models_own_range(tmp_path: Path, start: float, words: str) -> None:
    """Beyond its range a conditioner clamps in silence."""
    generator = open_1_0(checkpoint=write_folder(tmp_path / "a"))
    options = {**generator.spec.presets["fast"], "seconds_start": start}
    if words:
        with pytest.raises(UserError, match=words):
            generator.check_options(options)
    else:
        generator.check_options(options)


def test_seconds_start_is_refused_where_a_model_is_not_told_of_it() -> None:
    """Open Small knows the length alone; Stable Audio 1.0 knows whole seconds."""
    small, first = open_small(), version_1()
    with pytest.raises(UserError, match="no effect: stable-audio-open-small"):
        small.check_options({**small.spec.presets["card"], "seconds_start": 3})
    with pytest.raises(UserError, match="whole seconds from 0 to 512"):
        first.check_options({**first.spec.presets["paper"], "seconds_start": 2.5})
    first.check_options({**first.spec.presets["paper"], "seconds_start": 2})
