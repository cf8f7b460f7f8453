"""VGGish's rows: one for each 0.96 s of a clip alone; what its file may be."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from evalkit.audio.clip import Clip
from evalkit.core.errors import BadCheckpoint
from evalkit.embed.vggish import load
from evalkit.nets.vggish import VGGish, VGGishConfig

SMALL = VGGishConfig(width=4, hidden=8, features=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    found = tmp_path_factory.mktemp("vggish")
    save_file(VGGish(SMALL).state_dict(), found / "model.safetensors")
    (found / "config.json").write_text(json.dumps(asdict(SMALL)))
    return found


def clip(seconds: float, rate: int, channels: int) -> Clip:
    draw = np.random.default_rng(round(seconds * 100))
    return Clip(draw.standard_normal((channels, round(seconds * rate))).astype(np.float32) / 8, rate, f"{seconds}")


def test_rows_are_a_second_each_and_of_a_clip_alone(folder: Path) -> None:
    """A clip of 0.1 s is filled up to two; what is shorter than a patch at the end is dropped."""
    embedder = load("vggish", folder)
    clips = [clip(0.1, 44100, 1), clip(3.0, 48000, 2), clip(10.0, 16000, 1)]
    together = embedder.embed(clips)
    assert [each.shape for each in together] == [(2, 3), (3, 3), (10, 3)]
    for each, rows in zip(clips, together, strict=True):
        np.testing.assert_array_equal(embedder.embed([each])[0], rows)


def test_the_second_channel_is_not_heard(folder: Path) -> None:
    embedder, stereo = load("vggish", folder), clip(2.0, 44100, 2)
    left = replace(stereo, samples=stereo.samples[:1])
    np.testing.assert_array_equal(embedder.embed([stereo])[0], embedder.embed([left])[0])


def test_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vggish-10086976.pth"
    torch.save({"features.0.weight": torch.zeros(64, 1, 3, 3)}, path)
    with pytest.raises(BadCheckpoint, match="does not fit"):
        load("vggish", path)
