"""VGGish: the convolutional network of FAD, with the front end and the tensor names of torchvggish.

Hershey et al., "CNN Architectures for Large-Scale Audio Classification", ICASSP 2017, arXiv 1609.09430;
harritaylor/torchvggish at f3f9096 (`torchvggish/vggish.py`, `vggish_input.py`, `mel_features.py`), a port of
the one in tensorflow/models. A state dict of `vggish-10086976.pth` has exactly the names and shapes of
:class:`VGGish`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evalkit.nets.melbank import htk_bank
from evalkit.nets.prepared import Form, Prepared, folded
from evalkit.nets.winograd import Conv3x3, Padded, Pool

_WIDTHS = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0)
"""Of the convolutions; 0 is a pooling. As parts of the published 512."""

_TOGETHER = 32
"""Patches that are computed at once, so that an hour takes no more memory than half a minute."""


@dataclass(frozen=True)
class VGGishConfig:
    """`rate`, `fmin`, `fmax` in Hz; `win`, `hop` and `n_fft` in samples; a patch is of `patch` frames, which must be a
    multiple of 16, as `n_mels`. `width` is the first convolution's channels, `hidden` and `features` the last layers'.
    `floor` is added to a band before the logarithm."""

    rate: int = 16000
    win: int = 400
    hop: int = 160
    n_fft: int = 512
    n_mels: int = 64
    fmin: float = 125.0
    fmax: float = 7500.0
    patch: int = 96
    floor: float = 0.01
    width: int = 64
    hidden: int = 4096
    features: int = 128

    @property
    def shortest(self) -> int:
        """Samples of one patch; less has none."""
        return (self.patch - 1) * self.hop + self.win


class Patches(nn.Module):
    """(batch, samples) to log mel patches float32 (batch, patches, frames, bands): no padding, what is left over at the
    end is dropped. In float64, as the original's numpy."""

    def __init__(self, config: VGGishConfig) -> None:
        super().__init__()
        self.config = config
        window = 0.5 - 0.5 * (2 * torch.pi / config.win * torch.arange(config.win, dtype=torch.float64)).cos()
        self.register_buffer("window", window, persistent=False)
        bank = htk_bank(config.rate, config.n_fft, config.n_mels, config.fmin, config.fmax)
        self.register_buffer("bank", bank, persistent=False)
        self.window: Tensor
        self.bank: Tensor

    def forward(self, audio: Tensor) -> Tensor:
        config = self.config
        frames = audio.double().unfold(1, config.win, config.hop) * self.window
        log_mel = (torch.fft.rfft(frames, config.n_fft).abs() @ self.bank + config.floor).log()
        whole = log_mel.shape[1] // config.patch
        return log_mel[:, : whole * config.patch].unflatten(1, (whole, config.patch)).float()


class VGGish(Prepared):
    """(batch, samples) at `config.rate` to (batch, patches, features), before the last ReLU."""

    def __init__(self, config: VGGishConfig) -> None:
        super().__init__()
        self.config = config
        self.front = Patches(config)
        layers: list[nn.Module] = []
        width = 1
        for published in _WIDTHS:
            if not published:
                layers.append(nn.MaxPool2d(2))
                continue
            wider = published * config.width // _WIDTHS[0]
            layers += [nn.Conv2d(width, wider, 3, padding=1), nn.ReLU()]
            width = wider
        self.features = nn.Sequential(*layers)
        flat = width * (config.patch // 16) * (config.n_mels // 16)
        self.embeddings = nn.Sequential(
            nn.Linear(flat, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.features),
        )

    def forward(self, audio: Tensor) -> Tensor:
        patches = self.front(audio)
        found = [self.embedded(each) for each in patches.flatten(0, 1)[:, None].split(_TOGETHER)]
        return torch.cat(found).unflatten(0, patches.shape[:2])

    def embedded(self, patches: Tensor) -> Tensor:
        """(n, 1, frames, bands) to (n, features)."""
        maps = (self.fast_for(patches) or self.features)(patches)
        # The network was TensorFlow's, which flattens (time, bands, channels).
        found: Tensor = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))
        return found

    def faster(self) -> Form:
        return _Quick(self.features)


class _Quick:
    """The convolutions by Winograd's products, all but the first, which has one channel to read."""

    def __init__(self, layers: nn.Sequential) -> None:
        places = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
        weight, bias = folded(layers[places[0]])
        self._first = weight.float().contiguous(memory_format=torch.channels_last), bias.float()
        pools: list[Pool] = [
            "max" if isinstance(each, nn.MaxPool2d) else "" for each in (*list(layers)[2:], None, None)
        ]
        self._others = [Conv3x3(*folded(layers[place]), relu=True, pool=pools[place]) for place in places[1:]]

    def __call__(self, patches: Tensor) -> Tensor:
        """(n, 1, frames, bands) to (n, channels, frames / 16, bands / 16)."""
        # One by one, so that the widest map stays in the cache until it is pooled.
        found = [_maxima(F.conv2d(each, *self._first, padding=1)) for each in patches.split(1)]
        hidden = Padded.of(torch.cat(found), relu=True)
        for convolution in self._others:
            hidden = convolution(hidden)
        return hidden.plain()


def _maxima(hidden: Tensor) -> Tensor:
    """Of 2 x 2, as `max_pool2d`, which takes ten times as long on a map with channels last."""
    both = torch.maximum(hidden[:, :, ::2], hidden[:, :, 1::2])
    return torch.maximum(both[..., ::2], both[..., 1::2])
