"""Audiobox Aesthetics' rows: windows and their weights, of a clip alone; what its file may be and may say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evalkit.audio.clip import Clip
from evalkit.core.errors import BadCheckpoint
from evalkit.embed.audiobox import load, windows_of
from evalkit.metrics.aesthetics import AXES as OF_METRICS
from evalkit.nets.aesthetics import AXES
from evalkit.originals.seeded.audiobox import SMALL, write_audiobox, write_audiobox_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("audiobox")
    write_audiobox_folder(found, SMALL)
    return found


def clip(seconds: float, rate: int = 16000, channels: int = 1) -> Clip:
    draw = np.random.default_rng(round(seconds * 100))
    return Clip(draw.standard_normal((channels, round(seconds * rate))).astype(np.float32) / 8, rate, f"{seconds}")


def test_metrics_read_the_networks_order() -> None:
    assert OF_METRICS == AXES


def test_a_clip_is_a_row_of_its_own(folder: Path) -> None:
    embedder = load("audiobox", folder)
    clips = [clip(0.1, 44100), clip(10.5), clip(3.0, 48000, 2)]
    together = embedder.embed(clips)
    assert [each.shape for each in together] == [(1, 4)] * 3
    for each, rows in zip(clips, together, strict=True):
        np.testing.assert_array_equal(embedder.embed([each])[0], rows)
    assert embedder.spec.dimensions == 4


def test_the_last_window_weighs_as_much_as_it_is_long(folder: Path) -> None:
    """12.5 s are a window of 10 s and a quarter of one."""
    embedder, whole = load("audiobox", folder), clip(12.5)
    parts = [replace(whole, samples=whole.samples[:, part]) for part in (slice(160000), slice(160000, None))]
    first, second = (embedder.embed([part])[0] for part in parts)
    np.testing.assert_allclose(embedder.embed([whole])[0], (first + 0.25 * second) / 1.25, rtol=1e-5)


def test_windows_are_filled_up() -> None:
    windows, filled = windows_of(torch.ones(160001))
    assert windows.shape == filled.shape == (2, 160000)
    assert (int(filled.sum()), int(windows.sum())) == (159999, 160001)


def test_both_published_forms_are_one_judge(folder: Path, tmp_path: Path) -> None:
    """And the hub's folder may hold the .pt instead."""
    (tmp_path / "hub").mkdir()
    for path in (tmp_path / "any.pt", tmp_path / "hub" / "checkpoint.pt"):
        write_audiobox(path, SMALL)
    specs = [load("audiobox", path).spec for path in (folder, tmp_path / "any.pt", tmp_path / "hub")]
    assert specs[0] == specs[1] == specs[2]


def said(folder: Path, tmp_path: Path, change: dict[str, Any]) -> Path:
    for file in ("model.safetensors", "config.json"):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    content = {**json.loads((tmp_path / "config.json").read_text()), **change}
    (tmp_path / "config.json").write_text(json.dumps(content))
    return tmp_path


def test_another_scale_is_another_judge(folder: Path, tmp_path: Path) -> None:
    """The weights are the same, and no cached value may be taken for the other."""
    scale = {axis: {"mean": 0.0, "std": 1.0} for axis in AXES}
    ours, plain = load("audiobox", folder), load("audiobox", said(folder, tmp_path, {"target_transform": scale}))
    assert ours.spec.key != plain.spec.key
    mean, deviation = np.array([5.0, 5.5, 3.5, 6.0]), np.array([2.0, 1.5, 2.25, 1.75])
    heard = clip(1.0)
    np.testing.assert_allclose(ours.embed([heard])[0], plain.embed([heard])[0] * deviation + mean, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"target_transform": None}, "target_transform"),
        ({"target_transform": {"CE": {"mean": 1}}}, "std"),
        ({"target_transform": {axis: {"mean": "no", "std": 0} for axis in AXES}}, "mean"),
        ({"nth_layer": 7}, "nth_layer"),
        ({"use_weighted_layer_sum": False}, "use_weighted_layer_sum"),
        ({"proj_act_fn": "relu"}, "proj_act_fn"),
        ({"proj_num_layer": 2}, "does not fit"),
        ({"encoder_attention_heads": 5}, "no multiple"),
    ],
)
def test_what_is_not_the_published_arrangement_is_refused(
    folder: Path, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadCheckpoint, match=told):
        load("audiobox", said(folder, tmp_path, change))


def test_a_file_that_says_nothing_of_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"state_dict": {"model.layer_weights.CE": torch.zeros(13)}}, path)
    with pytest.raises(BadCheckpoint, match="target_transform"):
        load("audiobox", path)
