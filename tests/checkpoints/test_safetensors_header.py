"""A safetensors header of a stranger is believed only where it is about the bytes that follow it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from evalkit.checkpoints.safetensors_header import MOST_BYTES, read_header
from evalkit.checkpoints.tensors import read_tensors
from evalkit.core.errors import BadCheckpoint, MissingWeights

KINDS = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool)


def written(path: Path, header: object, body: bytes = b"", length: int | None = None) -> Path:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(head) if length is None else length).to_bytes(8, "little") + head + body)
    return path


def test_the_header_is_what_safetensors_wrote(tmp_path: Path) -> None:
    tensors = {f"t{place}": torch.zeros(place + 1, 3, dtype=kind) for place, kind in enumerate(KINDS)}
    save_file({**tensors, "scalar": torch.tensor(1.0), "none": torch.zeros(0, 4)}, tmp_path / "x", {"format": "pt"})
    found = read_header(tmp_path / "x")
    assert {name: entry.shape for name, entry in found.items() if name in tensors} == {
        name: tuple(tensor.shape) for name, tensor in tensors.items()
    }
    assert (found["scalar"].shape, found["scalar"].count, found["none"].count) == ((), 1, 0)
    assert len(read_tensors(tmp_path / "x")) == len(found)


GOOD: dict[str, Any] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "header",
    [
        {"a": None}, {"a": []}, {"a": GOOD | {"dtype": "F33"}}, {"a": GOOD | {"dtype": 32}}, {"a": GOOD | {"shape": 2}},
        {"a": GOOD | {"shape": [-2]}}, {"a": GOOD | {"shape": [True, 2]}}, {"a": GOOD | {"shape": [1.5]}},
        {"a": GOOD | {"shape": [10**30]}}, {"a": GOOD | {"shape": [2**40, 2**40]}}, {"a": GOOD | {"shape": [3]}},
        {"a": GOOD | {"data_offsets": [0, 9]}}, {"a": GOOD | {"data_offsets": [8, 0]}},
        {"a": GOOD | {"data_offsets": []}},
        {"a": GOOD | {"data_offsets": [0, 80], "shape": [20]}}, {"__metadata__": {"a": 1}}, {"__metadata__": []},
        [], b"[" * 5000, b"{", b"\xff\xff", b'{"a":1e999}',
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_is_one_line(header: object, tmp_path: Path) -> None:
    path = written(tmp_path / "x.safetensors", header, b"\0" * 8)
    for read in (read_header, read_tensors):
        with pytest.raises(BadCheckpoint, match=r"x\.safetensors") as caught:
            read(path)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("length", [0, 1, 10**9, 2**63, MOST_BYTES + 1])
def test_an_absurd_length_is_refused_before_it_is_read(length: int, tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=f"a header of {length:,} bytes"):
        read_header(written(tmp_path / "x", {}, b"\0" * 8, length))


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="no such weights file"):
        read_header(tmp_path / "x")
    with pytest.raises(BadCheckpoint, match="not a regular file"):
        read_header(tmp_path)
