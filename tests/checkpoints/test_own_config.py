"""A checkpoint runs by its own config, and where it cannot be known which that is, it is asked about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from evalkit_checkpoints import small_config
from safetensors.torch import save_file

from evalkit.checkpoints.find import open_checkpoint
from evalkit.checkpoints.own_config import OwnConfig, own_config
from evalkit.core.errors import BadCheckpoint

DISTILLED, BASE = "rf_denoiser", "rectified_flow"


def config(objective: str = "v", **changes: Any) -> dict[str, Any]:
    found = {**small_config(), **changes}
    found["model"]["diffusion"]["diffusion_objective"] = objective
    return found


def write(folder: Path, *weights: str, inside: dict[str, Any] | None = None, **configs: dict[str, Any]) -> Path:
    """Weights files by name, and configs by name without `.json`."""
    for name in weights:
        if name.endswith(".safetensors"):
            save_file({"w": torch.zeros(2)}, folder / name)
        else:
            torch.save(
                {"state_dict": {"w": torch.zeros(2)}, **({"model_config": inside} if inside else {})}, folder / name
            )
    for name, content in configs.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def objective(found: OwnConfig) -> str:
    return str(found.content["model"]["diffusion"]["diffusion_objective"])


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors", ".pt"])
@pytest.mark.parametrize("name", ["base_model_config", "base_model"])
def test_open_smalls_base_model_has_its_own_config(tmp_path: Path, suffix: str, name: str) -> None:
    """Of equal shapes and another objective: it ran as the distilled model, and made noise."""
    weights = f"base_model{suffix}", f"model{suffix}"
    write(tmp_path, *weights, model_config=config(DISTILLED), **{name: config(BASE)})
    assert objective(own_config(tmp_path / weights[0])) == BASE
    assert objective(own_config(tmp_path / weights[1])) == DISTILLED
    assert suffix == ".pt" or objective(own_config(open_checkpoint(tmp_path).weights)) == DISTILLED
    assert open_checkpoint(tmp_path / weights[0]).files[1] == tmp_path / f"{name}.json"


def test_anothers_config_is_not_taken(tmp_path: Path) -> None:
    """base_model_config.json was not downloaded: what is left is model.ckpt's."""
    write(tmp_path, "base_model.ckpt", "model.ckpt", model_config=config(DISTILLED))
    with pytest.raises(BadCheckpoint, match=r"model_config\.json is model\.ckpt's") as error:
        own_config(tmp_path / "base_model.ckpt")
    assert "base_model_config.json" in error.value.hint


def test_of_two_configs_that_could_be_meant_none_is_taken(tmp_path: Path) -> None:
    write(tmp_path, "tuned.ckpt", model_config=config(DISTILLED), base_model_config=config(BASE))
    with pytest.raises(BadCheckpoint, match=r"base_model_config\.json, model_config\.json"):
        own_config(tmp_path / "tuned.ckpt")
    (tmp_path / "tuned_config.json").write_text(json.dumps(config(BASE)))
    assert objective(own_config(tmp_path / "tuned.ckpt")) == BASE


def test_what_describes_no_diffusion_model_is_nobodys_rival(tmp_path: Path) -> None:
    """Open 1.0 is published with its autoencoder's config, a tokenizer's and others."""
    further = {"vae_model_config": config(model_type="autoencoder"), "tokenizer": {"model": {}}, "list": []}
    write(tmp_path, "tuned.ckpt", model_config=config(), **further)  # type: ignore[arg-type]
    (tmp_path / "broken.json").write_text("{")
    assert own_config(tmp_path / "tuned.ckpt").source == tmp_path / "model_config.json"


def test_epochs_of_one_run_share_its_config(tmp_path: Path) -> None:
    write(tmp_path, "epoch=1.ckpt", "epoch=2.ckpt", model_config=config())
    for name in ("epoch=1.ckpt", "epoch=2.ckpt"):
        assert own_config(tmp_path / name).source == tmp_path / "model_config.json"


def test_what_the_trainer_put_inside_comes_before_a_neighbour(tmp_path: Path) -> None:
    """A training checkpoint that was moved into the published model's folder."""
    write(tmp_path, "epoch=3.ckpt", inside=config(BASE), model_config=config(DISTILLED))
    found = own_config(tmp_path / "epoch=3.ckpt")
    assert (objective(found), found.source) == (BASE, tmp_path / "epoch=3.ckpt")


def test_a_name_that_contradicts_the_inside_is_asked_about(tmp_path: Path) -> None:
    """Renamed to model.ckpt, the published config beside it is another model's. Settings of training may differ."""
    write(tmp_path, "model.ckpt", inside=config(BASE), model_config=config(DISTILLED))
    with pytest.raises(
        BadCheckpoint, match=r"model_config\.json and the one inside it say different things.*\(model\)"
    ):
        own_config(tmp_path / "model.ckpt")
    write(tmp_path, model_config={**config(BASE), "training": {"learning_rate": 1}})
    assert objective(own_config(tmp_path / "model.ckpt")) == BASE


def test_two_configs_of_ones_own_that_differ_are_asked_about(tmp_path: Path) -> None:
    write(tmp_path, "a.safetensors", a=config(), a_config=config(sample_size=81920))
    with pytest.raises(BadCheckpoint, match=r"a\.json and a_config\.json.*sample_size"):
        own_config(tmp_path / "a.safetensors")
