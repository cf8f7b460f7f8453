"""Mel filter banks, conventions that must not be mixed: Slaney's (OpenL3, Cnn14), Kaldi's (PaSST) and HTK's (VGGish).

Sources: M. Slaney, *Auditory Toolbox*, 1998, in librosa's form (`librosa.filters.mel`, htk=False,
norm="slaney"); Kaldi's `feat/mel-computations.cc` in torchaudio's form (`compliance.kaldi.get_mel_banks`,
no vocal tract warping); AudioSet's `mel_features.py` in torchvggish. Each is computed in the precision of its source,
so that rounding agrees too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LINEAR_HZ = 200.0 / 3
_BREAK_HZ = 1000.0
_LOG_STEP = math.log(6.4) / 27


def slaney_bank(rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Tensor:
    """float32 (n_mels, n_fft // 2 + 1): triangles of unit area, linear in Hz, on Slaney's mel scale.

    `rate`, `fmin` and `fmax` in Hz.
    """
    bins = torch.linspace(0, rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    edges = _slaney_to_hz(torch.linspace(_hz_to_slaney(fmin), _hz_to_slaney(fmax), n_mels + 2, dtype=torch.float64))
    widths = edges.diff()[:, None]
    ramps = edges[:, None] - bins
    triangles = torch.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]).clamp(min=0)
    area = 2.0 / (edges[2:] - edges[:-2])
    # librosa rounds the triangles to float32 before it scales them.
    return (triangles.float().double() * area[:, None]).float()


def kaldi_bank(rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Tensor:
    """float32 (n_mels, n_fft // 2 + 1): triangles of unit height, linear in Kaldi's mel; the last bin is 0.

    `rate`, `fmin` and `fmax` in Hz. Kaldi has no filter at the Nyquist bin.
    """
    low, high = _hz_to_kaldi(fmin), _hz_to_kaldi(fmax)
    step = (high - low) / (n_mels + 1)
    index = torch.arange(n_mels)[:, None]
    left, centre, right = low + index * step, low + (index + 1.0) * step, low + (index + 2.0) * step
    bins = 1127.0 * (1.0 + (rate / n_fft) * torch.arange(n_fft // 2) / 700.0).log()
    triangles = torch.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clamp(min=0)
    return torch.nn.functional.pad(triangles, (0, 1))


def htk_bank(rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Tensor:
    """float64 (n_fft // 2 + 1, n_mels): triangles of unit height, linear in HTK's mel, without the constant.

    `rate`, `fmin` and `fmax` in Hz.
    """
    bins = 1127 * (1 + torch.linspace(0, rate / 2, n_fft // 2 + 1, dtype=torch.float64)[:, None] / 700).log()
    edges = torch.linspace(_hz_to_kaldi(fmin), _hz_to_kaldi(fmax), n_mels + 2, dtype=torch.float64)  # of one scale
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    bank = torch.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clamp(min=0)
    bank[0] = 0
    return bank


def _hz_to_slaney(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ
    return _BREAK_HZ / _LINEAR_HZ + math.log(hz / _BREAK_HZ) / _LOG_STEP


def _slaney_to_hz(mels: Tensor) -> Tensor:
    start = _BREAK_HZ / _LINEAR_HZ
    return torch.where(mels < start, mels * _LINEAR_HZ, _BREAK_HZ * (_LOG_STEP * (mels - start)).exp())


def _hz_to_kaldi(hz: float) -> float:
    return 1127.0 * math.log(1.0 + hz / 700.0)
