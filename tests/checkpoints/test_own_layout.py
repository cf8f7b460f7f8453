"""A mini's folder: its tensors and its sizes, or what is wrong with them, by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from evalkit.checkpoints.own_layout import read_config, read_weights
from evalkit.core.errors import BadCheckpoint
from evalkit.nets.openl3 import OpenL3Config


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=str(tmp_path)):
        read_weights(tmp_path, "a folder")


@pytest.mark.parametrize("name", ["weights.h5", "weights.onnx", "weights"])
def test_a_file_of_another_format_is_told_what_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BadCheckpoint, match=r"none of the formats .*they are \.pt"):
        read_weights(tmp_path / name, ".pt or safetensors")


def test_safetensors_torch_files_and_folders_give_the_same_tensors(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(1).half()}
    save_file(tensors, tmp_path / "model.safetensors")
    torch.save(tensors, tmp_path / "x.pt")
    for path in (tmp_path, tmp_path / "model.safetensors", tmp_path / "x.pt"):
        found = read_weights(path, "")
        assert found.keys() == tensors.keys()
        assert all(torch.equal(found[key], tensors[key]) for key in tensors)


def write_config(folder: Path, **changes: object) -> None:
    content = {"rate": 48000, "n_fft": 2048, "hop": 242, "n_mels": 128, "width": 8, "embedding": 64, **changes}
    (folder / "config.json").write_text(json.dumps({k: v for k, v in content.items() if v is not ...}))


def test_a_config_is_read_and_a_lone_file_has_the_published_sizes(tmp_path: Path) -> None:
    write_config(tmp_path)
    assert read_config(tmp_path, OpenL3Config) == OpenL3Config(n_mels=128, width=8, embedding=64)
    assert read_config(tmp_path / "model.safetensors", OpenL3Config) == OpenL3Config()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"widht": 8}, "widht"),
        ({"hop": ...}, "hop"),
        ({"hop": "242"}, "hop is '242'"),
        ({"hop": True}, "hop is True"),
        ({"hop": -1}, "hop is -1"),
        ({"hop": 2.5}, "hop is 2.5"),
        ({"rate": float("nan")}, "rate"),
        ({"embedding": 65}, "embedding 65"),
    ],
)
def test_a_bad_config_names_the_file_and_the_key(tmp_path: Path, changes: dict[str, object], named: str) -> None:
    write_config(tmp_path, **changes)
    with pytest.raises(BadCheckpoint, match=named) as caught:
        read_config(tmp_path, OpenL3Config)
    assert "config.json" in str(caught.value)


@pytest.mark.parametrize("content", ["[]", "3", "null"])
def test_a_config_that_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(BadCheckpoint, match="not a JSON object"):
        read_config(tmp_path, OpenL3Config)
