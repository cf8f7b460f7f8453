"""Losses of the autoencoder's recipe.

Multi-resolution STFT distance on left, right, sum and difference, as in the Stable Audio papers: sum and
difference alone cannot tell left from right, left and right alone do not weigh the stereo image.
Source: Evans et al., "Fast timing-conditioned latent audio diffusion", 2024, section 3.2; the distance itself
is Yamamoto et al., "Parallel WaveGAN", 2020, section 2.2 (spectral convergence plus L1 of log magnitudes).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from evalkit.nets.melbank import slaney_bank

FFT_SIZES = (2048, 512, 128, 32)
FLOOR = 1e-3
"""60 dB below a full-scale sine, added to every magnitude: without it the logarithm of what nobody hears
outweighs all sound, and its gradient drowns all others."""


def views(audio: Tensor) -> Tensor:
    """(batch, 4, samples): left, right, sum and difference of (batch, 2, samples)."""
    left, right = audio[:, 0], audio[:, 1]
    return torch.stack([left, right, (left + right) / 2, (left - right) / 2], dim=1)


def magnitude(signal: Tensor, size: int) -> Tensor:
    """(rows, bins, frames) STFT magnitude with a Hann window of `size` and a quarter of it as hop.

    Scaled so that a full-scale sine has 1 at any size.
    """
    window = torch.hann_window(size, device=signal.device)
    spectrum = torch.stft(signal, size, size // 4, size, window, center=True, pad_mode="reflect", return_complex=True)
    power = (spectrum.real.square() + spectrum.imag.square()) * (2 / window.sum()) ** 2
    return (power + 1e-12).sqrt() + FLOOR


@lru_cache
def mel_bank(size: int, rate: int) -> Tensor:
    """(bands, bins) triangles that sum to one, about one band for every eight bins."""
    bank = slaney_bank(rate, size, max(size // 16, 4), 0.0, rate / 2)
    return bank / bank.sum(dim=1, keepdim=True).clamp(min=1e-8)


def distances(estimate: Tensor, target: Tensor, size: int, rate: int) -> tuple[Tensor, Tensor]:
    """STFT distance (spectral convergence plus mean absolute log difference) and mean absolute difference of
    log mel bands, of (rows, samples) signals at one resolution.

    A bin of noise is a coin toss that no decoder can guess; a band of bins is not, and teaches envelopes early.
    """
    found, wanted = magnitude(estimate, size), magnitude(target, size)
    convergence = torch.linalg.vector_norm(found - wanted) / torch.linalg.vector_norm(wanted).clamp(min=1e-3)
    bank = mel_bank(size, rate).to(found)
    bands, wanted_bands = ((bank @ one + FLOOR).log() for one in (found, wanted))
    return convergence + F.l1_loss(found.log(), wanted.log()), F.l1_loss(bands, wanted_bands)


def multi_resolution_stft(estimate: Tensor, target: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """STFT and mel distances, each the mean over resolutions, of (batch, 2, samples) sound."""
    found, wanted = views(estimate).flatten(0, 1), views(target).flatten(0, 1)
    pairs = [distances(found, wanted, size, rate) for size in FFT_SIZES]
    return torch.stack([stft for stft, _ in pairs]).mean(), torch.stack([mel for _, mel in pairs]).mean()
