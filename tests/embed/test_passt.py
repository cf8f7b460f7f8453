"""PaSST probabilities of clips: windows, padding and batches, with a small untrained network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.audio.clip import Clip
from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.embed.base import Embedder, EmbedderSpec
from evalkit.embed.passt import PaSSTEmbedder, load, prepare, windows
from evalkit.mini.train.loop import ship
from evalkit.nets.passt import PaSST, PaSSTConfig

CONFIG = PaSSTConfig(
    time_frames=500, stride=16, embed=16, depth=1, heads=2, classes=10, window_seconds=5, step_seconds=2.5
)
FULL = PaSSTConfig()


def network() -> PaSST:
    torch.manual_seed(0)
    net = PaSST(CONFIG).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net


def embedder(batch: int = 16) -> PaSSTEmbedder:
    return PaSSTEmbedder(EmbedderSpec("test", "passt", 10, "", {}), network(), batch=batch)


def clip(seconds: float, rate: int = 16000, channels: int = 2, seed: int = 0) -> Clip:
    samples = 0.1 * np.random.default_rng(seed).standard_normal((channels, round(seconds * rate)))
    return Clip(samples.astype(np.float32), rate, f"{seed}")


@pytest.mark.parametrize(("samples", "starts"), [(320_000, 1), (320_001, 2), (480_001, 3), (48_001, 1), (160_000, 1)])
def test_windows_of_ten_seconds_every_five(samples: int, starts: int) -> None:
    """One sample over ten seconds makes a second window, as stable-audio-metrics counts."""
    found = windows(np.ones(samples, np.float32), FULL)
    assert [len(window) for window in found] == [320_000] * starts
    covered = found[-1].sum() + 160_000 * (starts - 1)
    assert covered == max(samples, 0)


def test_a_short_clip_is_fed_as_it_is() -> None:
    """1.5 s or less is not padded to the window; the original's comment says otherwise, its code does not."""
    assert [len(window) for window in windows(np.ones(48_000, np.float32), FULL)] == [48_000]


@pytest.mark.parametrize("samples", [1, 500, 4800])
def test_a_very_short_clip_still_gives_probabilities(samples: int) -> None:
    """The original raises below one patch; a 10-ms clip must not end a run of thousands."""
    found = embedder().embed([Clip(np.full((1, samples), 0.5, np.float32), 32000, "")])[0]
    assert found.shape == (1, 10)
    assert np.isfinite(found).all()


def test_preparation_is_mono_then_rate_then_peak() -> None:
    """The length is rounded up, as librosa does, and the peak is set after resampling."""
    sound = clip(0.5001, 44100)
    found = prepare(sound, 32000)
    assert len(found) == -(-sound.samples.shape[1] * 32000 // 44100)
    assert abs(np.abs(found).max() - 10 ** (-1 / 20)) < 1e-6


def test_probabilities_are_softmax_of_mean_logits() -> None:
    """Not the mean of softmaxes: the two differ wherever windows disagree."""
    sound, net = clip(9.0, 32000), network()
    pieces = windows(prepare(sound, 32000), CONFIG)
    assert len(pieces) == 3
    with torch.inference_mode():
        logits = net(torch.from_numpy(np.stack(pieces)))
    found = embedder().embed([sound])[0]
    np.testing.assert_allclose(found[0], logits.mean(dim=0).softmax(dim=0).numpy(), atol=1e-6)
    assert abs(float(found.sum()) - 1) < 1e-6


def test_features_do_not_depend_on_batch_or_neighbours() -> None:
    """Batches of 1, 7 and 64 over long, padded and unpadded clips: within 1e-5."""
    clips = [clip(1.0, seed=1), clip(8.0, 44100, 1, seed=2), clip(2.0, seed=3), clip(1.0, 48000, seed=4)]
    first = embedder(1).embed(clips)
    for batch in (7, 64):
        for one, other in zip(first, embedder(batch).embed(clips), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(embedder().embed(clips[1:2])[0], first[1], atol=1e-5)


@pytest.mark.parametrize("samples", [np.zeros((1, 0)), np.full((1, 100), np.inf)])
def test_what_cannot_be_read_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(UserError, match="empty or holds NaN"):
        embedder().embed([Clip(samples.astype(np.float32), 16000, "")])


def test_loads_from_a_shipped_folder(tmp_path: Path) -> None:
    ship(tmp_path, network(), CONFIG)
    loaded = load("passt-test", tmp_path)
    assert isinstance(loaded, Embedder)
    assert (loaded.spec.family, loaded.spec.dimensions) == ("passt", 10)
    np.testing.assert_allclose(loaded.embed([clip(1.0)])[0], embedder().embed([clip(1.0)])[0], atol=2e-2)


@pytest.mark.parametrize("suffix", [".pt", ".ckpt"])
@pytest.mark.parametrize("nest", ["", "state_dict", "model"])
def test_loads_from_torchs_own_file(tmp_path: Path, suffix: str, nest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published file is a plain state dict; training code keeps it one level down."""
    monkeypatch.setattr("evalkit.embed.passt.read_config", lambda *_: CONFIG)
    state = network().state_dict()
    path = tmp_path / f"passt{suffix}"
    torch.save({nest: state} if nest else state, path)
    loaded = load("passt-test", path)
    np.testing.assert_allclose(loaded.embed([clip(1.0)])[0], embedder().embed([clip(1.0)])[0], atol=1e-6)


def test_a_file_without_one_layer_is_refused(tmp_path: Path) -> None:
    """Never a layer of random numbers: the line names what is missing."""
    torch.save({"cls_token": torch.zeros(1, 1, 768)}, tmp_path / "passt.pt")
    with pytest.raises(BadCheckpoint, match="missing dist_token"):
        load("passt-test", tmp_path / "passt.pt")
