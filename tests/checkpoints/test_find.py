"""Which files a checkpoint is made of, in every layout, and one clear line where it is not whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from evalkit_checkpoints import small_config
from safetensors.torch import save_file

from evalkit.checkpoints.find import (
    UNPUBLISHED_CLAP,
    Checkpoint,
    fingerprint,
    locate_tower,
    open_checkpoint,
    stored_parameters,
    weights_name,
)
from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model_config.json").write_text(json.dumps(small_config()))
    save_file(
        {"model.model.w": torch.zeros(3, 4), "model.model.x_norm.beta": torch.zeros(9)}, tmp_path / "model.safetensors"
    )
    return tmp_path


def test_a_folder_and_its_file_are_the_same_checkpoint(folder: Path) -> None:
    by_folder, by_file = open_checkpoint(folder), open_checkpoint(folder / "model.safetensors")
    assert by_folder == by_file
    assert by_folder.files == (folder / "model.safetensors", folder / "model_config.json")
    assert by_folder.config == small_config()


def test_a_config_of_the_files_own_name_comes_first(folder: Path) -> None:
    """Two runs in one folder must not be taken for each other."""
    shutil.copy(folder / "model.safetensors", folder / "second.safetensors")
    (folder / "second.json").write_text('{"model_type": "other"}')
    assert open_checkpoint(folder / "second.safetensors").config == {"model_type": "other"}


def test_safetensors_come_before_a_ckpt_and_two_others_are_asked_about(folder: Path) -> None:
    torch.save({}, folder / "model.ckpt")
    assert open_checkpoint(folder).weights.name == "model.safetensors"
    (folder / "model.safetensors").unlink()
    assert open_checkpoint(folder).weights.name == "model.ckpt"
    (folder / "model.ckpt").rename(folder / "a.ckpt")
    assert open_checkpoint(folder).weights.name == "a.ckpt"
    torch.save({}, folder / "b.ckpt")
    with pytest.raises(UserError, match=r"a\.ckpt, b\.ckpt"):
        open_checkpoint(folder)


def test_a_training_checkpoint_brings_its_config(tmp_path: Path) -> None:
    """stable-audio-tools' trainer writes it into every checkpoint, so none need be beside it."""
    content = {"state_dict": {"diffusion.model.model.w": torch.zeros(2)}, "model_config": small_config()}
    torch.save(content, tmp_path / "epoch=3.ckpt")
    found = open_checkpoint(tmp_path / "epoch=3.ckpt")
    assert found.config == small_config()
    assert found.files == (tmp_path / "epoch=3.ckpt",)


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_a_file_without_a_config_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    if suffix == ".ckpt":
        torch.save({"state_dict": {"w": torch.zeros(2)}}, path)
    else:
        save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(BadCheckpoint, match=r"no model_config\.json beside it"):
        open_checkpoint(path)


def test_nothing_there_and_nothing_known_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="no such file"):
        open_checkpoint(tmp_path / "absent")
    with pytest.raises(BadCheckpoint, match="holds no checkpoint"):
        open_checkpoint(tmp_path)
    (tmp_path / "model.txt").write_text("hello")
    with pytest.raises(BadCheckpoint, match=r"model\.txt"):
        open_checkpoint(tmp_path / "model.txt")


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00\x01", "3"])
def test_a_config_that_is_none_is_named(folder: Path, text: str) -> None:
    (folder / "model_config.json").write_text(text)
    with pytest.raises(BadCheckpoint, match=r"model_config\.json"):
        open_checkpoint(folder)


def test_parameters_are_counted_without_reading_them(folder: Path) -> None:
    """`evalkit models` must not read gigabytes; a constant that is stored is no parameter."""
    assert stored_parameters(open_checkpoint(folder)) == 12
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    assert stored_parameters(open_checkpoint(folder)) is None


def test_every_file_is_in_the_fingerprint(folder: Path) -> None:
    before = fingerprint(open_checkpoint(folder), {})
    assert before is not None
    save_file({"model.model.w": torch.ones(3, 4)}, folder / "model.safetensors")
    after = fingerprint(open_checkpoint(folder), {})
    (folder / "model_config.json").write_text(json.dumps(small_config()) + "\n")
    assert len({before, after, fingerprint(open_checkpoint(folder), {})}) == 3


def with_tower(folder: Path, entry: dict[str, object]) -> Checkpoint:
    config = small_config()
    config["model"]["conditioning"]["configs"][0] = {"id": "prompt", **entry}
    (folder / "model_config.json").write_text(json.dumps(config))
    return open_checkpoint(folder)


def t5(name: str) -> dict[str, object]:
    return {"type": "t5", "config": {"t5_model_name": name}}


def test_a_tower_is_found_by_name_beside_the_checkpoint_or_where_weights_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home, elsewhere = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("t5")
    monkeypatch.setenv("EVALKIT_HOME", str(home))
    for name in ("t5-base", "google/flan-t5-base"):
        found = with_tower(folder, t5(name))
        with pytest.raises(MissingWeights, match=name):
            locate_tower(found, {})
        (home / "weights" / name).mkdir(parents=True)
        assert locate_tower(found, {}) == home / "weights" / name
        (folder / name).mkdir(parents=True)
        assert locate_tower(found, {}) == folder / name
        assert locate_tower(found, {name: elsewhere}) == elsewhere


def test_the_published_repository_brings_its_tower(folder: Path) -> None:
    """Open 1.0 is published with diffusers' parts beside model.safetensors; no second download is needed."""
    for part in ("text_encoder", "tokenizer"):
        (folder / part).mkdir()
    assert locate_tower(with_tower(folder, t5("t5-base")), {}) == folder


def test_no_name_leads_out_of_the_folder(folder: Path) -> None:
    (folder.parent / "secret").mkdir(exist_ok=True)
    for name in ("../secret", "a/../../secret"):
        with pytest.raises(MissingWeights):
            locate_tower(with_tower(folder, t5(name)), {})


def test_a_clap_named_by_a_path_of_its_training_stands_for_the_unpublished_one(folder: Path, tmp_path: Path) -> None:
    words = {"clap_ckpt_path": "/path/to/clap.ckpt", "use_text_features": True, "feature_layer_ix": -2}
    found = with_tower(folder, {"type": "clap_text", "config": words})
    assert weights_name(found.config) == UNPUBLISHED_CLAP
    with pytest.raises(MissingWeights, match="never published"):
        locate_tower(found, {})
    assert locate_tower(found, {UNPUBLISHED_CLAP: tmp_path}) == tmp_path


def test_a_config_without_a_text_tower_says_so(folder: Path) -> None:
    found = with_tower(folder, {"type": "phoneme", "config": {}})
    with pytest.raises(BadCheckpoint, match="no text conditioner"):
        locate_tower(found, {})
