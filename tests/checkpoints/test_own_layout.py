"""A mini's folder: its tensors and its sizes, or what is wrong with them, by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.checkpoints.own_layout import read_config, weights_file
from evalkit.core.errors import BadCheckpoint
from evalkit.nets.openl3 import OpenL3Config


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=str(tmp_path)):
        weights_file(tmp_path)


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
