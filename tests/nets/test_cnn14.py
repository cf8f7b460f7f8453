"""Cnn14: the published sizes and names, and the constants that lie in its file."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from evalkit.nets.cnn14 import AT_32K, CLASSES, Cnn14, Cnn14Config, initialise
from evalkit.originals.seeded.torch_files import panns_shapes

SMALL = Cnn14Config(width=2)


def small() -> Cnn14:
    torch.manual_seed(0)
    net = Cnn14(SMALL).eval()
    initialise(net)
    return net


@pytest.mark.parametrize("config", [Cnn14Config(), AT_32K])
def test_the_published_sizes_and_names(config: Cnn14Config) -> None:
    """80,753,615 trainable parameters and the front end's constants, under torchlibrosa's names."""
    with torch.device("meta"):
        net = Cnn14(config)
    bins = config.n_fft // 2 + 1
    constants = 2 * bins * config.n_fft + bins * 64
    assert sum(parameter.numel() for parameter in net.parameters()) == 80_753_615 + constants
    shapes = {name: tuple(each.shape) for name, each in net.state_dict().items()}
    assert len(shapes) == 84
    assert {name: shapes[name] for name in panns_shapes()} == panns_shapes()
    assert shapes["spectrogram_extractor.stft.conv_real.weight"] == (bins, 1, config.n_fft)
    assert shapes["logmel_extractor.melW"] == (bins, 64)


def test_the_front_end_is_decibels_of_slaneys_bands() -> None:
    audio = torch.randn(1, 3200, generator=torch.Generator().manual_seed(1))
    found = small().log_mel(audio)[0, 0]
    spectrum = torch.stft(audio, 512, 160, window=torch.hann_window(512), return_complex=True, center=True)[0]
    mel = spectrum.abs().square().T @ small().logmel_extractor.melW
    np.testing.assert_allclose(found.detach(), 10 * mel.clamp(min=1e-10).log10().detach(), atol=1e-2)
    assert found.shape == (21, 64)


def test_constants_of_another_rate_are_found() -> None:
    """A 32 kHz bank in a 16 kHz network is silent nonsense: toolkits load it without a word."""
    net = small()
    assert net.wrong_constants() == []
    with torch.no_grad():
        net.logmel_extractor.melW.mul_(1.001)
    assert net.wrong_constants() == ["logmel_extractor.melW"]
    initialise(net)
    with torch.no_grad():
        net.spectrogram_extractor.stft.conv_imag.weight.neg_()
    assert net.wrong_constants() == ["spectrogram_extractor.stft.conv_imag.weight"]


def test_the_shortest_sound_is_read() -> None:
    net = small()
    features, logits = net(torch.randn(2, SMALL.shortest))
    assert features.shape == (2, SMALL.features)
    assert logits.shape == (2, CLASSES)
    assert (features >= 0).all()


def trained(width: int) -> Cnn14:
    """With normalisations that shift and scale, as a training leaves them."""
    torch.manual_seed(1)
    net = Cnn14(Cnn14Config(width=width))
    initialise(net)
    with torch.no_grad():
        for each in net.modules():
            if (
                isinstance(each, torch.nn.BatchNorm2d)
                and each.running_mean is not None
                and each.running_var is not None
            ):
                each.weight.uniform_(0.5, 2)
                each.bias.normal_(0, 0.3)
                each.running_mean.normal_(0, 0.3)
                each.running_var.uniform_(0.05, 0.5)
    return net.eval()


@torch.inference_mode()
def test_prepared_for_inference_gives_the_same_numbers() -> None:
    """FD, KL and IS by the quick form are the paper's: within 1e-5 of the largest number beside float64, any length."""
    net = trained(32)
    exact = copy.deepcopy(net).double()
    names = list(net.state_dict())
    net.prepare_for_inference()
    assert list(net.state_dict()) == names
    for frames in (32, 75, 201):
        mel = torch.randn(2, 1, frames, 64)
        quick = net.fast_for(mel)
        assert quick is not None
        found, wanted = quick(mel), exact.maps(mel.double())
        assert found.shape == wanted.shape
        assert float((found - wanted).abs().max()) < 1e-5 * float(wanted.max())


@torch.inference_mode()
def test_a_narrow_network_keeps_the_plain_convolutions() -> None:
    net = small()
    net.prepare_for_inference()
    assert net.fast_for(torch.zeros(1, 1, 32, 64)) is None
