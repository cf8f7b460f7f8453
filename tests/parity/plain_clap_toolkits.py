"""The code of fadtk, stable-audio-tools and audiocraft that hears by laion-clap, without the rest of each package.

Their packages import much that no step here uses, fetch checkpoints when they are built, and want a GPU's torchaudio:
each module is loaded alone, from the installed wheel, and given a `CLAP_Module` that is already filled.
"""

from __future__ import annotations

import importlib.util
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import soundfile
import torch
import torchaudio

RATE = 48000
FULL_SCALE = 32768
FEWEST = 20_480
"""Padded samples up to which torch converts by the BLAS of its build, and beyond by oneDNN."""


def _bare(*names: str) -> None:
    """Packages of which modules can be imported without what their own `__init__` imports."""
    for name in names:
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.submodule_search_locations
        package = ModuleType(name)
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules[name] = package


def _standing_in(name: str, **content: object) -> None:
    module = ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module


@contextmanager
def by_one_dnn() -> Iterator[None]:
    """Short sounds are converted by oneDNN too, among zeros of which nothing is kept: a BLAS adds up in an order of its
    own, another one on another machine."""
    module: Any = import_module("torchaudio.transforms._transforms")
    inner = module._apply_sinc_resample_kernel

    def among_zeros(sound: torch.Tensor, rate_from: int, rate_to: int, *filters: Any) -> torch.Tensor:
        count = sound.shape[-1]
        longer = torch.nn.functional.pad(sound, (0, max(0, FEWEST + 1 - count)))
        found: torch.Tensor = inner(longer, rate_from, rate_to, *filters)
        return found[..., : math.ceil(count * rate_to / rate_from)]

    module._apply_sinc_resample_kernel = among_zeros
    try:
        yield
    finally:
        module._apply_sinc_resample_kernel = inner


class Fadtk:
    """`fadtk.model_loader.CLAPLaionModel("music")` around a model, and `fadtk.fad` around its rows."""

    def __init__(self, model: Any) -> None:
        _bare("fadtk")
        loaders = import_module("fadtk.model_loader")
        self.fad: Any = import_module("fadtk.fad")
        torchaudio.load, torchaudio.save = _load, _save
        self.loader = object.__new__(loaders.CLAPLaionModel)
        loaders.ModelLoader.__init__(self.loader, "clap-laion-music", 512, RATE)
        self.loader.type, self.loader.model = "music", model

    def rows(self, path: Path, sox: bool = False) -> np.ndarray:
        """Of any sound, before they are kept as float16; by way of `sox`, as releases before 1.1.0 convert."""
        self.fad.TORCHAUDIO_RESAMPLING = not sox
        toolkit = object.__new__(self.fad.FrechetAudioDistance)
        toolkit.ml, toolkit.sox_formats = self.loader, ["wav"]
        with tempfile.TemporaryDirectory() as folder:
            alone = Path(folder) / path.name
            shutil.copy(path, alone)
            found: np.ndarray = self.loader._get_embedding(toolkit.load_audio(alone)).numpy()
        return found

    def distance(self, reference: list[np.ndarray], generated: list[np.ndarray], folder: Path) -> float:
        """`FrechetAudioDistance.score` of rows as it keeps them, a file for each clip."""
        toolkit = object.__new__(self.fad.FrechetAudioDistance)
        toolkit.ml = self.loader
        for side, clips in (("reference", reference), ("generated", generated)):
            kept = folder / side / "embeddings" / self.loader.name
            kept.mkdir(parents=True)
            for place, rows in enumerate(clips):
                np.save(kept / f"{place:03d}.npy", rows.astype(np.float16))
        return float(toolkit.score(folder / "reference", folder / "generated"))


def _load(path: str, backend: str) -> tuple[torch.Tensor, int]:
    """`torchaudio.load`, whose back ends do not load beside a CPU build of torch."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(audio.T.copy()), rate


def _save(path: str, samples: torch.Tensor, rate: int, encoding: str, bits_per_sample: int) -> None:
    """`torchaudio.save` to 16 bits as ffmpeg does, its first back end: times 32768, a half to the even one, without
    dither. Of 200,804 samples, ties and clipped ones among them, FFmpeg 5.1.9 gives none otherwise."""
    whole = (samples.T * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1).to(torch.int16)
    soundfile.write(path, whole.numpy(), rate, subtype=f"{encoding[:3]}_{bits_per_sample}")


class StableAudioTools:
    """`training/metrics/fad_metrics.py` around a model."""

    def __init__(self, model: Any) -> None:
        _standing_in("pytorch_lightning", Callback=object)
        _bare("stable_audio_tools", "stable_audio_tools.inference", "stable_audio_tools.training")
        _standing_in("stable_audio_tools.inference.sampling", sample_diffusion=None)
        _bare("stable_audio_tools.training.metrics")
        self.module: Any = import_module("stable_audio_tools.training.metrics.fad_metrics")
        self.module.load_clap_model = lambda *_arguments, **_named: model

    def rows(self, path: Path) -> np.ndarray:
        """No rows of a silent clip, which it leaves out."""
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        told = {"id2audio": {"one": torch.from_numpy(audio.T.copy())}, "sample_rate": rate}
        found = self.module.extract_embeddings(**told, show_progress=False, device="cpu")
        rows: np.ndarray = found["clap"]["embeddings"]
        return rows

    def distance(self, generated: np.ndarray, reference: np.ndarray) -> float:
        sides = [self.module.calculate_embd_statistics(rows) for rows in (generated, reference)]
        return float(self.module.calculate_frechet_distance(*sides[0], *sides[1]))


def audiocraft_score(model: Any) -> Callable[[Path, str], float]:
    """`CLAPTextConsistencyMetric` around a model: of one sound and its caption, given twice, as laion-clap's tokenizer
    needs two."""
    _bare("audiocraft", "audiocraft.metrics", "audiocraft.data", "audiocraft.utils")
    _standing_in("audiocraft.environment", AudioCraftEnvironment=None)
    _standing_in("audiocraft.utils.utils", load_clap_state_dict=None)
    consistency: Any = import_module("audiocraft.metrics.clap_consistency")

    def filled(self: Any, *_arguments: object) -> None:
        self.tokenize = consistency.RobertaTokenizer.from_pretrained("roberta-base")
        self.model, self.model_sample_rate = model, RATE

    consistency.CLAPTextConsistencyMetric._initialize_model = filled

    def score(path: Path, caption: str) -> float:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        both = torch.from_numpy(audio.T.copy())[None].repeat(2, 1, 1)
        metric = consistency.CLAPTextConsistencyMetric("")
        metric.update(both, [caption] * 2, torch.tensor([both.shape[-1]] * 2), torch.tensor([rate] * 2))
        return float(metric.compute())

    return score
