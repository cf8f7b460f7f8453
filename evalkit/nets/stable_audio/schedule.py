"""Noise levels and times, and the network seen as a denoiser.

Stable Audio 1.0, 2.0 and Open 1.0 are trained on the cosine schedule x_t = cos(t pi/2) x + sin(t pi/2) n with
velocity as their target (Salimans & Ho 2022). DPM-Solver++ works on x + sigma n; the two meet in sigma =
tan(t pi/2). Source of the preconditioning: k-diffusion external.py (VDenoiser) at 4601bf0, whose sigma_data is 1.
Open Small is trained on straight lines, x_t = (1 - t) x + t n (Liu et al. 2022). Sources of the times:
stable-audio-tools inference/sampling.py (`sample`, `sample_rf`, `DistributionShift`), 0.0.19.

All levels and times are float32 on the CPU, as in the originals; a solver takes them one by one, as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]
"""(x (batch, ...), t () or (batch,)) -> what the network was trained to say of x at time t."""

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""(x (batch, ...), sigma ()) -> estimate of the clean x."""


def polyexponential(steps: int, sigma_min: float, sigma_max: float, rho: float = 1.0) -> Tensor:
    """(steps + 1,) noise levels in float32, falling from sigma_max to sigma_min, then 0."""
    ramp = torch.linspace(1, 0, steps) ** rho
    sigmas = torch.exp(ramp * (math.log(sigma_max) - math.log(sigma_min)) + math.log(sigma_min))
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def linear_times(steps: int, t_max: float = 1.0) -> Tensor:
    """(steps + 1,) times falling evenly from t_max to 0."""
    return torch.linspace(t_max, 0, steps + 1)


def logsnr_times(steps: int, t_max: float = 1.0) -> Tensor:
    """(steps + 1,) times of a rectified flow from t_max to 0, evenly spaced in log((1 - t) / t) up to 2.

    The first and the last are then set to t_max and 0; from t_max = 1 the spacing starts at -6.
    """
    start = math.log((1 - t_max) / t_max + 1e-6) if t_max < 1 else -6.0
    times = torch.sigmoid(-torch.linspace(start, 2, steps + 1))
    times[0], times[-1] = t_max, 0
    return times


def even_logsnr_times(steps: int, t_max: float = 1.0) -> Tensor:
    """(steps + 1,) times of a rectified flow as of stable-audio-tools 0.0.20: even times u from t_max to 0, each moved
    to where log((1 - t) / t) is 2 - 8.2 u.

    1 and 0 stay, and the first is t_max. Below 1 that is no place on the curve: the times rise once, as the original's.
    """
    u = linear_times(steps, t_max)
    times = torch.sigmoid(u * (2 + 6.2) - 2)
    times[u >= 1], times[u <= 0], times[0] = 1, 0, t_max
    return times


@dataclass(frozen=True)
class TimeShift:
    """`distribution_shift_options` of a model config: longer sequences spend more of their steps near t = 1."""

    base_shift: float = 0.5
    max_shift: float = 1.15
    max_length: int = 4096
    min_length: int = 256
    use_sine: bool = False

    def __call__(self, times: Tensor, length: int) -> Tensor:
        """Shifted times for a latent of `length`; 0 and 1 stay (Esser et al. 2024, section 5.3.2)."""
        share = (length - self.min_length) / (self.max_length - self.min_length)
        scale = math.exp(-(self.base_shift + (self.max_shift - self.base_shift) * share))
        shifted = 1 - scale / (scale + 1 / (1 - times) - 1)
        return torch.sin(shifted * math.pi / 2) if self.use_sine else shifted


def time_of(sigma: Tensor) -> Tensor:
    """t in [0, 1] of a noise level."""
    return torch.atan(sigma) * 2 / math.pi


def v_denoiser(velocity: Velocity) -> Denoiser:
    """The denoiser D(x, sigma) = c_skip x + c_out v(c_in x, t) of a velocity network."""

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        c_skip = 1 / (sigma**2 + 1)
        c_out = -sigma / (sigma**2 + 1).sqrt()
        c_in = 1 / (sigma**2 + 1).sqrt()
        return c_skip * x + c_out * velocity(c_in * x, time_of(sigma))

    return denoise
