"""OpenL3's network: its size, its layers, and the order of its pooled features."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from evalkit.nets.openl3 import OpenL3, OpenL3Config

MINI = OpenL3Config(n_mels=64, width=2, embedding=16)


def test_the_published_size_has_the_published_number_of_parameters() -> None:
    """4,689,860 with the moving statistics: any other number is another network."""
    with torch.device("meta"):
        net = OpenL3(OpenL3Config())
    moving = sum(buffer.numel() for name, buffer in net.named_buffers() if "running" in name)
    assert sum(parameter.numel() for parameter in net.parameters()) + moving == 4_689_860


def test_batch_norm_is_keras_and_the_last_convolution_is_linear() -> None:
    """torch's default epsilon, or a ReLU at the end, would load without an error and give other features."""
    torch.manual_seed(0)
    net = OpenL3(MINI).eval()
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert len(norms) == 8
    assert all(norm.eps == 1e-3 for norm in norms)
    assert bool((net(-80 * torch.rand(4, 1, 64, 199)) < 0).any())


def test_the_grid_embedding_is_ordered_band_time_channel() -> None:
    """Keras keeps channels last; another order would pair the wrong dimensions with shipped statistics."""
    torch.manual_seed(0)
    net = OpenL3(OpenL3Config(n_mels=64, width=2, embedding=192)).eval()
    hidden = torch.randn(1, 16, 8, 24)
    flat = net._pooled(hidden)[0]
    assert flat.shape == (192,)
    assert float(flat[(1 * 3 + 2) * 16 + 5]) == float(hidden[0, 5, 2:4, 16:24].max())


@pytest.mark.parametrize("sizes", [{"n_mels": 100}, {"embedding": 500}])
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(sizes.values())))):
        OpenL3Config(**sizes)


def test_frames_of_a_window() -> None:
    assert OpenL3Config().frames == math.ceil(48000 / 242) == 199


def trained(width: int) -> OpenL3:
    """Seeded weights, with statistics as training leaves them: far from BatchNorm's 0 and 1."""
    torch.manual_seed(0)
    net = OpenL3(OpenL3Config(n_mels=64, width=width, embedding=8 * width)).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            first = module.num_features == 1
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.normal_(module.bias, 0, 0.1)
            module.running_mean.normal_(-45.0 if first else 0.0, 0.1)
            torch.nn.init.uniform_(module.running_var, 150 if first else 0.5, 450 if first else 1.5)
        elif isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return net


def frame_error(found: torch.Tensor, exact: torch.Tensor) -> float:
    """Of any value, relative to the root mean square of its window."""
    return float(((found - exact).abs() / exact.square().mean(1, keepdim=True).sqrt()).max())


@torch.inference_mode()
def test_prepared_for_inference_gives_the_same_numbers() -> None:
    """Every batch size, within 2e-5 of the window's root mean square beside float64."""
    net = trained(32)
    decibel = -80 * torch.rand(6, 1, 64, 199)
    exact = copy.deepcopy(net).double()(decibel.double())
    names = list(net.state_dict())
    net.prepare_for_inference()
    assert net._fast is not None
    assert list(net.state_dict()) == names
    for count in (1, 4, 6):
        found = net(decibel[:count])
        assert found.dtype == torch.float32
        assert frame_error(found.double(), exact[:count]) < 2e-5


def test_prepared_for_inference_still_has_gradients_and_float64() -> None:
    """Whoever measures in float64 or differentiates must not get the fast float32."""
    net = trained(32)
    decibel = -80 * torch.rand(2, 1, 64, 199)
    plain = net(decibel)
    net.prepare_for_inference()
    assert torch.equal(net(decibel), plain)
    assert net(decibel).requires_grad
    with torch.inference_mode():
        assert net.double()(decibel.double()).dtype == torch.float64


def test_training_drops_the_prepared_weights() -> None:
    """After a training step the features must be those of the new weights."""
    net = trained(32)
    net.prepare_for_inference()
    net.train()
    with torch.no_grad():
        net.get_parameter("conv2d_3.weight").mul_(0.5)
        net.eval()
        decibel = -80 * torch.rand(1, 1, 64, 199)
        before = net(decibel)
        net.prepare_for_inference()
        assert frame_error(net(decibel), before) < 4e-5


def test_a_narrow_network_keeps_the_plain_convolutions() -> None:
    """openl3-mini is slower the other way, and its shipped statistics stay to the bit."""
    net = trained(8)
    net.prepare_for_inference()
    assert net._fast is None
