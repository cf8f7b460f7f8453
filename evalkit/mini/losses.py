"""Losses of the autoencoder's recipe.

Multi-resolution STFT distance on left, right, sum and difference, as in the Stable Audio papers: sum and
difference alone cannot tell left from right, left and right alone do not weigh the stereo image.
Source: Evans et al., "Fast timing-conditioned latent audio diffusion", 2024, section 3.2; the distance itself
is Yamamoto et al., "Parallel WaveGAN", 2020, section 2.2 (spectral convergence plus L1 of log magnitudes).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

FFT_SIZES = (2048, 512, 128, 32)
POWER_FLOOR = 1e-6
"""Power below which a bin counts as silent; without it, the log of padded silence outweighs all sound."""


def views(audio: Tensor) -> Tensor:
    """(batch, 4, samples): left, right, sum and difference of (batch, 2, samples)."""
    left, right = audio[:, 0], audio[:, 1]
    return torch.stack([left, right, (left + right) / 2, (left - right) / 2], dim=1)


def magnitude(signal: Tensor, size: int) -> Tensor:
    """(rows, bins, frames) STFT magnitude with a Hann window of `size` and a quarter of it as hop."""
    window = torch.hann_window(size, device=signal.device)
    spectrum = torch.stft(signal, size, size // 4, size, window, center=True, pad_mode="reflect", return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    return power.clamp(min=POWER_FLOOR).sqrt()


def stft_distance(estimate: Tensor, target: Tensor, size: int) -> Tensor:
    """Spectral convergence plus mean absolute log difference of (rows, samples) signals at one resolution."""
    found, wanted = magnitude(estimate, size), magnitude(target, size)
    convergence = torch.linalg.vector_norm(found - wanted) / torch.linalg.vector_norm(wanted).clamp(min=1e-3)
    return convergence + F.l1_loss(found.log(), wanted.log())


def multi_resolution_stft(estimate: Tensor, target: Tensor) -> Tensor:
    """Mean STFT distance over resolutions, of (batch, 2, samples) sound."""
    found, wanted = views(estimate).flatten(0, 1), views(target).flatten(0, 1)
    distances = [stft_distance(found, wanted, size) for size in FFT_SIZES]
    return torch.stack(distances).mean()


def kl_to_standard_normal(mean: Tensor, std: Tensor) -> Tensor:
    """KL of the posterior from N(0, 1), summed over latent channels, mean over batch and time."""
    return 0.5 * (mean.square() + std.square() - 2 * std.log() - 1).sum(dim=1).mean()
