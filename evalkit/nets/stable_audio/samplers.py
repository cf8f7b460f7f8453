"""The samplers of velocity models: DPM-Solver++ in its multistep forms 2M, 2M-SDE and 3M-SDE, and DDIM.

Each DPM-Solver++ takes a denoiser, a start x = noise * sigmas[0] (batch, ...), falling noise levels that end in
0, and a source of noise, and returns the clean x. They follow Lu et al., "DPM-Solver++", 2022 (2M: algorithm 2; SDE:
appendix A) and k-diffusion sampling.py at 4601bf0, with lambda = -log sigma as the solver's time.

At eta 0 no noise is added; at eta 1 the SDE is solved in full. The steps are disjoint in sigma, so the
Brownian increments are independent and a fresh standard normal per step is exact.

`ddim` (Song et al. 2021) works on x_t = cos(t pi/2) x + sin(t pi/2) n itself, on falling times that end in 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from evalkit.nets.stable_audio.schedule import Denoiser, Velocity

Noise = Callable[[], Tensor]
"""() -> standard normal of x's shape; each item of the batch from its own generator."""

Sampler = Callable[[Denoiser, Tensor, Tensor, Noise, float], Tensor]


def dpmpp_2m(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, eta: float = 0.0) -> Tensor:
    """Deterministic second order; `noise` and `eta` are not used."""
    earlier, h_earlier = None, None
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        h = sigma.log() - sigma_next.log()
        estimate = denoised
        if earlier is not None and h_earlier is not None and sigma_next > 0:
            r = h_earlier / h
            estimate = (1 + 1 / (2 * r)) * denoised - 1 / (2 * r) * earlier
        x = sigma_next / sigma * x - torch.expm1(-h) * estimate
        earlier, h_earlier = denoised, h
    return x


def dpmpp_2m_sde(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, eta: float = 1.0) -> Tensor:
    """Second order SDE solver, midpoint correction."""
    earlier, h_earlier = None, None
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            return denoised
        h = sigma.log() - sigma_next.log()
        gain = -torch.expm1(-h - eta * h)
        x = sigma_next / sigma * torch.exp(-eta * h) * x + gain * denoised
        if earlier is not None and h_earlier is not None:
            x = x + 0.5 * gain * h / h_earlier * (denoised - earlier)
        x = _diffused(x, sigma_next, h, eta, noise)
        earlier, h_earlier = denoised, h
    return x


def dpmpp_3m_sde(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, eta: float = 1.0) -> Tensor:
    """Third order SDE solver; the first two steps are of first and second order."""
    denoised_1 = denoised_2 = None
    h_1 = h_2 = None
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            return denoised
        h = sigma.log() - sigma_next.log()
        h_eta = h * (eta + 1)
        x = torch.exp(-h_eta) * x - torch.expm1(-h_eta) * denoised
        phi_2 = torch.expm1(-h_eta) / h_eta + 1
        phi_3 = phi_2 / h_eta - 0.5
        if h_2 is not None and h_1 is not None and denoised_1 is not None and denoised_2 is not None:
            r_0, r_1 = h_1 / h, h_2 / h
            slope_0 = (denoised - denoised_1) / r_0
            slope_1 = (denoised_1 - denoised_2) / r_1
            curve = (slope_0 - slope_1) / (r_0 + r_1)
            x = x + phi_2 * (slope_0 + curve * r_0) - phi_3 * curve
        elif h_1 is not None and denoised_1 is not None:
            x = x + phi_2 * (denoised - denoised_1) * h / h_1
        x = _diffused(x, sigma_next, h, eta, noise)
        denoised_1, denoised_2, h_1, h_2 = denoised, denoised_1, h, h_1
    return x


def _diffused(x: Tensor, sigma_next: Tensor, h: Tensor, eta: float, noise: Noise) -> Tensor:
    """x after the noise that one SDE step puts back."""
    return x if eta == 0 else x + noise() * sigma_next * torch.sqrt(-torch.expm1(-2 * eta * h))


def ddim(velocity: Velocity, x: Tensor, times: Tensor, noise: Noise, eta: float = 0.0) -> Tensor:
    """DDIM on velocities; at eta 1 it is ancestral sampling. Source: stable-audio-tools `sample`."""
    for t, t_next in pairwise(times):
        alpha, sigma = torch.cos(t * math.pi / 2), torch.sin(t * math.pi / 2)
        alpha_next, sigma_next = torch.cos(t_next * math.pi / 2), torch.sin(t_next * math.pi / 2)
        v = velocity(x, t)
        clean, epsilon = alpha * x - sigma * v, sigma * x + alpha * v
        if t_next == 0:
            return clean
        fresh = eta * sigma_next / sigma * torch.sqrt(1 - alpha**2 / alpha_next**2)
        x = alpha_next * clean + torch.sqrt(sigma_next**2 - fresh**2) * epsilon
        x = x if eta == 0 else x + fresh * noise()
    return x


SAMPLERS: dict[str, Sampler] = {
    "dpmpp-2m": dpmpp_2m,
    "dpmpp-2m-sde": dpmpp_2m_sde,
    "dpmpp-3m-sde": dpmpp_3m_sde,
}
