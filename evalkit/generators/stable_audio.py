"""Stable Audio: every variant, from a folder with `model_config.json` and `model.safetensors`.

The folder has stable-audio-tools' layout. Tensors are matched by name to the last one: what is missing or
left over is an error, because a model that loaded nearly all of its weights still makes sound.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.core.errors import BadCheckpoint, UserError, unknown_name
from evalkit.core.ids import digest_file, digest_json
from evalkit.core.jsonio import read_json
from evalkit.fetch.weights import locate
from evalkit.generators.base import GenBatch, GeneratorSpec, Options

if TYPE_CHECKING:
    from torch import Tensor

    from evalkit.generators.text_towers import TextTower
    from evalkit.nets.stable_audio.model import SamplingOptions, StableAudio

WEIGHTS, CONFIG = "model.safetensors", "model_config.json"

_PREFIXES = {"model.model.": "dit.", "pretransform.model.": "vae.", "conditioner.conditioners.": "numbers."}
"""How tensor names of a published file begin, and where they belong in our network."""

_TOWER_KEYS = ("clap_ckpt_path", "t5_model_name")
"""Where a conditioner's config names the weights of its text tower."""

_LEFT_OUT = ("rotary_pos_emb.inv_freq",)
"""Tensors of a published file that follow from the config."""


class StableAudioGenerator:
    """One variant. The spec is known at once; torch and the weights come with `load`."""

    def __init__(self, spec: GeneratorSpec, overrides: Mapping[str, Path]) -> None:
        """`overrides` {weights name: path} replaces the known places of this model's and its text tower's files."""
        self._overrides = overrides
        self.spec = replace(spec, weights=fingerprint(spec.name, overrides))
        self._model: StableAudio | None = None
        self._tower: TextTower | None = None

    def load(self, device: str, dtype: str) -> None:
        """Raises MissingWeights where the files are not here, BadCheckpoint where they do not fit."""
        from evalkit.generators.text_towers import load_tower

        self._model = load_model(locate(self.spec.name, self._overrides), device, dtype)
        self._tower = load_tower(self._model.config.text, self._overrides, device)

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Options
    ) -> GenBatch:
        """Sound of each prompt's own length: the window is sampled whole, then cut. Source: DESIGN section 3."""
        import torch

        if self._model is None or self._tower is None:
            raise RuntimeError("load() comes before generate()")
        sampling = read_options(options)
        with torch.inference_mode():
            started = time.perf_counter()
            text = self._tower.encode(prompts)
            encoded = time.perf_counter()
            latents = self._sample(text, seconds, seeds, sampling)
            sampled = time.perf_counter()
            audio = self._model.decode(latents).float().cpu()
        rate = self._model.config.sample_rate
        timings = {"text": encoded - started, "sample": sampled - encoded, "decode": time.perf_counter() - sampled}
        clips = [clip[:, : round(length * rate)].numpy().copy() for clip, length in zip(audio, seconds, strict=True)]
        return GenBatch(clips, rate, timings)

    def close(self) -> None:
        self._model = self._tower = None

    def _sample(
        self, text: Tensor, seconds: Sequence[float], seeds: Sequence[int], sampling: SamplingOptions
    ) -> Tensor:
        import torch

        assert self._model is not None
        weight = next(self._model.parameters())
        tokens, condition = self._model.condition(text.to(weight.device, weight.dtype), seconds)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        latents = self._model.sample(tokens, condition, sampling, generators)
        if latents.is_cuda:
            torch.cuda.synchronize()
        return latents


def fingerprint(name: str, overrides: Mapping[str, Path]) -> str | None:
    """Digest of everything that shapes the sound: weights, config and text tower; None where a part is not here."""
    try:
        folder = locate(name, overrides)
        config = read_json(folder / CONFIG)
        files = [folder / WEIGHTS, folder / CONFIG]
        for entry in config["model"]["conditioning"]["configs"]:
            tower = next((entry["config"][key] for key in _TOWER_KEYS if key in entry["config"]), None)
            files += sorted(path for path in locate(tower, overrides).iterdir() if path.is_file()) if tower else []
        return digest_json([digest_file(file) for file in files])
    except (UserError, OSError, LookupError, TypeError):
        return None


def read_options(options: Options) -> SamplingOptions:
    """A preset with its changes as typed sampling options. Raises UserError naming what is out of range."""
    from evalkit.nets.stable_audio.model import SamplingOptions
    from evalkit.nets.stable_audio.samplers import SAMPLERS

    unknown = sorted(set(options) - {field.name for field in fields(SamplingOptions)})
    if unknown:
        raise UserError(f"stable audio has no option {unknown[0]!r}")
    if options["sampler"] not in SAMPLERS:
        raise unknown_name("sampler", str(options["sampler"]), SAMPLERS)
    numbers = {name: value for name, value in options.items() if name != "sampler"}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"option {name} is a number, not {value!r}")
    found: dict[str, Any] = dict(options)
    sampling = SamplingOptions(**found)
    _check(sampling.steps == int(sampling.steps) and 1 <= sampling.steps <= 1000, "steps is a whole number, 1 to 1000")
    _check(0 < sampling.sigma_min < sampling.sigma_max, "0 < sigma_min < sigma_max must hold")
    _check(sampling.eta >= 0 and sampling.cfg >= 0, "eta and cfg are not negative")
    return sampling


def _check(holds: bool, rule: str) -> None:
    if not holds:
        raise UserError(f"stable audio: {rule}")


def load_model(folder: Path, device: str, dtype: str) -> StableAudio:
    """The network of a folder, ready to sample: weights matched by name, weight norm folded."""
    import torch

    from evalkit.fetch.tensors import load_into, read_tensors
    from evalkit.nets.stable_audio.config import parse
    from evalkit.nets.stable_audio.model import StableAudio
    from evalkit.nets.stable_audio.oobleck import fold_weight_norm

    config = parse(read_json(folder / CONFIG), str(folder / CONFIG))
    model = StableAudio(config)
    path = folder / WEIGHTS
    load_into(model, rename(read_tensors(path), path), path)
    fold_weight_norm(model)
    return model.to(device, getattr(torch, dtype)).eval().requires_grad_(False)


def rename(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """A published file's tensors under our own names. Raises BadCheckpoint for a name of no known part."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(_LEFT_OUT):
            continue
        prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)
        if prefix is None:
            raise BadCheckpoint(f"{path}: tensor {name} belongs to no part of a Stable Audio model")
        renamed[_PREFIXES[prefix] + name.removeprefix(prefix)] = tensor
    return renamed


def published_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `rename`: our tensors under the names of a published file, for recipes that ship one."""
    inverse = {own: published for published, own in _PREFIXES.items()}
    return {_swap(name, inverse): tensor for name, tensor in tensors.items()}


def _swap(name: str, prefixes: Mapping[str, str]) -> str:
    prefix = next(prefix for prefix in prefixes if name.startswith(prefix))
    return prefixes[prefix] + name.removeprefix(prefix)


_MINI = GeneratorSpec(
    name="stable-audio-mini",
    family="stable_audio",
    sample_rate=16000,
    channels=2,
    max_seconds=5.12,
    window_seconds=5.12,
    size="mini",
    licence="MIT; trained on CC0 and CC-BY recordings of ESC-10 (see NOTICE)",
    presets={
        "card": {"steps": 20, "cfg": 7.0, "sampler": "dpmpp-2m", "sigma_min": 0.003, "sigma_max": 100.0, "eta": 0.0},
        "fast": {"steps": 10, "cfg": 7.0, "sampler": "dpmpp-2m", "sigma_min": 0.01, "sigma_max": 100.0, "eta": 0.0},
    },
    default_preset="card",
    batch_size=16,
)

_OPEN_1_0 = GeneratorSpec(
    name="stable-audio",
    family="stable_audio",
    sample_rate=44100,
    channels=2,
    max_seconds=47.55,
    window_seconds=47.55,
    size="full",
    licence="Stability AI Community License (gated)",
    presets={
        "card": {"steps": 100, "cfg": 7.0, "sampler": "dpmpp-3m-sde", "sigma_min": 0.3, "sigma_max": 500.0, "eta": 1.0},
        "ui": {"steps": 250, "cfg": 6.0, "sampler": "dpmpp-3m-sde", "sigma_min": 0.03, "sigma_max": 1000.0, "eta": 1.0},
    },
    default_preset="card",
    batch_size=4,
)


def _builder(spec: GeneratorSpec) -> Callable[..., StableAudioGenerator]:
    def build(overrides: Mapping[str, Path] | None = None) -> StableAudioGenerator:
        return StableAudioGenerator(spec, overrides or {})

    return build


mini = _builder(_MINI)
open_1_0 = _builder(_OPEN_1_0)
