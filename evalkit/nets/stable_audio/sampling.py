"""From noise to latents: the options of a preset, each item's own noise, and the sampler that they name.

The sampler's state x, the noise levels and all arithmetic on them are at least float32 whatever the network
computes in: at sigma = 500 a half-precision state would round the signal away. Levels and times stay on the CPU
as numbers, so a step never waits for the device. Source: stable-audio-tools inference/generation.py and
inference/sampling.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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

SIGMA_SAMPLERS = {**SAMPLERS, **K_SAMPLERS}
"""Those of velocity models that go down noise levels; `ddim` goes down times."""

V_SAMPLERS = (*SIGMA_SAMPLERS, "v-ddim", "ddim")
SAMPLER_NAMES = (*V_SAMPLERS, *FLOW_SAMPLERS)
"""Every value of `--set sampler=`: those of velocity models, then those of rectified flows."""

NOISY = {name: 1.0 for name in SIGMA_SAMPLERS if name.endswith(("sde", "ancestral"))} | {"ddim": 0.0}
"""The samplers that heed `eta`, and what it is for each where nobody sets it. `v-ddim` is `ddim` at eta 0, under the
name that it has in stable-audio-tools."""

SCHEDULES = ("0.0.19", "0.0.20")
"""Versions of stable-audio-tools whose times differ."""

NOT_HERE = {
    "k-dpm-fast": "its last step leaves sigma_min in the sound",
    "k-dpm-adaptive": "its steps depend on what else is in the batch",
    "v-ddim-cfgpp": "it steps by the unguided half of the network's answer",
}
"""Samplers of stable-audio-tools that evalkit has not, and why."""


@dataclass(frozen=True)
class SamplingOptions:
    """How a batch is sampled; the field names are those of a preset and of `--set`.

    `sigma_max` and `sigma_min` are noise levels of a velocity model's samplers; for `ddim` and the samplers of
    rectified flows `sigma_max` is the first time, where anything above 1 counts as 1, and `sigma_min` has no
    meaning. `eta` scales the noise that SDE and ancestral samplers and `ddim` put back (None: as much as the sampler
    does by itself). `cfg` is the guidance scale (1: none)
    and `cfg_rescale` the share of guided output that is brought back to the spread of the conditioned one (Lin et
    al. 2024, phi); `apg` is the share of projected guidance, `cfg_norm_threshold` the greatest length of what guidance
    goes by, and `cfg_interval_min` and `_max` are the noise levels between which there is any (`guidance.py`; the names
    are those of stable-audio-tools' interface). `schedule` names the version of
    stable-audio-tools whose times a rectified flow goes through. `init_noise_level` replaces `sigma_max` where sampling
    starts from a sound.
    """

    steps: int
    cfg: float
    sampler: str
    sigma_min: float = 0.01
    sigma_max: float = 100.0
    eta: float | None = None
    cfg_rescale: float = 0.0
    init_noise_level: float = 1.0
    apg: float = 0.0
    schedule: str = "0.0.19"
    cfg_norm_threshold: float = 0.0
    cfg_interval_min: float = 0.0
    cfg_interval_max: float = 1.0

    @property
    def guidance(self) -> Guidance:
        interval = self.cfg_interval_min, self.cfg_interval_max
        return Guidance(self.cfg, self.cfg_rescale, self.apg, self.cfg_norm_threshold, *interval)


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
