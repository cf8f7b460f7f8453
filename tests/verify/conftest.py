"""What several tests of known answers ask for: copies of weights with one number changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

Changed = Callable[[Path, str, str, int], Path]


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """`changed(folder, file, tensor, place)`: a copy of a folder in which one number of one tensor is another."""

    def copy(folder: Path, file: str, tensor: str, place: int) -> Path:
        target = tmp_path / "changed" / folder.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
        with safe_open(folder / file, framework="pt") as opened:
            metadata = opened.metadata()
        tensors = load_file(target / file)
        values = tensors[tensor].reshape(-1)
        values[place] += 3 * values.float().square().mean().sqrt().to(values.dtype)
        save_file(tensors, target / file, metadata=metadata)
        return target

    return copy
