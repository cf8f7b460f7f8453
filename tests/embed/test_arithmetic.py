"""Features that an older arithmetic made are never taken for new ones: no number is made of both."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from evalkit.audio import preparation
from evalkit.embed import openl3, panns, vggish
from evalkit.nets import prepared
from evalkit.nets.cnn14 import Cnn14, Cnn14Config, initialise
from evalkit.nets.openl3 import OpenL3, OpenL3Config
from evalkit.nets.vggish import VGGish, VGGishConfig
from evalkit.store.features import FeatureCache

KINDS: dict[str, tuple[Callable[..., torch.nn.Module], Callable[..., object], Callable[..., object]]] = {
    "panns-16k": (Cnn14, lambda width: Cnn14Config(width=width), panns.load),
    "vggish": (VGGish, lambda width: VGGishConfig(width=width, hidden=8, features=8), vggish.load),
    "openl3-env": (OpenL3, lambda width: OpenL3Config(width=width, embedding=8 * width), openl3.load),
}


def write(folder: Path, name: str, width: int) -> Callable[[], str]:
    """Random weights of that width; gives what loads them and tells the key of their features."""
    network, config, load = KINDS[name]
    torch.manual_seed(1)
    net = network(config(width))
    if isinstance(net, Cnn14):
        initialise(net)
    folder.mkdir(parents=True)
    save_file({key: each.contiguous() for key, each in net.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(asdict(net.config)))  # type: ignore[call-overload]
    return lambda: load(name, folder).spec.key  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("name", KINDS)
def test_another_arithmetic_is_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """OpenL3, PANNs and VGGish got a quick form, last bits moved, and the cache gave old ones beside new ones."""
    wide, narrow = write(tmp_path / "wide", name, prepared.FAST_WIDTH), write(tmp_path / "narrow", name, 8)
    before = wide(), narrow()
    cache = FeatureCache(tmp_path / "cache", before[0])
    cache.put("a" * 64, np.ones((1, 2), np.float32))
    assert FeatureCache(tmp_path / "cache", wide()).get("a" * 64) is not None
    monkeypatch.setattr(prepared, "ARITHMETIC", "another")
    assert FeatureCache(tmp_path / "cache", wide()).get("a" * 64) is None
    assert narrow() == before[1], "one without a quick form is computed as it was"


def test_another_version_of_the_preparation_is_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_panns, of_openl3 = write(tmp_path / "a", "panns-16k", 4), write(tmp_path / "b", "openl3-env", 4)
    before = of_panns(), of_openl3()
    monkeypatch.setattr(preparation, "VERSION", preparation.VERSION + 1)
    assert of_panns() != before[0] and of_openl3() == before[1], "which has a way of its own"
