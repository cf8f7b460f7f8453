"""Noise levels, and the network seen as a denoiser.

Stable Audio is trained on the cosine schedule x_t = cos(t pi/2) x + sin(t pi/2) n with velocity as its target
(Salimans & Ho 2022). DPM-Solver++ works on x + sigma n; the two meet in sigma = tan(t pi/2). Source of the
preconditioning: k-diffusion external.py (VDenoiser) at 4601bf0, whose sigma_data is 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""(x (batch, ...), sigma ()) -> estimate of the clean x."""


def polyexponential(steps: int, sigma_min: float, sigma_max: float, rho: float = 1.0) -> Tensor:
    """(steps + 1,) noise levels in float32, falling from sigma_max to sigma_min, then 0."""
    ramp = torch.linspace(1, 0, steps) ** rho
    sigmas = torch.exp(ramp * (math.log(sigma_max) - math.log(sigma_min)) + math.log(sigma_min))
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def time_of(sigma: Tensor) -> Tensor:
    """t in [0, 1] of a noise level."""
    return torch.atan(sigma) * 2 / math.pi


def v_denoiser(velocity: Callable[[Tensor, Tensor], Tensor]) -> Denoiser:
    """The denoiser D(x, sigma) = c_skip x + c_out v(c_in x, t) of a velocity network v(x, t (batch,))."""

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        c_skip = 1 / (sigma**2 + 1)
        c_out = -sigma / (sigma**2 + 1).sqrt()
        c_in = 1 / (sigma**2 + 1).sqrt()
        return c_skip * x + c_out * velocity(c_in * x, time_of(sigma).expand(x.shape[0]))

    return denoise
