"""VGGish: the published size and names, its patches, and the order in which it flattens."""

from __future__ import annotations

import copy

import numpy as np
import torch

from evalkit.nets.vggish import Patches, VGGish, VGGishConfig
from evalkit.originals.seeded.torch_files import vggish_shapes

SMALL = VGGishConfig(width=4, hidden=8, features=3)


def test_the_published_size_and_names() -> None:
    """72,141,184 parameters under torchvggish's names, so that its file loads as it is."""
    with torch.device("meta"):
        net = VGGish(VGGishConfig())
    assert sum(parameter.numel() for parameter in net.parameters()) == 72_141_184
    assert {name: tuple(each.shape) for name, each in net.state_dict().items()} == vggish_shapes()


def test_patches_follow_one_another_and_the_rest_is_dropped() -> None:
    """15,600 samples are one patch, one less is none; 8 s are eight, 10 s ten."""
    front = Patches(SMALL)
    counts = {count: front(torch.zeros(1, count)).shape[1] for count in (15599, 15600, 128000, 160000)}
    assert counts == {15599: 0, 15600: 1, 128000: 8, 160000: 10}
    assert SMALL.shortest == 15600


def test_a_patch_is_the_log_of_htk_bands_of_magnitude() -> None:
    audio = np.random.default_rng(0).standard_normal(15600).astype(np.float32)
    found = Patches(SMALL)(torch.from_numpy(audio)[None])[0, 0].numpy()
    frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), 400)[::160]
    magnitude = np.abs(np.fft.rfft(frames * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)), 512))
    mel = 1127 * np.log(1 + np.linspace(0, 8000, 257) / 700)
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    bank = np.stack([np.interp(mel, edges[band : band + 3], [0, 1, 0], 0, 0) for band in range(64)], axis=1)
    np.testing.assert_allclose(found, np.log(magnitude @ bank + 0.01), atol=1e-5)


def test_it_flattens_time_before_bands_before_channels() -> None:
    """As TensorFlow did; torch's own order would load and be noise."""
    torch.manual_seed(0)
    net, audio = VGGish(SMALL).eval(), torch.randn(1, 15600)
    patch = net.front(audio)
    x = net.features(patch[0][:, None])[0].permute(1, 2, 0).reshape(-1)
    first = net.embeddings[0]
    assert isinstance(first, torch.nn.Linear)
    wanted = net.embeddings[1:](first.weight @ x + first.bias)
    torch.testing.assert_close(net(audio)[0, 0], wanted, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_prepared_for_inference_gives_the_same_numbers() -> None:
    """FAD by the quick form is the paper's FAD: each patch within 2e-6 of the largest number beside float64."""
    torch.manual_seed(1)
    net = VGGish(VGGishConfig(width=32, hidden=8, features=3)).eval()
    patches = torch.randn(3, 1, 96, 64)
    exact = copy.deepcopy(net.features).double()(patches.double())
    net.prepare_for_inference()
    quick = net.fast_for(patches)
    assert quick is not None
    found = quick(patches)
    assert found.shape == exact.shape
    assert float((found - exact).abs().max()) < 2e-6 * float(exact.max())
