"""Stable Audio Open 1.0: evalkit's networks and conditioning under diffusers' sampler, from given latents.

Source: diffusers' nightly test (tests/pipelines/stable_audio). Its noise is drawn by torchsde on the device, so that
each kind of device has numbers of its own; evalkit's samplers draw on the CPU and cannot meet them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from evalkit.checkpoints.find import locate_tower, open_checkpoint
from evalkit.generators.stable_audio.network import build
from evalkit.generators.stable_audio.text_towers import load_tower
from evalkit.nets.stable_audio.guidance import Guidance
from evalkit.verify.answer_files import Case, read_fields
from evalkit.verify.runners.audioldm import noise
from evalkit.verify.runners.base import Place, Skip


@dataclass(frozen=True)
class _Input:
    """`latents` is the shape of the noise, `seed` that of the sampler's."""

    prompt: str
    latents: tuple[int, ...]
    steps: int
    guidance: float
    seconds: float
    seed: int


class StableAudioOpen:
    """A Runner."""

    def __init__(self, place: Place) -> None:
        """Raises MissingWeights, BadCheckpoint, or Skip where torchsde is not installed."""
        try:
            from diffusers.schedulers.scheduling_cosine_dpmsolver_multistep import CosineDPMSolverMultistepScheduler
        except ImportError:
            raise Skip("diffusers' sampler needs torchsde: pip install torchsde") from None
        self._schedule = CosineDPMSolverMultistepScheduler  # as the published folder has it, which is its default
        checkpoint = open_checkpoint(place.weights)
        self._model = build(checkpoint, place.device, "float32")
        tower = locate_tower(checkpoint, place.overrides)
        self._tower = load_tower(self._model.config.text, tower, place.overrides, place.device)
        self._device = place.device

    @torch.inference_mode()
    def answer(self, case: Case) -> NDArray[Any]:
        """(channels, samples), cut to the seconds that were asked for."""
        asked = read_fields(_Input, case.input, "a case's input")
        text, mask = self._tower.read([asked.prompt])
        told = self._model.describe(text, [asked.seconds], mask)
        velocity = self._model.guided_velocity(told, Guidance(asked.guidance))
        schedule = self._schedule()
        schedule.set_timesteps(asked.steps, device=self._device)
        generator = torch.Generator().manual_seed(asked.seed)
        latents = noise(asked.latents).to(self._device) * schedule.init_noise_sigma
        for time in schedule.timesteps:
            answer = velocity(schedule.scale_model_input(latents, time), time)
            latents = schedule.step(answer, time, latents, generator=generator).prev_sample
        audio = self._model.decode(latents)[0]
        return np.asarray(audio[:, : int(asked.seconds * self._model.config.sample_rate)].cpu().numpy())
