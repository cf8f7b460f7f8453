"""The samplers of rectified flows (Stable Audio Open Small): Euler, RK4, DPM-Solver++ and ping-pong.

A flow x_t = (1 - t) x + t n has the velocity v = n - x (Liu et al. 2022). Each sampler takes v(x, t), a start x
(batch, ...) at times[0], falling times that end in 0, and a source of noise, and returns the clean x. Only
ping-pong uses the noise. Source: stable-audio-tools inference/sampling.py, 0.0.19.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from evalkit.nets.stable_audio.samplers import Noise
from evalkit.nets.stable_audio.schedule import Velocity

FlowSampler = Callable[[Velocity, Tensor, Tensor, Noise], Tensor]


def euler(velocity: Velocity, x: Tensor, times: Tensor, noise: Noise) -> Tensor:
    """First order."""
    for t, t_next in pairwise(times):
        x = x + (t_next - t) * velocity(x, t)
    return x


def rk4(velocity: Velocity, x: Tensor, times: Tensor, noise: Noise) -> Tensor:
    """Fourth order (Runge-Kutta); four calls of the network a step."""
    for t, t_next in pairwise(times):
        h = t_next - t
        k_1 = velocity(x, t)
        k_2 = velocity(x + h / 2 * k_1, t + h / 2)
        k_3 = velocity(x + h / 2 * k_2, t + h / 2)
        k_4 = velocity(x + h * k_3, t_next)
        x = x + h / 6 * (k_1 + 2 * k_2 + 2 * k_3 + k_4)
    return x


def dpmpp(velocity: Velocity, x: Tensor, times: Tensor, noise: Noise) -> Tensor:
    """DPM-Solver++ 2M (Lu et al. 2022, algorithm 2) with alpha = 1 - t and lambda = log((1 - t) / t)."""
    earlier, h_earlier = None, None
    for t, t_next in pairwise(times):
        clean = x - t * velocity(x, t)
        h = _logsnr(t_next) - _logsnr(t)
        estimate = clean
        if earlier is not None and h_earlier is not None and t_next > 0:
            r = h_earlier / h
            estimate = (1 + 1 / (2 * r)) * clean - 1 / (2 * r) * earlier
        x = t_next / t * x - (1 - t_next) * torch.expm1(-h) * estimate
        earlier, h_earlier = clean, h
    return x


def pingpong(velocity: Velocity, x: Tensor, times: Tensor, noise: Noise) -> Tensor:
    """To the clean end and back to the next time with fresh noise (Novack et al. 2025, ARC; for distilled models)."""
    for t, t_next in pairwise(times):
        x = x - t * velocity(x, t)
        if t_next > 0:
            x = (1 - t_next) * x + t_next * noise()
    return x


def _logsnr(t: Tensor) -> Tensor:
    return torch.log((1 - t) / t)


FLOW_SAMPLERS: dict[str, FlowSampler] = {"euler": euler, "rk4": rk4, "dpmpp": dpmpp, "pingpong": pingpong}
