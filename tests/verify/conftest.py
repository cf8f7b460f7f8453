"""What several tests of known answers ask for: a fake model's answers, and weights with one number changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from evalkit.verify import answer_files
from evalkit.verify.known import Request, verify_all
from evalkit.verify.verdict import Verdict

Changed = Callable[[Path, str, str, int], Path]
Held = Callable[..., list[Verdict]]


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Held:
    """`held(runner, name, cases, folder)`: the verdicts on answers of a fake model, read from a file as those that ship
    are. A case is (what, input, output, expected array) and may go on with further keys of the file."""

    def verdicts(
        runner: str, name: str, cases: list[tuple[Any, ...]], folder: Path, device: str = "cpu"
    ) -> list[Verdict]:
        tables = [
            {"what": what, "input": told, "output": output, "expected": expected, "absolute": 1e-4, **dict(*more)}
            for what, told, output, expected, *more in cases
        ]
        content = {"form": 1, "about": "a fake model", "runner": runner, "weights": [name], "cases": tables}
        shipped = tmp_path / "answers"
        shipped.mkdir(exist_ok=True)
        (shipped / "fake.json").write_text(json.dumps(content, default=listed))
        monkeypatch.setattr(answer_files, "SHIPPED", shipped)
        return list(verify_all(Request((name,), {name: folder}, device=device)))

    return verdicts


def listed(array: Any) -> Any:
    """An array as it would be printed: rounded."""
    return np.asarray(array, dtype=np.float64).round(6).tolist()


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
