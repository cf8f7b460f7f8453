"""PANNs' rows: features, then logits, of a clip alone; what its file may be."""

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
from evalkit.embed.panns import PannsEmbedder, load
from evalkit.metrics.panns_rows import CLASSES as OF_METRICS
from evalkit.nets.cnn14 import CLASSES, Cnn14, Cnn14Config, initialise

SMALL = Cnn14Config(width=2)


def write(folder: Path, config: Cnn14Config = SMALL, told: Cnn14Config | None = None) -> Path:
    torch.manual_seed(3)
    net = Cnn14(config)
    initialise(net)
    folder.mkdir(exist_ok=True)
    save_file({name: each.contiguous() for name, each in net.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(asdict(told or config)))
    return folder


def clips() -> list[Clip]:
    draw = np.random.default_rng(0)
    forms = ((1, 800, 8000), (2, 44100, 44100), (1, 70000, 16000), (2, 96000, 48000))
    return [
        Clip(draw.standard_normal((channels, count)).astype(np.float32) / 8, rate, f"{count}")
        for channels, count, rate in forms
    ]


def test_a_clip_depends_on_itself_alone(tmp_path: Path) -> None:
    embedder = load("panns-16k", write(tmp_path / "w"))
    together = embedder.embed(clips())
    assert [each.shape for each in together] == [(1, SMALL.features + CLASSES)] * 4
    for clip, row in zip(clips(), together, strict=True):
        np.testing.assert_allclose(embedder.embed([clip])[0], row, atol=1e-5)


def test_the_second_channel_is_not_heard(tmp_path: Path) -> None:
    """As audioldm_eval has it; the preparation stands in the settings, so that no other is mixed with it."""
    embedder = load("panns-16k", write(tmp_path / "w"))
    stereo = clips()[1]
    np.testing.assert_array_equal(
        embedder.embed([stereo]), embedder.embed([replace(stereo, samples=stereo.samples[:1])])
    )
    assert embedder.spec.settings["channels"] == "first"


def test_features_and_logits_are_one_width_for_both_rooms() -> None:
    assert OF_METRICS == CLASSES


def test_a_file_with_constants_of_another_rate_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "w", SMALL, replace(SMALL, fmax=7000.0))
    with pytest.raises(BadCheckpoint, match=r"melW are not of 16000 Hz with 50 to 7000 Hz"):
        load("panns-16k", folder)


def test_the_other_rates_file_is_refused_by_its_shapes(tmp_path: Path) -> None:
    path = tmp_path / "Cnn14_mAP=0.431.pth"
    net = Cnn14(Cnn14Config(width=1, rate=32000, n_fft=1024, hop=320, fmax=14000.0))
    torch.save({"model": net.state_dict()}, path)
    with pytest.raises(BadCheckpoint, match="does not fit"):
        load("panns-16k", path)


def test_it_is_what_it_says(tmp_path: Path) -> None:
    embedder = load("panns-16k", write(tmp_path / "w"))
    assert isinstance(embedder, PannsEmbedder)
    assert embedder.spec.dimensions == SMALL.features + CLASSES
    assert embedder.spec.family == "panns"
