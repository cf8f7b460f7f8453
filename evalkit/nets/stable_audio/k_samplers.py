"""The samplers of velocity models that stable-audio-tools takes from k-diffusion under names with `k-`.

As those of `samplers.py`, but for two calls of the network a step (`k-lms`: one). Heun, DPM-2 and LMS are deterministic
(Karras et al. 2022, algorithm 2; Lu et al. 2022, DPM-Solver-2; linear multistep of fourth order); 2S ancestral is
DPM-Solver++ 2S (Lu et al. 2022, algorithm 1) down to less noise than the next level, and fresh noise up to it.
Source: k-diffusion sampling.py at 4601bf0, with `s_churn` 0, as stable-audio-tools calls them.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from evalkit.nets.stable_audio.samplers import Noise, Sampler
from evalkit.nets.stable_audio.schedule import Denoiser

_ORDER = 4
_NODES = (0.0694318442029737, 0.3300094782075719, 0.6699905217924281, 0.9305681557970263)
_WEIGHTS = (0.1739274225687269, 0.3260725774312731, 0.3260725774312731, 0.1739274225687269)
"""Gauss and Legendre's on [0, 1], exact for polynomials up to degree 7."""


def heun(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, eta: float = 0.0) -> Tensor:
    """Second order: the mean of the slopes at both ends of a step; `noise` and `eta` are not used."""
    for sigma, sigma_next in pairwise(sigmas):
        slope = _slope(denoise, x, sigma)
        if sigma_next > 0:
            slope = (slope + _slope(denoise, x + (sigma_next - sigma) * slope, sigma_next)) / 2
        x = x + (sigma_next - sigma) * slope
    return x


def dpm_2(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, eta: float = 0.0) -> Tensor:
    """Second order: the slope in the middle of a step, by log sigma; `noise` and `eta` are not used."""
    for sigma, sigma_next in pairwise(sigmas):
        slope = _slope(denoise, x, sigma)
        if sigma_next > 0:
            middle = (sigma * sigma_next).sqrt()
            slope = _slope(denoise, x + (middle - sigma) * slope, middle)
        x = x + (sigma_next - sigma) * slope
    return x


def lms(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, eta: float = 0.0) -> Tensor:
    """Fourth order: the integral of the polynomial through the last slopes; `noise` and `eta` are not used."""
    slopes: list[Tensor] = []
    for step in range(len(sigmas) - 1):
        slopes = [_slope(denoise, x, sigmas[step]), *slopes][:_ORDER]
        levels = [float(sigmas[step - back]) for back in range(len(slopes))]
        for place, slope in enumerate(slopes):
            x = x + _weight(levels, place, float(sigmas[step + 1])) * slope
    return x


def dpmpp_2s_ancestral(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, eta: float = 1.0) -> Tensor:
    """Second order, single step. At eta 0 no noise is added."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        fresh = torch.minimum(sigma_next, eta * sigma_next * (1 - (sigma_next / sigma) ** 2).sqrt())
        lower = (sigma_next**2 - fresh**2).sqrt()
        if lower == 0:
            x = denoised
        else:
            middle = (sigma * lower).sqrt()
            x_middle = middle / sigma * x + (1 - middle / sigma) * denoised
            x = lower / sigma * x + (1 - lower / sigma) * denoise(x_middle, middle)
        if fresh > 0:
            x = x + fresh * noise()
    return x


def _slope(denoise: Denoiser, x: Tensor, sigma: Tensor) -> Tensor:
    """dx / dsigma of the probability flow."""
    return (x - denoise(x, sigma)) / sigma


def _weight(levels: list[float], place: int, end: float) -> float:
    """The integral from levels[0] to `end` of the polynomial that is 1 at levels[place] and 0 at the others."""
    start, total = levels[0], 0.0
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        value, at = 1.0, start + node * (end - start)
        for other, level in enumerate(levels):
            value *= 1.0 if other == place else (at - level) / (levels[place] - level)
        total += weight * value
    return total * (end - start)


K_SAMPLERS: dict[str, Sampler] = {
    "k-heun": heun,
    "k-dpm-2": dpm_2,
    "k-lms": lms,
    "k-dpmpp-2s-ancestral": dpmpp_2s_ancestral,
}
