"""Torch files handed to another environment: the same tensors, and no pickle among them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from evalkit.checkpoints.audiocraft import read_export
from evalkit.checkpoints.safe_copy import safe_copy
from evalkit.core.errors import BadCheckpoint, MissingWeights

EXPORTS = Path(__file__).resolve().parent.parent / "generators" / "golden" / "audiogen"


def test_an_export_arrives_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tensor to the bit, and the config as plain values: what audiocraft builds its networks from."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path))
    copy = safe_copy(EXPORTS, "audiocraft")
    assert {file.suffix for file in copy.iterdir()} == {".safetensors", ".json"}
    for stem in ("state_dict", "compression_state_dict"):
        export, found = read_export(EXPORTS / f"{stem}.bin"), load_file(copy / f"{stem}.safetensors")
        assert set(found) == set(export.tensors)
        assert all(torch.equal(found[name], tensor) for name, tensor in export.tensors.items())
        assert json.loads((copy / f"{stem}.json").read_text()) == export.config


def test_it_is_written_once_and_again_for_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gigabytes; and a new checkpoint under an old name must not be taken for the old one."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    file = tmp_path / "model.pth"
    torch.save({"state_dict": {"w": torch.ones(2)}}, file)
    first = safe_copy(file, "torch")
    stamp = (first / "model.safetensors").stat().st_mtime_ns
    assert safe_copy(file, "torch") == first
    assert (first / "model.safetensors").stat().st_mtime_ns == stamp
    torch.save({"state_dict": {"w": torch.zeros(2)}}, file)
    assert safe_copy(file, "torch") != first
    assert not list((tmp_path / "home").rglob(".landing-*"))


def test_a_copy_that_was_interrupted_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    torch.save({"w": torch.ones(2)}, tmp_path / "model.pth")
    copy = safe_copy(tmp_path / "model.pth", "torch")
    (copy / "whole.json").unlink()
    (copy / "model.safetensors").write_bytes(b"half of it")
    assert torch.equal(load_file(safe_copy(tmp_path / "model.pth", "torch") / "model.safetensors")["w"], torch.ones(2))


def test_tensors_that_share_their_memory_arrive_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tied weights, and the slices of one tensor that a state dict may hold."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    whole = torch.arange(6.0).reshape(2, 3)
    torch.save({"a": whole, "b": whole, "c": whole.T, "d": whole[1]}, tmp_path / "tied.pt")
    found = load_file(safe_copy(tmp_path / "tied.pt", "torch") / "tied.safetensors")
    assert torch.equal(found["a"], found["b"]) and torch.equal(found["c"], whole.T)
    assert torch.equal(found["d"], whole[1])


def test_a_program_in_the_file_is_refused_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that gets the copy would have run it."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))

    class Program:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"state_dict": {"w": Program()}}, tmp_path / "model.pth")
    with pytest.raises(BadCheckpoint, match=r"mkdir.*refused"):
        safe_copy(tmp_path / "model.pth", "torch")
    assert not (tmp_path / "ran").exists() and not list((tmp_path / "home").rglob("whole.json"))


def test_what_is_safe_already_is_handed_over_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    assert safe_copy(tmp_path, "torch") == tmp_path
    with pytest.raises(MissingWeights, match="nowhere"):
        safe_copy(tmp_path / "nowhere", "torch")
