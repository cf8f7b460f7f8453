"""AudioLDM and AudioLDM2 from given latents, by the pipeline and the prompts of evalkit's adapters.

Source: diffusers' slow tests (tests/pipelines/audioldm, audioldm2), which go on from numpy's noise: deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from evalkit.fetch.manifests import baselines
from evalkit.generators.baselines import Place as Files
from evalkit.generators.baselines import adapter_module
from evalkit.verify.answer_files import Case, read_fields
from evalkit.verify.runners.base import Place


@dataclass(frozen=True)
class _Input:
    """`latents` is the shape of the noise, `scheduler` "ddim", the folder's own, or "lms"."""

    prompt: str
    latents: tuple[int, ...]
    guidance: float
    steps: int
    scheduler: str = "ddim"


def noise(shape: tuple[int, ...]) -> torch.Tensor:
    """float32 noise of numpy's frozen generator, seed 0: where diffusers' slow tests begin."""
    return torch.from_numpy(np.random.RandomState(0).standard_normal(shape)).to(torch.float32)


class AudioLDM:
    """A Runner."""

    def __init__(self, place: Place) -> None:
        """Raises MissingWeights or BadCheckpoint."""
        model = baselines()[place.name]
        self._adapter = adapter_module(model).load(Files(place.weights, {}, model), place.device, "float32")
        self._schedule = self._adapter.pipe.scheduler

    @torch.inference_mode()
    def answer(self, case: Case) -> NDArray[Any]:
        """(samples,) of the pipeline's own length."""
        from diffusers import LMSDiscreteScheduler

        asked = read_fields(_Input, case.input, "a case's input")
        pipe, lms = self._adapter.pipe, asked.scheduler == "lms"
        pipe.scheduler = LMSDiscreteScheduler.from_config(self._schedule.config) if lms else self._schedule
        made = pipe(
            **self._adapter.read([asked.prompt], asked.guidance > 1),
            latents=noise(asked.latents).to(self._adapter.pipe.device),
            num_inference_steps=asked.steps,
            guidance_scale=asked.guidance,
            output_type="np",
        )
        return np.asarray(made.audios[0])
