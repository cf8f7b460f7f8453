"""Tensors in one file, in shards, or in a variant: what a folder of the hub's libraries holds is read as it lies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from evalkit.checkpoints.find import open_checkpoint
from evalkit.checkpoints.shards import is_index, lone_variant, read_files, shards_of, tensor_files
from evalkit.checkpoints.stable_audio import read_model
from evalkit.core.errors import BadCheckpoint, UserError

TENSORS = {name: torch.full((2,), float(place)) for place, name in enumerate("abcd")}


def sharded(folder: Path, stem: str = "model", variant: str = "") -> Path:
    """The tensors in two shards, as the hub's libraries write them; returns the index."""
    parts = {f"{stem}-0000{place}-of-00002{variant}.safetensors": "abcd"[place - 1 :: 2] for place in (1, 2)}
    for file, names in parts.items():
        save_file({name: TENSORS[name] for name in names}, folder / file)
    index = folder / f"{stem}.safetensors.index{variant}.json"
    index.write_text(json.dumps({"weight_map": {name: file for file, names in parts.items() for name in names}}))
    return index


def equal(found: dict[str, torch.Tensor]) -> bool:
    return found.keys() == TENSORS.keys() and all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize("variant", ["", ".fp16"])
def test_shards_are_read_as_one(variant: str, tmp_path: Path) -> None:
    sharded(tmp_path, variant=variant)
    assert equal(read_files(tensor_files(tmp_path, "model")))


@pytest.mark.parametrize("name", ["model.safetensors", "model.fp16.safetensors", "model.bin", "model.fp16.bin"])
def test_a_lone_file_is_read_whatever_its_variant(name: str, tmp_path: Path) -> None:
    if name.endswith(".bin"):
        torch.save(TENSORS, tmp_path / name)
    else:
        save_file(TENSORS, tmp_path / name)
    assert equal(read_files(tensor_files(tmp_path, "model")))
    assert lone_variant(tmp_path, "model") == ("fp16" if "fp16" in name else None)
    assert tensor_files(tmp_path, "other") == []


def test_the_plain_variant_comes_first_and_two_others_are_not_chosen_from(tmp_path: Path) -> None:
    for variant in ("fp16", "non_ema"):
        save_file({"x": torch.zeros(1)}, tmp_path / f"model.{variant}.safetensors")
    with pytest.raises(BadCheckpoint, match=r"several variants \(model.fp16.safetensors, model.non_ema"):
        tensor_files(tmp_path, "model")
    assert lone_variant(tmp_path, "model") is None
    save_file(TENSORS, tmp_path / "model.safetensors")
    assert equal(read_files(tensor_files(tmp_path, "model")))


def test_shards_that_are_missing_doubled_or_elsewhere_are_named(tmp_path: Path) -> None:
    index = sharded(tmp_path)
    (tmp_path / "model-00002-of-00002.safetensors").rename(tmp_path / "kept")
    with pytest.raises(BadCheckpoint, match=r"not in the folder \(1 of 2: 'model-00002"):
        shards_of(index)
    save_file(TENSORS, tmp_path / "model-00002-of-00002.safetensors")
    with pytest.raises(BadCheckpoint, match=r"a is in another shard too"):
        read_files(shards_of(index))
    for weight_map in ({"a": "../x.safetensors"}, {}, [], None):
        index.write_text(json.dumps({"weight_map": weight_map}))
        with pytest.raises(BadCheckpoint):
            shards_of(index)


def test_a_stable_audio_checkpoint_in_shards_is_one_checkpoint(tmp_path: Path) -> None:
    """It was refused with the advice to name the file itself, of which there is none."""
    index = sharded(tmp_path)
    (tmp_path / "model_config.json").write_text("{}")
    for named in (tmp_path, index):
        found = open_checkpoint(named)
        assert is_index(found.weights)
        assert len(found.files) == 3
        assert equal(read_model(found.weights))
    save_file(TENSORS, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"several checkpoints \(model.safetensors.index.json, other.safetensors\)"):
        open_checkpoint(tmp_path)
