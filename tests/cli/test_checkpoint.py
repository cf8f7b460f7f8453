"""`--checkpoint` and `--random-weights` as typed: what works, and one clear line with exit 2 for what cannot."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from evalkit_checkpoints import seeded, small_config, small_unet_config, write_folder
from safetensors.torch import save_file

Answer = tuple[int, str, str]


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    return seeded(small_config())


def generate(path: Path | str, *further: str, out: str = "made") -> tuple[str, ...]:
    words = ("generate", "--model", "stable-audio", "--checkpoint", str(path), "--limit", "1", "--out", out)
    return (*words, "--preset", "fast", "--set", "steps=1", *further)


def record(folder: str = "made") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(folder) / "run.json").read_text())
    return content


def test_a_checkpoint_of_ones_own_runs_under_its_own_name(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    """Its sounds must not be filed under the published model's name."""
    folder = write_folder(tmp_path / "my-run")
    code, out, err = evalkit(*generate(folder))
    assert code == 0, err
    assert "stable-audio@my-run" in out
    model = record()["model"]
    assert (model["name"], model["sample_rate"], len(model["weights"])) == ("stable-audio@my-run", 8000, 64)


def test_the_same_model_in_every_layout_makes_the_same_sound(
    evalkit: Callable[..., Answer], tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    """Exported, or straight from training with the moving average that its authors listened to."""
    folder = write_folder(tmp_path / "a")
    raw = {f"diffusion.{name}": tensor for name, tensor in tensors.items()}
    average = {}
    for name, tensor in tensors.items():
        if name.startswith("model."):
            average[f"diffusion_ema.ema_{name}"] = tensor
            raw[f"diffusion.{name}"] = torch.zeros_like(tensor)
    content = {"state_dict": {**raw, **average}, "model_config": small_config(), "epoch": 3}
    torch.save(content, tmp_path / "last.ckpt")
    sounds = []
    for number, place in enumerate((folder, tmp_path / "last.ckpt")):
        code, _, err = evalkit(*generate(place, out=f"made-{number}"))
        assert code == 0, err
        sounds.append(next((tmp_path / f"made-{number}" / "audio").iterdir()).read_bytes())
    assert sounds[0] == sounds[1]


def test_every_kind_of_the_family_runs_through_one_option(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    """The U-Net of 1.0 and the flow of Open Small, each with the settings that were published for its kind."""
    flow = small_config()
    flow["model"]["diffusion"]["diffusion_objective"] = "rf_denoiser"
    samplers = {"unet": (small_unet_config(), "dpmpp-2m-sde"), "flow": (flow, "pingpong")}
    for name, (config, sampler) in samplers.items():
        code, _, err = evalkit(*generate(write_folder(tmp_path / name, config), out=f"made-{name}"))
        assert code == 0, err
        assert record(f"made-{name}")["options"]["sampler"] == sampler


class Calls:
    """Pickled as a call of `os.system`."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.witness}",)


def broken(folder: Path, how: str, tensors: dict[str, torch.Tensor]) -> Path:
    """A checkpoint that is not whole, in the way that a download, a mix-up or an attacker makes one."""
    config, own = small_config(), dict(tensors)
    write_folder(folder, config)
    weights = folder / "model.safetensors"
    match how:
        case "truncated":
            weights.write_bytes(weights.read_bytes()[:-1000])
        case "error page":
            weights.write_text("<html>404</html>")
        case "shape":
            own["model.model.preprocess_conv.weight"] = torch.zeros(4, 3, 1)
            save_file(own, weights)
        case "conditioner":
            own = {name: t for name, t in own.items() if "seconds_start" not in name}
            save_file(own, weights)
        case "nan":
            own["model.model.postprocess_conv.weight"] = torch.full((4, 4, 1), float("nan"))
            save_file(own, weights)
        case "model type":
            config["model_type"] = "diffusion_uncond"
        case "network type":
            config["model"]["diffusion"]["type"] = "mamba"
        case "conditioner type":
            config["model"]["conditioning"]["configs"][1]["type"] = "phoneme"
        case "rate":
            config["sample_rate"] = "fast"
        case "no config":
            (folder / "model_config.json").unlink()
            return folder
        case "code":
            weights.unlink()
            torch.save({"state_dict": Calls(folder / "it-ran")}, folder / "model.ckpt")
        case "code before config":
            weights.unlink()
            (folder / "model_config.json").unlink()
            torch.save(Calls(folder / "it-ran"), folder / "model.ckpt")
            return folder
    (folder / "model_config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ("truncated", "not a whole safetensors file"),
        ("error page", "not a whole safetensors file"),
        ("shape", "model.model.preprocess_conv.weight is (4, 3, 1), expected (4, 4, 1)"),
        ("conditioner", "missing conditioner.conditioners.seconds_start.embedder.embedding.0.weights"),
        ("nan", "model.model.postprocess_conv.weight holds NaN"),
        ("model type", "'diffusion_uncond'"),
        ("network type", "'mamba'"),
        ("conditioner type", "'phoneme'"),
        ("rate", "sample_rate is 'fast'"),
        ("no config", "no model_config.json beside it"),
        ("code", "its pickle asks for"),
        ("code before config", "its pickle asks for"),
    ],
)
def test_a_bad_checkpoint_is_one_line_and_exit_2(
    evalkit: Callable[..., Answer], tmp_path: Path, tensors: dict[str, torch.Tensor], how: str, named: str
) -> None:
    folder = broken(tmp_path / "bad", how, tensors)
    code, out, err = evalkit(*generate(folder))
    told = [line for line in err.splitlines() if line.startswith("evalkit: ") and "to do" not in line]
    assert code == 2
    assert not out
    assert len(told) == 1
    assert named in told[0]
    assert str(folder) in told[0]
    assert "Traceback" not in err
    assert not (folder / "it-ran").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--model", "stable-audio", "--checkpoint", "absent"), "--checkpoint absent: no such file or folder"),
        (("--model", "mock", "--random-weights"), "--random-weights: model 'mock' does not take it"),
        (("--model", "mock", "--checkpoint", "."), "--checkpoint: model 'mock' does not take it"),
        (("--model", "stable-audio", "--checkpoint", "."), "holds no checkpoint"),
    ],
)
def test_an_option_in_vain_is_refused(evalkit: Callable[..., Answer], words: tuple[str, ...], named: str) -> None:
    code, _, err = evalkit("generate", *words)
    assert code == 2
    assert named in err


def test_one_checkpoint_is_not_two_models(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    write_folder(tmp_path / "a")
    code, _, err = evalkit("run", "--model", "stable-audio,mock", "--checkpoint", "a")
    assert code == 2
    assert "--checkpoint goes with one --model" in err


def test_random_weights_are_marked_wherever_they_go(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    """In the name, the size, the weights; and a folder of such sounds does not become a model by being scored."""
    folder = write_folder(tmp_path / "a")
    (folder / "model.safetensors").write_bytes(b"is not looked at")
    code, out, err = evalkit(*generate(folder, "--random-weights"))
    assert code == 0, err
    assert "stable-audio+random" in out
    assert "random weights: says nothing about the model" in out
    model = record()["model"]
    assert (model["name"], model["size"]) == ("stable-audio+random", "random")
    assert model["weights"].startswith("random:")

    from evalkit.run.config import RunConfig
    from evalkit.run.plan import make_plan

    plan = make_plan(RunConfig(model=f"folder:{tmp_path / 'made' / 'audio'}", limit=1))
    assert (plan.size, plan.model.size) == ("random", "random")
    assert plan.model.name.endswith("+random")


def test_a_window_of_part_of_a_latent_is_told_and_nothing_is_asked_beyond_it(
    evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    """41000 samples at 8000 Hz are 40960 in whole latents; what these do not make is refused at once, rather than
    after it was sampled."""
    folder = write_folder(tmp_path / "cut")
    (folder / "model_config.json").write_text(json.dumps({**small_config(), "sample_size": 41000}))
    code, out, err = evalkit(*generate(folder))
    assert code == 0, err
    told = "sample_size is 41000, no multiple of the 128 samples of a latent"
    assert told in out and "5.12 s" in out
    assert any(told in note for note in record()["model"]["notes"])
    (folder / "model_config.json").write_text(json.dumps({**small_config(), "sample_size": 2100}))
    code, out, err = evalkit(*generate(folder, out="short"))
    assert code == 2 and "makes at most 0.256 s" in err and not (tmp_path / "short").exists()


def test_which_config_was_taken_is_told(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    """Open Small's layout: the base model by its own config, with the sampler of its own objective."""
    folder = write_folder(tmp_path / "open-small")
    (folder / "model.safetensors").rename(folder / "base_model.safetensors")
    flow = small_config()
    for objective, name in (("rf_denoiser", "model_config"), ("rectified_flow", "base_model_config")):
        flow["model"]["diffusion"]["diffusion_objective"] = objective
        (folder / f"{name}.json").write_text(json.dumps(flow))
    code, out, err = evalkit(*generate(folder / "base_model.safetensors"))
    assert code == 0, err
    assert f"read by {folder / 'base_model_config.json'}" in out
    assert record()["options"]["sampler"] == "euler"
    (folder / "base_model_config.json").rename(folder / "other_config.json")
    code, out, err = evalkit(*generate(folder / "base_model.safetensors", out="second"))
    assert code == 2 and "model_config.json, other_config.json" in err


def test_where_a_sound_begins_is_told_to_the_model_and_part_of_the_run(
    evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "a")
    sounds, runs = [], []
    for number, further in enumerate(((), ("--set", "seconds_start=30"))):
        code, _, err = evalkit(*generate(folder, *further, out=f"made-{number}"))
        assert code == 0, err
        sounds.append(next((tmp_path / f"made-{number}" / "audio").iterdir()).read_bytes())
        runs.append(record(f"made-{number}"))
    assert sounds[0] != sounds[1]
    assert runs[0]["run_id"] != runs[1]["run_id"] and runs[1]["options"]["seconds_start"] == 30
    assert "seconds_start" not in runs[0]["options"]
    code, _, err = evalkit(*generate(folder, "--set", "seconds_start=70"))
    assert code == 2 and "seconds from 0 to 64" in err


def test_stable_audio_tools_names_of_samplers_are_known(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    for sampler in ("k-heun", "k-dpmpp-2s-ancestral", "k-dpm-2", "k-lms", "v-ddim"):
        code, _, err = evalkit(*generate(folder, "--set", f"sampler={sampler}", out=sampler))
        assert code == 0, err
        assert "eta" not in record(sampler)["options"], "the preset's eta is its own sampler's"
    for sampler, told in (("k-hein", "did you mean k-heun"), ("k-dpm-fast", "evalkit has no sampler 'k-dpm-fast'")):
        code, _, err = evalkit(*generate(folder, "--set", f"sampler={sampler}", out="none"))
        assert code == 2 and told in err
