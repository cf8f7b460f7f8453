"""OpenL3 features of clips: windows, channel rules and batches, with a small untrained network."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from evalkit.audio.clip import Clip
from evalkit.audio.level import peak_normalize
from evalkit.audio.resample import resample, resample_kaiser_best
from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.embed.base import Embedder, EmbedderSpec
from evalkit.embed.openl3 import OpenL3Embedder, frames, load, prepare
from evalkit.mini.train.loop import ship
from evalkit.nets.openl3 import OpenL3, OpenL3Config

CONFIG = OpenL3Config(n_mels=64, width=2, embedding=16)


def network() -> OpenL3:
    torch.manual_seed(0)
    return OpenL3(CONFIG).eval()


def embedder(batch: int = 16) -> OpenL3Embedder:
    return OpenL3Embedder(EmbedderSpec("test", "openl3", 32, "", {}), network(), batch=batch)


def clip(seconds: float, rate: int = 16000, channels: int = 2, seed: int = 0) -> Clip:
    samples = 0.1 * np.random.default_rng(seed).standard_normal((channels, round(seconds * rate)))
    return Clip(samples.astype(np.float32), rate, f"{seed}")


@pytest.mark.parametrize(("seconds", "count"), [(0.3, 1), (0.5, 1), (1.0, 2), (10.0, 20), (10.001, 21)])
def test_frames_per_clip(seconds: float, count: int) -> None:
    """10 s give 20 rows; another count would weigh clips differently from the shipped statistics."""
    assert len(frames(np.zeros(round(seconds * 48000), np.float32), 48000)) == count


def test_the_first_window_starts_half_a_second_early() -> None:
    """openl3's center=True: 24,000 zeros on the left, zeros on the right until all samples are covered."""
    found = frames(np.ones(48000, np.float32), 48000)
    assert not found[0][:24000].any()
    assert found[0][24000:].all()
    assert found[1].all()
    assert not frames(np.ones(50000, np.float32), 48000)[2][26000:].any()


def test_preparation_is_the_published_chain() -> None:
    """Joint peak first, soxr to 44.1 kHz, then resampy 0.2.2 to 48 kHz."""
    sound = clip(1.0)
    wanted = resample_kaiser_best(resample(peak_normalize(sound.samples, -1.0), 16000, 44100), 44100, 48000)
    np.testing.assert_array_equal(prepare(sound, 48000), wanted)


def test_level_is_joint() -> None:
    """A quiet right channel stays quiet beside the left: stereo balance must reach the network."""
    sound = clip(1.0)
    sound.samples[1] *= 0.01
    left, right = prepare(sound, 48000)
    assert np.abs(left).max() > 50 * np.abs(right).max()


def test_stereo_is_left_beside_right() -> None:
    sound = clip(2.0)
    both = embedder().embed([sound])[0]
    assert both.shape == (4, 32)
    swapped = embedder().embed([Clip(sound.samples[::-1].copy(), sound.rate, "")])[0]
    np.testing.assert_allclose(swapped, np.roll(both, 16, axis=1), atol=1e-5)


def test_mono_is_embedded_once_and_stands_for_both_sides() -> None:
    """Half the cost, the same numbers; a stereo file with equal channels is the same sound."""
    mono = clip(2.0, channels=1)
    double = Clip(np.repeat(mono.samples, 2, axis=0), mono.rate, "")
    seen: list[int] = []
    instance = embedder()
    instance._net.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    found, again = instance.embed([mono])[0], instance.embed([double])[0]
    assert seen == [4, 4]
    np.testing.assert_array_equal(found[:, :16], found[:, 16:])
    np.testing.assert_array_equal(found, again)


def test_features_do_not_depend_on_batch_or_neighbours() -> None:
    """Batches of 1, 7 and 64 over clips of several lengths, and each clip alone: within 1e-5."""
    clips = [clip(1.0, seed=1), clip(2.3, 44100, 1, seed=2), clip(0.2, seed=3), clip(1.7, 48000, seed=4)]
    first = embedder(1).embed(clips)
    for batch in (7, 64):
        for one, other in zip(first, embedder(batch).embed(clips), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(embedder().embed(clips[2:3])[0], first[2], atol=1e-5)
    assert embedder().embed([]) == []


@pytest.mark.parametrize("samples", [np.zeros((3, 100)), np.zeros((1, 0)), np.full((1, 100), np.nan)])
def test_what_cannot_be_read_is_refused(samples: np.ndarray) -> None:
    """Three channels, nothing, or NaN: a clear error instead of NaN in the statistics."""
    with pytest.raises(UserError):
        embedder().embed([Clip(samples.astype(np.float32), 16000, "")])


def test_loads_from_a_shipped_folder(tmp_path: Path) -> None:
    """fp16 weights and config.json come back as the same network, with an identity of their own."""
    net = network()
    ship(tmp_path, net, CONFIG)
    loaded = load("openl3-test", tmp_path)
    assert isinstance(loaded, Embedder)
    assert loaded.spec.dimensions == 32
    assert len(loaded.spec.weights) == 64
    sound = clip(1.0)
    np.testing.assert_allclose(loaded.embed([sound])[0], embedder().embed([sound])[0], atol=2e-2)
    assert loaded.spec.key != load("other", tmp_path).spec.key


def test_another_config_names_the_tensors(tmp_path: Path) -> None:
    ship(tmp_path, network(), OpenL3Config(n_mels=64, width=4, embedding=32))
    with pytest.raises(BadCheckpoint, match=r"conv2d_1\.weight is \(2, 1, 3, 3\), expected \(4, 1, 3, 3\)"):
        load("openl3-test", tmp_path)


def test_surround_is_heard_folded_down_to_stereo() -> None:
    """5.1 from a film or a phone: centre and back come from their sides, and the low channel from none (BS.775)."""
    sound = clip(0.5, channels=6)
    front, back, root = sound.samples[:2], sound.samples[4:], np.float32(0.5**0.5)
    expected = prepare(replace(sound, samples=front + root * (sound.samples[2] + back)), 48000)
    np.testing.assert_array_equal(prepare(sound, 48000), expected)
    with pytest.raises(UserError):
        prepare(clip(0.5, channels=5), 48000)


def keras_file(path: Path, net: OpenL3) -> Path:
    """The network as tf.keras saves its weights: kernels as (height, width, in, out), a group per layer."""
    state = {name: each.numpy() for name, each in net.state_dict().items()}
    with h5py.File(path, "w") as file:
        names = []
        for number in range(1, 9):
            conv = f"conv2d_{number}" if number < 8 else "audio_embedding_layer"
            norm = [state[f"batch_normalization_{number}.{key}"] for key in ("weight", "bias", *RUNNING)]
            kernel = np.transpose(state[f"{conv}.weight"], (2, 3, 1, 0))
            for layer, arrays in ((f"batch_normalization_{number}", norm), (conv, [kernel, state[f"{conv}.bias"]])):
                names.append(layer.encode())
                group = file.create_group(layer)
                group.attrs["weight_names"] = [f"{layer}/{place}:0".encode() for place in range(len(arrays))]
                for place, array in enumerate(arrays):
                    group.create_dataset(f"{layer}/{place}:0", data=array)
        file.attrs["layer_names"] = names
    return path


RUNNING = ("running_mean", "running_var")


def test_equal_weights_are_equal_whichever_file_they_are_in(tmp_path: Path) -> None:
    """A `.h5` packed and unpacked gives bit-equal features; the gate called it another network."""
    net = OpenL3(OpenL3Config())
    plain, packed = keras_file(tmp_path / "w.h5", net), tmp_path / "w.h5.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    tensors = {name: each.clone() for name, each in net.state_dict().items() if "num_batches" not in name}
    save_file(tensors, tmp_path / "w.safetensors")
    torch.save(tensors, tmp_path / "w.pt")
    files = (plain, packed, tmp_path / "w.safetensors", tmp_path / "w.pt")
    assert len({load("openl3-env", file).spec.key for file in files}) == 1
    tensors["conv2d_1.bias"][0] += 1e-3
    torch.save(tensors, tmp_path / "w.pt")
    assert load("openl3-env", tmp_path / "w.pt").spec.weights != load("openl3-env", plain).spec.weights
