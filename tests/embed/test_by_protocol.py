"""One network, fed as several protocols have it: what is heard, and that the two are never one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from evalkit.audio.clip import Clip
from evalkit.core.errors import MissingWeights, UserError
from evalkit.embed.load import load_embedder
from evalkit.fetch.published import by_own_names, stands_for
from evalkit.fetch.weights import locate
from evalkit.nets.passt import PaSST, PaSSTConfig, initialise
from evalkit.nets.vggish import VGGish, VGGishConfig

PATCHES = VGGishConfig(width=2, hidden=4, features=3)
SMALL = PaSSTConfig(embed=8, depth=1, heads=2)


def vggish(folder: Path) -> Path:
    torch.manual_seed(1)
    return _write(folder, VGGish(PATCHES), asdict(PATCHES))


def passt(folder: Path) -> Path:
    torch.manual_seed(1)
    net = PaSST(SMALL)
    initialise(net)
    return _write(folder, net, asdict(SMALL))


def _write(folder: Path, net: torch.nn.Module, config: dict[str, object]) -> Path:
    folder.mkdir()
    save_file({name: each.contiguous() for name, each in net.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def noise(seconds: float, channels: int = 2, rate: int = 16000) -> Clip:
    samples = np.random.default_rng(5).normal(0.02, 0.1, (channels, round(seconds * rate))).astype(np.float32)
    return Clip(samples, rate, "noise")


def test_av_benchmark_hears_eight_seconds_of_all_channels(tmp_path: Path) -> None:
    given = {"vggish": vggish(tmp_path / "w")}
    plain, fed = (load_embedder(name, overrides=given) for name in ("vggish", "vggish@av-benchmark"))
    stereo = noise(10)
    assert len(plain.embed([stereo])[0]) == 10 and len(fed.embed([stereo])[0]) == 8
    mono = Clip(stereo.samples.mean(axis=0, keepdims=True), stereo.rate, "mono")
    np.testing.assert_allclose(fed.embed([stereo])[0], plain.embed([mono])[0][:8], rtol=1e-4)


def test_two_protocols_have_two_keys(tmp_path: Path) -> None:
    """What one embedded is never taken from the cache for the other, though the weights are the same."""
    given = {"vggish": vggish(tmp_path / "w")}
    names = ("vggish", "vggish@av-benchmark", "vggish@meanaudio")
    specs = [load_embedder(name, overrides=given).spec for name in names]
    assert len({each.key for each in specs}) == 3 and len({each.weights for each in specs}) == 1


def test_rows_of_passt_are_features_then_logits_of_a_padded_window(tmp_path: Path) -> None:
    fed = load_embedder("passt@av-benchmark", overrides={"passt": passt(tmp_path / "w")})
    clip = noise(3, 1, 32000)
    found = fed.embed([clip])[0]
    assert found.shape == (1, SMALL.embed + SMALL.classes)
    silence = np.zeros((1, 320000 - clip.samples.shape[1]), np.float32)
    centred = clip.samples - clip.samples.mean()
    torch.manual_seed(1)
    net = PaSST(SMALL)
    initialise(net)
    net.eval()
    with torch.no_grad():
        wanted = net(torch.from_numpy(np.concatenate([centred, silence], axis=1)))
    np.testing.assert_allclose(found[:, SMALL.embed :], wanted.numpy(), atol=1e-4)


def test_the_file_of_the_weights_is_that_of_each_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path))
    with pytest.raises(MissingWeights, match="vggish-10086976"):
        locate("vggish@av-benchmark", {})
    given = {"panns": tmp_path}
    used = ["panns-16k@av-benchmark", "vggish@av-benchmark"]
    assert by_own_names(given, used) == {"panns-16k@av-benchmark": tmp_path}
    assert stands_for("panns-16k", used) == ["panns-16k@av-benchmark"] and not stands_for("clap", used)


def test_a_protocol_that_is_none_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError) as told:
        load_embedder("vggish@av-bench")
    assert "vggish@av-benchmark" in told.value.hint
