"""ACE-Step 1.5 from a hub folder, by diffusers' AceStepPipeline; see README.md beside this file."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AceStepConditionEncoder,
    AceStepPipeline,
    AceStepTransformer1DModel,
    AutoencoderOobleck,
    FlowMatchEulerDiscreteScheduler,
)
from torch import Tensor
from transformers import Qwen3Model

from evalkit.audio.clip import Samples
from evalkit.checkpoints.config_file import read_object
from evalkit.core.errors import BadCheckpoint, MissingWeights
from evalkit.core.faults import Gathering
from evalkit.generators.base import Options
from evalkit.generators.baselines import Made, Place, Request
from evalkit.generators.hub_folder import read_network, read_tokenizer
from evalkit.generators.latent_diffusion import assemble, read_part, read_scheduler

_MOST_STEPS = 1000
_TEXT_TOKENS, _LYRICS_TOKENS = 256, 2048
"""What the pipeline reads of a prompt in its template, and of lyrics; the rest it would cut off."""

_NETWORKS = ("transformer", "condition_encoder", "text_encoder", "vae")
_PART = "the folder is a pipeline of diffusers: its repository's name ends in -diffusers"


@dataclass(frozen=True)
class Sampling:
    """Euler steps over times bent by `shift`; guidance by the learned empty condition (1: none); the language of the
    lyrics; and the peak that a sound is brought to, in dBFS (None: it stays as it was decoded)."""

    steps: int
    shift: float
    cfg: float
    language: str
    peak_db: float | None


def check_options(options: Options) -> Sampling:
    """Raises UserError naming all options that are out of range."""
    steps, shift, cfg = (options.get(name, 1) for name in ("steps", "shift", "cfg"))
    language, peak_db = options.get("language", "en"), options.get("peak_db", "none")
    wrong = Gathering()
    whole = isinstance(steps, int) and not isinstance(steps, bool) and 1 <= steps <= _MOST_STEPS
    wrong.require(whole, f"steps is a whole number from 1 to {_MOST_STEPS}, not {steps!r}")
    wrong.require(_is_number(shift, 0.1, 100), f"shift is a number from 0.1 to 100, not {shift!r}")
    wrong.require(_is_number(cfg, 1, 1000), f"cfg is a number from 1 to 1000, not {cfg!r}")
    named = isinstance(language, str) and 1 < len(language) <= 8 and language.isascii() and language.islower()
    wrong.require(named, f'language is the code of a language such as "en", or "unknown", not {language!r}')
    fits = peak_db == "none" or _is_number(peak_db, -60, 0)
    wrong.require(fits, f'peak_db is a number from -60 to 0, or "none", not {peak_db!r}')
    wrong.settle()
    peak = None if peak_db == "none" else float(str(peak_db))
    return Sampling(int(str(steps)), float(str(shift)), float(str(cfg)), str(language), peak)


def _is_number(value: object, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def load(place: Place, device: str, dtype: str) -> AceStep:
    """The model of a repository in diffusers' layout. Raises MissingWeights or BadCheckpoint, before anything large is
    read where its parts are not those of the model that was asked for."""
    folder = place.folder
    _look_at_parts(folder)
    _refuse_another_variant(place)
    text = read_network(Qwen3Model, folder / "text_encoder")
    parts = {
        "vae": read_part(AutoencoderOobleck, folder / "vae"),
        "text_encoder": text,
        "tokenizer": read_tokenizer(folder / "tokenizer", text.config.vocab_size),
        "condition_encoder": read_part(AceStepConditionEncoder, folder / "condition_encoder"),
        "scheduler": read_scheduler(FlowMatchEulerDiscreteScheduler, folder),
    }
    if not parts["condition_encoder"].silence_latent.any():
        told = "holds no silence: its silence_latent is empty, upon which sounds drone"
        raise BadCheckpoint(f"{folder / 'condition_encoder'}: {told}", "convert it again, or download it")
    parts["transformer"] = read_part(AceStepTransformer1DModel, folder / "transformer")
    return AceStep(assemble(AceStepPipeline, parts, device, dtype), device)


def _look_at_parts(folder: Path) -> None:
    missing = [
        str(folder / part / "config.json") for part in _NETWORKS if not (folder / part / "config.json").is_file()
    ]
    if missing:
        raise MissingWeights(f"no such file: {', '.join(missing)}", _PART)


def _refuse_another_variant(place: Place) -> None:
    """A distilled file guided, or one that is not sampled without guidance, makes noise and no complaint."""
    config = read_object(place.folder / "transformer" / "config.json")
    turbo = bool(config.get("is_turbo")) or config.get("model_version") == "turbo"
    guided = "cfg" in place.model.presets[place.model.default_preset]
    if turbo and guided:
        told = "guidance is distilled into its weights (turbo)"
        raise BadCheckpoint(f"{place.folder}: is not {place.model.name}: {told}", "run it as ace-step-1.5")
    if not (turbo or guided):
        told = "it is not distilled (base or sft)"
        raise BadCheckpoint(f"{place.folder}: is not {place.model.name}: {told}", "run it as ace-step-1.5-base")


class AceStep:
    """A loaded pipeline. Each item is sampled alone: the transformer attends to the padding of a batch, so that a sound
    would depend on its neighbours."""

    def __init__(self, pipe: Any, device: str) -> None:
        self.pipe, self._device = pipe, torch.device(device)
        self.rate, self.channels = int(pipe.sample_rate), int(pipe.vae.config.audio_channels)
        pipe.set_progress_bar_config(disable=True)
        pipe.vae.enable_tiling()  # of what is longer than 20 s, in pieces that overlap by more than they hear

    @torch.inference_mode()
    def make(self, request: Request) -> Made:
        """See :class:`evalkit.generators.baselines.Adapter`. Noise is drawn on the CPU, item by item."""
        asked = check_options(request.options)
        timings = {"text": 0.0, "sample": 0.0, "decode": 0.0}
        lyrics = request.lyrics or [""] * len(request.prompts)
        items = zip(request.prompts, lyrics, request.seeds, strict=True)
        return Made([self._one(*item, request.frames / self.rate, asked, timings) for item in items], timings)

    def _one(
        self, prompt: str, lyrics: str, seed: int, seconds: float, asked: Sampling, timings: dict[str, float]
    ) -> Samples:
        self._refuse_what_would_be_cut(prompt, lyrics, seconds, asked.language)
        frames, width = math.ceil(seconds * self.pipe.latents_per_second), self.pipe.transformer.config
        noise = torch.randn((1, frames, width.audio_acoustic_hidden_dim), generator=torch.Generator().manual_seed(seed))
        clock = [time.perf_counter()]
        told = self.pipe.condition_encoder.register_forward_hook(lambda *_: self._tick(clock))
        try:
            latents = self.pipe(
                prompt=[prompt],
                lyrics=[lyrics],
                vocal_language=[asked.language],
                audio_duration=seconds,
                num_inference_steps=asked.steps,
                guidance_scale=asked.cfg,
                shift=asked.shift,
                latents=noise,
                output_type="latent",
            ).audios
        finally:
            told.remove()
        self._tick(clock)
        sound = self.pipe.vae.decode(latents.transpose(1, 2)).sample[0].float().cpu()
        self._tick(clock)
        for part, begun, ended in zip(timings, clock, clock[1:], strict=False):
            timings[part] += ended - begun
        made: Samples = (sound if asked.peak_db is None else to_peak(sound, asked.peak_db)).numpy()
        return made

    def _refuse_what_would_be_cut(self, prompt: str, lyrics: str, seconds: float, language: str) -> None:
        """Raises ValueError for texts longer than the pipeline reads; of a prompt the template's end would go."""
        texts = self.pipe._format_prompt(prompt, lyrics, language, seconds)
        for what, text, most in zip(("prompt", "lyrics"), texts, (_TEXT_TOKENS, _LYRICS_TOKENS), strict=True):
            tokens = len(self.pipe.tokenizer(text, verbose=False).input_ids)
            if tokens > most:
                raise ValueError(f"{what} and template have {tokens} tokens, and the model reads {most}")

    def _tick(self, clock: list[float]) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        clock.append(time.perf_counter())


def to_peak(sound: Tensor, decibels: float) -> Tensor:
    """A sound whose largest sample is at so many dBFS, as the pipeline's last lines make it (for silence, none)."""
    return sound * (10 ** (decibels / 20) / sound.abs().max().clamp(min=1e-6))
