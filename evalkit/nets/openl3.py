"""OpenL3's audio network, from decibels on, as openl3 0.4.2 runs it.

Cramer, Wu, Salamon, Bello, "Look, Listen and Learn More: Design Choices for Deep Audio Embeddings", ICASSP
2019; marl/openl3 at b0bf9b6, `models.py` 90-103 (pooling), 492-594 (network).

The decibels are made in `embed/log_mel.py`, outside torch: they hang on the last bits of a transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from evalkit.nets.prepared import Form, Prepared, folded
from evalkit.nets.winograd import Conv3x3, Padded

KERAS_EPSILON = 1e-3
"""Keras' BatchNorm epsilon; torch's is 1e-5."""

KERAS_MOMENTUM = 0.01
"""Keras' BatchNorm momentum 0.99, in torch's way of counting."""


@dataclass(frozen=True)
class OpenL3Config:
    """Sizes; the defaults are the published mel256 network with 512 dimensions.

    `rate` Hz; `n_fft` and `hop` in samples at that rate; `n_mels` bands from 0 Hz to half the rate;
    `width` channels of the first convolution, doubled in each block; `embedding` is 8 * width (one
    maximum over the whole window) or 96 * width (a 4 x 3 grid of maxima).
    """

    rate: int = 48000
    n_fft: int = 2048
    hop: int = 242
    n_mels: int = 256
    width: int = 64
    embedding: int = 512

    def __post_init__(self) -> None:
        if self.n_mels % 32:
            raise ValueError(f"n_mels {self.n_mels} is not a multiple of 32")
        if self.embedding not in (8 * self.width, 96 * self.width):
            raise ValueError(f"embedding {self.embedding} is neither 8 nor 96 times the width {self.width}")

    @property
    def frames(self) -> int:
        """Spectral frames of a one-second window: 199."""
        return -(-self.rate // self.hop)


class OpenL3(Prepared):
    """(batch, 1, n_mels, frames) decibels of one-second windows to (batch, embedding).

    Layers carry the order of the Keras file: eight times BatchNorm then convolution, the last convolution
    (`audio_embedding_layer`) linear.
    """

    def __init__(self, config: OpenL3Config) -> None:
        super().__init__()
        self.config = config
        widths = [1] + [config.width * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8)]
        for index in range(8):
            norm = nn.BatchNorm2d(widths[index], eps=KERAS_EPSILON, momentum=KERAS_MOMENTUM)
            convolution = nn.Conv2d(widths[index], widths[index + 1], 3, padding="same")
            self.add_module(f"batch_normalization_{index + 1}", norm)
            self.add_module(f"conv2d_{index + 1}" if index < 7 else "audio_embedding_layer", convolution)

    def faster(self) -> Form:
        return _Folded(self)

    def forward(self, decibel: Tensor) -> Tensor:
        fast = self.fast_for(decibel)
        if fast is not None:
            # Alone, a window's largest map has 13 MB; glibc gives back and takes anew whatever has over 32 MB.
            return torch.cat([self._pooled(fast(window)) for window in decibel.split(1)])
        hidden: Tensor = self.get_submodule("batch_normalization_1")(decibel)
        for index in range(1, 8):
            hidden = self.get_submodule(f"conv2d_{index}")(hidden)
            hidden = F.relu(self.get_submodule(f"batch_normalization_{index + 1}")(hidden))
            if index in (2, 4, 6):
                hidden = F.max_pool2d(hidden, 2)
        return self._pooled(self.get_submodule("audio_embedding_layer")(hidden))

    def _pooled(self, hidden: Tensor) -> Tensor:
        if self.config.embedding == 8 * self.config.width:
            return hidden.amax(dim=(2, 3))
        grid = F.max_pool2d(hidden, (self.config.n_mels // 32, 8))
        # Keras keeps channels last, so the flat order is band, time, channel.
        return grid.permute(0, 2, 3, 1).flatten(1)


class _Folded:
    """The convolutions of a trained network with the BatchNorm after each folded in.

    The first BatchNorm stays: the convolution after it pads with zeros, which no bias can stand for.
    """

    def __init__(self, net: OpenL3) -> None:
        self._norm = net.get_submodule("batch_normalization_1")
        weight, bias = _folded(net, 1)
        self._first = weight.float().contiguous(memory_format=torch.channels_last), bias.float()
        self._others = [
            Conv3x3(*_folded(net, index), relu=True, pool="max" if index in (2, 4, 6) else "") for index in range(2, 8)
        ]
        self._others.append(Conv3x3(*_folded(net, 8)))

    def __call__(self, decibel: Tensor) -> Tensor:
        """(batch, 1, n_mels, frames) to (batch, 8 * width, n_mels / 8, frames / 8), before the pooling."""
        normal = self._norm(decibel).contiguous(memory_format=torch.channels_last)
        hidden = Padded.of(F.conv2d(normal, *self._first, padding="same"), relu=True)
        for convolution in self._others:
            hidden = convolution(hidden)
        return hidden.plain()


def _folded(net: OpenL3, index: int) -> tuple[Tensor, Tensor]:
    """Of convolution 1 to 8 and the BatchNorm after it, where there is one."""
    if index == 8:
        return folded(net.get_submodule("audio_embedding_layer"))
    return folded(net.get_submodule(f"conv2d_{index}"), net.get_submodule(f"batch_normalization_{index + 1}"))


def tensors_of_keras(layers: Sequence[tuple[str, Sequence[NDArray[np.float32]]]]) -> dict[str, Tensor]:
    """State of an OpenL3 network from the (name, arrays) of a Keras model's layers with weights, in order.

    BatchNorm: gamma, beta, moving mean and variance, (channels,). Convolution: kernel (height, width, in, out)
    and bias (out,). Names only serve the messages. Raises ValueError, naming the layer, where there are other
    layers than eight times these two, or arrays of another rank.
    """
    if len(layers) != 16:
        raise ValueError(f"holds {len(layers)} layers of weights, not 16 (eight times BatchNorm and convolution)")
    found: dict[str, Tensor] = {}
    for index, (name, arrays) in enumerate(layers):
        ranks = [array.ndim for array in arrays]
        wanted = [4, 1] if index % 2 else [1, 1, 1, 1]
        if ranks != wanted:
            kind = "a convolution" if index % 2 else "a BatchNorm"
            raise ValueError(f"layer {index + 1} of 16, {name!r}, has arrays of ranks {ranks}; {kind} has {wanted}")
        number = index // 2 + 1
        if index % 2:
            own = f"conv2d_{number}" if number < 8 else "audio_embedding_layer"
            kernel, bias = arrays
            found[f"{own}.weight"] = torch.tensor(kernel).permute(3, 2, 0, 1).contiguous()
            found[f"{own}.bias"] = torch.tensor(bias)
        else:
            keys = ("weight", "bias", "running_mean", "running_var")
            found |= {
                f"batch_normalization_{number}.{key}": torch.tensor(array)
                for key, array in zip(keys, arrays, strict=True)
            }
    return found
