"""AudioLDM and AudioLDM2: diffusers' pipelines, one length at a time, with the clock between their parts.

Sources: Liu et al. 2023, "AudioLDM: text-to-audio generation with latent diffusion models"; Liu et al. 2024,
"AudioLDM 2: learning holistic audio generation with self-supervised pretraining"; diffusers 0.42.1.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from evalkit.audio.clip import Samples
from evalkit.checkpoints.hub_files import look_over
from evalkit.checkpoints.shards import lone_variant
from evalkit.core.errors import BadCheckpoint, MissingWeights
from evalkit.core.faults import Gathering
from evalkit.generators.base import Options
from evalkit.generators.baselines import Made, Request
from evalkit.generators.hub_folder import one_line, refuse_gaps

_MOST_STEPS = 1000


class Reader(Protocol):
    """Prompts as a pipeline's arguments."""

    def __call__(self, prompts: Sequence[str], guided: bool) -> Mapping[str, Tensor]:
        """The embeddings of the prompts, and of no prompt where sampling is guided, by the pipeline's names."""
        ...


@dataclass(frozen=True)
class Denoising:
    """DDIM steps and the guidance by no prompt (1: none)."""

    steps: int
    cfg: float


def read_denoising(options: Options) -> Denoising:
    """Raises UserError naming all options that are out of range."""
    steps: Any = options["steps"]
    cfg: Any = options["cfg"]
    wrong = Gathering()
    whole = isinstance(steps, int) and not isinstance(steps, bool) and 1 <= steps <= _MOST_STEPS
    wrong.require(whole, f"steps is a whole number from 1 to {_MOST_STEPS}, not {steps!r}")
    real = isinstance(cfg, int | float) and not isinstance(cfg, bool) and cfg >= 1
    wrong.require(real, f"cfg is a number from 1, not {cfg!r}")
    wrong.settle()
    return Denoising(steps, float(cfg))


class LatentDiffusion:
    """A loaded pipeline; `read` is what its family makes of prompts."""

    channels = 1

    def __init__(self, pipe: Any, read: Reader, device: str) -> None:
        self.pipe, self.read, self._device = pipe, read, torch.device(device)
        vocoder = pipe.vocoder.config
        self.rate = int(vocoder.sampling_rate)
        self._hop = prod(vocoder.upsample_rates)
        pipe.set_progress_bar_config(disable=True)

    @torch.inference_mode()
    def make(self, request: Request) -> Made:
        """See :class:`evalkit.generators.baselines.Adapter`. Noise is drawn on the CPU, item by item."""
        asked = read_denoising(request.options)
        started = time.perf_counter()
        told = self.read(request.prompts, asked.cfg > 1)
        self._wait()
        clock = {"encoded": time.perf_counter()}

        def after_step(step: int, timestep: int, latents: Tensor) -> None:
            if step == asked.steps - 1:
                self._wait()
            clock["sampled"] = time.perf_counter()

        sounds = self.pipe(
            **told,
            # Whole mel frames, and half a sample so that no rounding takes one of them away.
            audio_length_in_s=(ceil(request.frames / self._hop) * self._hop + 0.5) / self.rate,
            num_inference_steps=asked.steps,
            guidance_scale=asked.cfg,
            generator=[torch.Generator().manual_seed(seed) for seed in request.seeds],
            callback=after_step,
            callback_steps=1,
            output_type="pt",
        ).audios
        audio: list[Samples] = [sound[None].numpy() for sound in sounds.float().cpu()]
        encoded, sampled = clock["encoded"], clock.get("sampled", clock["encoded"])
        parts = {"text": encoded - started, "sample": sampled - encoded, "decode": time.perf_counter() - sampled}
        return Made(audio, parts)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize()


def assemble(kind: Any, parts: Mapping[str, Any], device: str, dtype: str) -> Any:
    """The pipeline of class `kind` on the device, without the advice that diffusers has at every start."""
    from diffusers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        return kind(**parts).to(device, getattr(torch, dtype))
    finally:
        logging.set_verbosity(before)


def read_part(kind: Any, folder: Path) -> Any:
    """A network of diffusers from a pipeline's sub-folder, in float32. Raises MissingWeights or BadCheckpoint."""
    if not (folder / "config.json").is_file():
        raise MissingWeights(f"{folder / 'config.json'}: no such file", "the folder is a pipeline of diffusers")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of what diffusers calls of torch's
            network, told = kind.from_pretrained(
                look_over(folder),
                local_files_only=True,
                torch_dtype=torch.float32,
                output_loading_info=True,
                low_cpu_mem_usage=False,
                variant=lone_variant(folder, "diffusion_pytorch_model"),
            )
    except BadCheckpoint:
        raise
    except Exception as error:  # noqa: BLE001 - diffusers, safetensors and torch each raise their own
        raise BadCheckpoint(f"{folder}: cannot be loaded as {kind.__name__}: {one_line(error)}") from None
    refuse_gaps(folder, told)
    return network.eval().requires_grad_(False)


def read_scheduler(kind: Any, folder: Path) -> Any:
    """The schedule of class `kind` of a pipeline's folder. Raises MissingWeights or BadCheckpoint."""
    file = folder / "scheduler" / "scheduler_config.json"
    if not file.is_file():
        raise MissingWeights(f"{file}: no such file", "the folder is a pipeline of diffusers")
    try:
        return kind.from_pretrained(look_over(file.parent), local_files_only=True)
    except BadCheckpoint:
        raise
    except Exception as error:  # noqa: BLE001 - a broken config raises anything
        raise BadCheckpoint(f"{file}: {one_line(error)}") from None
