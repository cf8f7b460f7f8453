"""Starts a HiFi-GAN as a vocoder, so that a short training begins where it can hear.

Drawn at random, so small a generator learns within 1,300 steps when there is sound and not which. Written in, it adds
up one burst of noise per mel band and frame. The first layer makes amplitudes of logarithms, by hinges (with leaking
rectifiers they would leak into silence: the slope is 0); the first upsampling layer holds the bursts; and the others
only set samples in a row, each channel beside its negative so that rectifiers let both signs through.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor, nn

from evalkit.mini.recordings.mel_windows import BANDS, HOP, RATE, log_mel
from evalkit.nets.melbank import slaney_bank

HINGES = (-7.5, -4.0, -1.2)
"""Logarithms of amplitude from which a band's channels begin to sound."""

LOUDEST = 1.5
SPARE = 0.02
"""What channels and taps without a task are drawn with, so that they can find one."""


@torch.no_grad()
def start_vocoder(vocoder: Any, seed: int) -> None:
    """Set every weight of SpeechT5HifiGan in place: 64 bands, `len(HINGES)` channels for each, 160 samples a frame."""
    generator = torch.Generator().manual_seed(seed)
    convolutions: list[Any] = [each for each in vocoder.modules() if isinstance(each, nn.Conv1d | nn.ConvTranspose1d)]
    for layer in convolutions:
        reads = layer.in_channels * layer.kernel_size[0]
        layer.weight.normal_(std=SPARE * reads**-0.5, generator=generator)
        layer.bias.zero_()
    for block in vocoder.resblocks:
        for layer in block.convs1:
            layer.weight.mul_(1 / SPARE)
        for layer in block.convs2:
            layer.weight.mul_(0.1)
    _write_hinges(vocoder.conv_pre)
    first, *others = vocoder.upsampler
    wide = HOP // first.stride[0]
    bursts = _bursts(generator, first.kernel_size[0] * wide)
    bursts *= torch.from_numpy(_heights()).float()[None, :, None] * _gains(bursts)[:, None, None]
    _write_bursts(first, bursts.flatten(0, 1), wide)
    for layer in others:
        wide //= layer.stride[0]
        _write_row(layer, wide)
    vocoder.conv_post.weight[0, :2, 3] = torch.tensor([1.0, -1.0])


@torch.no_grad()
def fit_levels(vocoder: Any, mels: Tensor, rounds: int = 3) -> None:
    """Bring each band of what the vocoder makes of log mels (windows, frames, 64) to their level, in the mean over
    what is heard: a band of the sound has some of its neighbours' bursts in it."""
    first = vocoder.upsampler[0]
    heard = mels > HINGES[0] + 1
    for _ in range(rounds):
        made = torch.cat([log_mel(vocoder(part)) for part in mels.split(8)])
        excess = ((made - mels) * heard).sum((0, 1)) / heard.sum((0, 1)).clamp(min=1)
        gains = (-0.7 * excess).exp().repeat_interleave(len(HINGES))
        first.weight[: len(gains)] *= gains[:, None, None]


def _heights() -> np.ndarray:
    """(HINGES,) slopes above each hinge that add up to an exponential, equally well at every level."""
    levels = np.arange(HINGES[0] + 0.5, LOUDEST, 0.1)
    ramps = np.maximum(levels[:, None] - np.array(HINGES), 0) / np.exp(levels)[:, None]
    return np.asarray(nnls(ramps, np.ones(len(levels)))[0])


def _write_hinges(layer: Any) -> None:
    for band in range(BANDS):
        for turn, hinge in enumerate(HINGES):
            channel = band * len(HINGES) + turn
            layer.weight[channel, band, layer.kernel_size[0] // 2] = 1.0
            layer.bias[channel] = -hinge


def _bursts(generator: torch.Generator, length: int) -> Tensor:
    """(BANDS, 1, length): white noise through each band, under a window that adds up to one from frame to frame."""
    noise = torch.fft.rfft(torch.randn(BANDS, 1024, generator=generator))
    bands = torch.fft.irfft(noise * slaney_bank(RATE, 1024, BANDS, 0.0, RATE / 2).sqrt())[:, :length]
    window = torch.zeros(length)
    rest = (length - 2 * HOP) // 2
    window[rest : rest + 2 * HOP] = torch.hann_window(2 * HOP)
    return (bands * window)[:, None].expand(-1, len(HINGES), -1).clone()


def _gains(bursts: Tensor) -> Tensor:
    """(BANDS,) that bring each band, at a steady amplitude of 1, to a log mel of 0."""
    frames, length = 40, bursts.shape[-1]
    sound = torch.zeros(BANDS, HOP * frames + length)
    for frame in range(frames):
        sound[:, HOP * frame : HOP * frame + length] += bursts[:, 0]
    mels = log_mel(sound[:, : HOP * frames])[:, 10:-10]
    return (-torch.stack([mels[band, :, band].mean() for band in range(BANDS)])).exp()


def _write_bursts(layer: Any, bursts: Tensor, wide: int) -> None:
    """`bursts` (channels, taps * wide): output channel 2p is sample p of every `wide`, 2p + 1 its negative."""
    taps = bursts.reshape(len(bursts), -1, wide).transpose(1, 2)
    layer.weight[: len(bursts), 0 : 2 * wide : 2] = taps
    layer.weight[: len(bursts), 1 : 2 * wide : 2] = -taps


def _write_row(layer: Any, wide: int) -> None:
    """Out of stride * wide pairs of channels at the lower rate, `wide` pairs at the higher one."""
    for turn in range(layer.stride[0]):
        tap = layer.padding[0] + turn
        for channel in range(wide):
            for sign in (0, 1):
                source = 2 * (turn * wide + channel) + sign
                layer.weight[source, 2 * channel, tap] = 1.0 - 2 * sign
                layer.weight[source, 2 * channel + 1, tap] = 2.0 * sign - 1
