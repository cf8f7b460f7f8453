"""What transformers would take for a good file: each is refused by its name, before it is read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from evalkit.checkpoints.hub_files import look_over
from evalkit.core.errors import BadCheckpoint


def test_a_good_folder_is_handed_on(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"a": 1}')
    (tmp_path / "notes.json").write_text("nobody reads this")
    for old in (False, True):
        torch.save({"a": torch.ones(3)}, tmp_path / f"{old}.bin", _use_new_zipfile_serialization=not old)
    assert look_over(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("config.json", b"[" * 1000 + b"]" * 1000, "nested deeper than 64"),
        ("tokenizer.json", b"{", "cannot be read as JSON"),
        ("preprocessor_config.json", b"[" + b"0," * 3_000_000 + b"0]", "more than 2,000,000 values"),
        ("model.safetensors.index.json", b"\xff", "cannot be read as JSON"),
        ("model.safetensors", (1 << 40).to_bytes(8, "little") + b"{}", "a header of 1,099,511,627,776 bytes"),
    ],
)
def test_a_file_beyond_the_limits_is_named(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadCheckpoint, match=words) as caught:
        look_over(tmp_path)
    assert str(tmp_path / name) in caught.value.message


def test_a_compressed_archive_is_none_of_torchs(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 20))
    with pytest.raises(BadCheckpoint, match="is a compressed archive"):
        look_over(tmp_path)
