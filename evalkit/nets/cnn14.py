"""Cnn14 of PANNs: fourteen layers of convolution over a log mel spectrogram, with the published tensor names.

Kong, Cao, Iqbal, Wang, Wang, Plumbley, "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern
Recognition", IEEE/ACM TASLP 2020, arXiv 1912.10211; panns-inference 0.1.1, `models.py`, and torchlibrosa 0.1.0,
`stft.py` (front end). The defaults of :class:`Cnn14Config` are `Cnn14_16k_mAP=0.438.pth`; `AT_32K` are those of
`Cnn14_mAP=0.431.pth`. Both state dicts have exactly the names and shapes of :class:`Cnn14`.

The transform and the mel bank lie in the file. The network computes with the file's own, to the rounding of the
original, and :meth:`Cnn14.wrong_constants` says where they are not those of the config.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evalkit.nets.melbank import slaney_bank
from evalkit.nets.prepared import Form, Prepared, folded
from evalkit.nets.winograd import Conv3x3, Padded

CLASSES = 527
"""Of AudioSet."""

CONSTANTS = (
    "spectrogram_extractor.stft.conv_real.weight",
    "spectrogram_extractor.stft.conv_imag.weight",
    "logmel_extractor.melW",
)
"""Tensors of the front end, which follow from the config."""

_FLOOR = 1e-10
_HALVINGS = 5
_BY_TILES = 4
"""Blocks computed by Winograd's products; those of the later ones would take nine times the memory of these."""
_ROWS = 64
"""Frames of the last block's maps that are gathered at once."""


@dataclass(frozen=True)
class Cnn14Config:
    """`rate`, `fmin`, `fmax` in Hz; `n_fft` (also the window's length) and `hop` in samples; `width` channels of the
    first block, doubled by each of the five others: features are 32 times that. `classes` are those of the head."""

    rate: int = 16000
    n_fft: int = 512
    hop: int = 160
    n_mels: int = 64
    fmin: float = 50.0
    fmax: float = 8000.0
    width: int = 64
    classes: int = CLASSES

    @property
    def features(self) -> int:
        return self.width << _HALVINGS

    @property
    def shortest(self) -> int:
        """Samples that leave one frame after five halvings; less cannot be read."""
        return self.hop * ((1 << _HALVINGS) - 1)


AT_32K = Cnn14Config(rate=32000, n_fft=1024, hop=320, fmax=14000.0)


class _Transform(nn.Module):
    """Both parts of a windowed transform, as convolutions: (batch, 1, samples) to (batch, bins, frames) each."""

    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        bins = config.n_fft // 2 + 1
        self.conv_real = nn.Conv1d(1, bins, config.n_fft, config.hop, bias=False)
        self.conv_imag = nn.Conv1d(1, bins, config.n_fft, config.hop, bias=False)

    def forward(self, audio: Tensor) -> Tensor:
        power: Tensor = self.conv_real(audio).square() + self.conv_imag(audio).square()
        return power


class _Spectrogram(nn.Module):
    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        self.stft = _Transform(config)
        self._half = config.n_fft // 2

    def forward(self, audio: Tensor) -> Tensor:
        """(batch, samples) to power (batch, bins, 1 + samples // hop), centred, ends reflected."""
        power: Tensor = self.stft(F.pad(audio[:, None], (self._half, self._half), mode="reflect"))
        return power


class _LogMel(nn.Module):
    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        self.melW = nn.Parameter(torch.zeros(config.n_fft // 2 + 1, config.n_mels))

    def forward(self, power: Tensor) -> Tensor:
        """(batch, bins, frames) to decibels (batch, 1, frames, mels)."""
        return (10 * (power.transpose(1, 2) @ self.melW).clamp(min=_FLOOR).log10())[:, None]


class ConvBlock(nn.Module):
    """Two convolutions of 3 x 3, each normalised and rectified."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class Cnn14(Prepared):
    """(batch, samples) at `config.rate`, at least `config.shortest`, to features (batch, 32 width) and logits
    (batch, classes)."""

    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        self.config = config
        self.spectrogram_extractor = _Spectrogram(config)
        self.logmel_extractor = _LogMel(config)
        self.bn0 = nn.BatchNorm2d(config.n_mels)
        widths = [1, *(config.width << block for block in range(_HALVINGS + 1))]
        for block in range(_HALVINGS + 1):
            self.add_module(f"conv_block{block + 1}", ConvBlock(widths[block], widths[block + 1]))
        self.fc1 = nn.Linear(config.features, config.features)
        self.fc_audioset = nn.Linear(config.features, config.classes)

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        return self.heard(self.log_mel(audio))

    def heard(self, decibels: Tensor) -> tuple[Tensor, Tensor]:
        """The same of what `log_mel` gives."""
        x = self.bn0(decibels.transpose(1, 3)).transpose(1, 3)  # the normalisation is of mel bands
        x = (self.fast_for(x) or self.maps)(x).mean(dim=3)
        features = F.relu(self.fc1(x.amax(dim=2) + x.mean(dim=2)))
        return features, self.fc_audioset(features)

    def maps(self, x: Tensor) -> Tensor:
        """Normalised (batch, 1, frames, mels) to (batch, 32 width, frames / 32, mels / 32)."""
        *blocks, last = self.blocks()
        for block in blocks:
            x = F.avg_pool2d(block(x), 2)
        return last(x)

    def blocks(self) -> list[ConvBlock]:
        """In order."""
        found = (self.get_submodule(f"conv_block{place}") for place in range(1, _HALVINGS + 2))
        return [block for block in found if isinstance(block, ConvBlock)]

    def faster(self) -> Form:
        return _Quick(self)

    def log_mel(self, audio: Tensor) -> Tensor:
        """(batch, samples) to decibels (batch, 1, 1 + samples // hop, mels)."""
        found: Tensor = self.logmel_extractor(self.spectrogram_extractor(audio))
        return found

    def wrong_constants(self) -> list[str]:
        """The tensors of the front end that are not what the config says they are."""
        wanted = zip(CONSTANTS, (*transform(self.config), _bank(self.config)), (1e-4, 1e-4, 1e-6), strict=True)
        return [name for name, should, off in wanted if _farthest(self.get_parameter(name), should) > off]


class _Quick:
    """Block by block as is quickest: Winograd's products with the normalisations folded in, torch's convolutions, and
    for the last block, whose maps are of a few places and whose weights are most of the network, one product."""

    def __init__(self, net: Cnn14) -> None:
        blocks = net.blocks()
        weight, bias = folded(blocks[0].conv1, blocks[0].bn1)
        self._first = weight.float().contiguous(memory_format=torch.channels_last), bias.float()
        self._tiled = []
        for place, block in enumerate(blocks[:_BY_TILES]):
            if place:
                self._tiled.append(Conv3x3(*folded(block.conv1, block.bn1), relu=True))
            self._tiled.append(Conv3x3(*folded(block.conv2, block.bn2), relu=True, pool="mean"))
        self._plain, self._last = blocks[_BY_TILES:-1], blocks[-1]
        self._last.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as the product reads them

    def __call__(self, x: Tensor) -> Tensor:
        """As :meth:`Cnn14.maps`, each clip by itself."""
        return torch.cat([self._maps(each) for each in x.split(1)])

    def _maps(self, x: Tensor) -> Tensor:
        hidden = Padded.of(F.conv2d(x, *self._first, padding=1), relu=True)
        for convolution in self._tiled:
            hidden = convolution(hidden)
        x = hidden.plain().contiguous()
        for block in self._plain:
            x = F.avg_pool2d(block(x), 2)
        x = F.relu(self._last.bn1(_product(x, self._last.conv1.weight)))
        return F.relu(self._last.bn2(_product(x, self._last.conv2.weight)))


def _product(x: Tensor, weight: Tensor) -> Tensor:
    """A 3 x 3 convolution with zeros around of (1, in, height, width); `weight` (out, in, 3, 3) has channels last."""
    filters = weight.permute(2, 3, 1, 0).flatten(0, 2)
    seen = F.pad(x, (1, 1, 1, 1))[0].permute(1, 2, 0).unfold(0, 3, 1).unfold(1, 3, 1).permute(0, 1, 3, 4, 2)
    found = [rows.flatten(2).flatten(0, 1) @ filters for rows in seen.split(_ROWS)]
    return torch.cat(found).view(x.shape[2], x.shape[3], -1).permute(2, 0, 1)[None]


def _farthest(has: Tensor, should: Tensor) -> float:
    return float((has.detach().cpu() - should).abs().max())


def transform(config: Cnn14Config) -> tuple[Tensor, Tensor]:
    """float32 (bins, 1, n_fft): the real and the imaginary part under a periodic Hann window."""
    n = torch.arange(config.n_fft, dtype=torch.float64)
    window = torch.hann_window(config.n_fft, periodic=True, dtype=torch.float64)
    angle = -2 * torch.pi * torch.outer(n[: config.n_fft // 2 + 1], n) / config.n_fft
    return (angle.cos() * window)[:, None].float(), (angle.sin() * window)[:, None].float()


def _bank(config: Cnn14Config) -> Tensor:
    """float32 (bins, n_mels): librosa's bank, as torchlibrosa keeps it."""
    return slaney_bank(config.rate, config.n_fft, config.n_mels, config.fmin, config.fmax).T


def initialise(net: Cnn14) -> None:
    """The front end's constants as the config says them; the rest as torch draws it."""
    stft, (real, imag) = net.spectrogram_extractor.stft, transform(net.config)
    with torch.no_grad():
        stft.conv_real.weight.copy_(real)
        stft.conv_imag.weight.copy_(imag)
        net.logmel_extractor.melW.copy_(_bank(net.config))
