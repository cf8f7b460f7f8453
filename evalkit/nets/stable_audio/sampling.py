"""From noise to latents: the options of a preset, each item's own noise, and the sampler that they name.

The sampler's state x, the noise levels and all arithmetic on them are at least float32 whatever the network
computes in: at sigma = 500 a half-precision state would round the signal away. Levels and times stay on the CPU
as numbers, so a step never waits for the device. Source: stable-audio-tools inference/generation.py and
inference/sampling.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from evalkit.core.errors import UserError
from evalkit.nets.stable_audio.flow import FLOW_SAMPLERS
from evalkit.nets.stable_audio.guidance import Guidance
from evalkit.nets.stable_audio.k_samplers import K_SAMPLERS
from evalkit.nets.stable_audio.samplers import SAMPLERS, Noise, ddim
from evalkit.nets.stable_audio.schedule import (
    TimeShift,
    Velocity,
    even_logsnr_times,
    linear_times,
    logsnr_times,
    polyexponential,
    v_denoiser,
)
from evalkit.nets.stable_audio.settings import NOISY, SIGMA_NAMES, V_SAMPLERS, SamplingOptions

SIGMA_SAMPLERS = {name: {**SAMPLERS, **K_SAMPLERS}[name] for name in SIGMA_NAMES}


def guidance_of(options: SamplingOptions) -> Guidance:
    """What the options say of guidance."""
    interval = options.cfg_interval_min, options.cfg_interval_max
    return Guidance(options.cfg, options.cfg_rescale, options.apg, options.cfg_norm_threshold, *interval)


class ItemNoise:
    """Standard normal noise for a batch, each item's from its own CPU generator, whatever its neighbours."""

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        shape: tuple[int, ...],
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        length: int | None = None,
    ) -> None:
        """`shape` is drawn, of which the first `length` places of the last dimension count (None: all)."""
        self.items, self._length = len(generators), length
        self._generators, self._shape, self._device, self._dtype = generators, shape, device, dtype

    def __call__(self) -> Tensor:
        """(batch, *shape) cut to the length, on the device, drawn as float32; on CUDA the copy does not wait for work
        under way."""
        pinned = self._device.type == "cuda"
        drawn = torch.empty(len(self._generators), *self._shape, pin_memory=pinned)
        for row, generator in zip(drawn, self._generators, strict=True):
            torch.randn(self._shape, generator=generator, out=row)
        return drawn.to(self._device, self._dtype, non_blocking=pinned)[..., : self._length]


def check_sampler(sampler: str, objective: str) -> None:
    """Raises UserError where a model with this objective ("v" or a rectified flow's) is not sampled this way."""
    fitting = V_SAMPLERS if objective == "v" else tuple(FLOW_SAMPLERS)
    if sampler not in fitting:
        kind = "predicts velocities (v)" if objective == "v" else f"is a rectified flow ({objective})"
        raise UserError(f"sampler {sampler!r} does not fit: this model {kind}", f"one of {', '.join(fitting)}")


def sample(
    velocity: Velocity,
    objective: str,
    options: SamplingOptions,
    noise: Noise,
    init: Tensor | None = None,
    shift: TimeShift | None = None,
) -> Tensor:
    """Latents from noise, or from the latents `init` of a sound noised up to `init_noise_level`.

    `velocity` is guided already; `shift` is the model's, and in stable-audio-tools acts on `rk4` alone.
    Raises UserError where the sampler does not fit the objective.
    """
    check_sampler(options.sampler, objective)
    level = options.sigma_max if init is None else options.init_noise_level
    start = noise() if init is None else init
    eta = NOISY.get(options.sampler, 0.0)
    if options.eta is not None and options.sampler in NOISY:
        eta = options.eta
    if options.sampler in SIGMA_SAMPLERS:
        sigmas = polyexponential(options.steps, options.sigma_min, level)
        x = start * sigmas[0] if init is None else start + noise() * sigmas[0]
        return SIGMA_SAMPLERS[options.sampler](v_denoiser(velocity), x, sigmas, noise, eta)
    t_max = min(level, 1.0)
    if options.sampler in ("v-ddim", "ddim"):
        angle = t_max * math.pi / 2
        x = start if init is None else start * math.cos(angle) + noise() * math.sin(angle)
        return ddim(velocity, x, linear_times(options.steps, t_max), noise, eta)
    x = start if init is None else (1 - t_max) * start + t_max * noise()
    times = _flow_times(options, t_max, x.shape[-1], shift)
    return FLOW_SAMPLERS[options.sampler](velocity, x, times, noise)


def _flow_times(options: SamplingOptions, t_max: float, length: int, shift: TimeShift | None) -> Tensor:
    if options.schedule == "0.0.20":
        return even_logsnr_times(options.steps, t_max)
    if options.sampler != "rk4":
        return logsnr_times(options.steps, t_max)
    times = linear_times(options.steps, t_max)
    return times if shift is None else shift(times, length)
