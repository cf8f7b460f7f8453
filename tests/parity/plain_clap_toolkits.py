"""The code of fadtk, stable-audio-tools and audiocraft that hears by laion-clap, without the rest of each package.

Their packages import much that no step here uses, fetch checkpoints when they are built, and want a GPU's torchaudio:
each module is loaded alone, from the installed wheel, and given a `CLAP_Module` that is already filled.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import librosa
import numpy as np
import scipy
import soundfile
import torch

RATE = 48000
SOUND_FILE_MAX = 32768


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


class Fadtk:
    """`fadtk.model_loader.CLAPLaionModel("music")` around a model, and `fadtk.fad` around its rows."""

    def __init__(self, model: Any) -> None:
        _bare("fadtk")
        scipy.sqrt = np.emath.sqrt  # which the present scipy no longer has
        loaders = import_module("fadtk.model_loader")
        self.fad = import_module("fadtk.fad")
        self.loader = object.__new__(loaders.CLAPLaionModel)
        loaders.ModelLoader.__init__(self.loader, "clap-laion-music", 512, RATE)
        self.loader.type, self.loader.model = "music", model

    def rows(self, file: Path) -> np.ndarray:
        """Of a mono 16-bit file at 48 kHz, before they are kept as float16."""
        found: np.ndarray = self.loader._get_embedding(self.loader.load_wav(file)).numpy()
        return found

    def by_sox(self, path: Path) -> Path:
        """The file that `FrechetAudioDistance.load_audio` has sox make of a sound."""
        toolkit = object.__new__(self.fad.FrechetAudioDistance)
        toolkit.sox_formats = self.fad.find_sox_formats("sox")
        toolkit.ml = SimpleNamespace(sr=RATE, load_wav=lambda made: made)
        made: Path = toolkit.load_audio(path)
        return made

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


def as_sox_would(path: Path, made: Path) -> Path:
    """A mono 16-bit file at 48 kHz as evalkit has it in sox's place: soxr HQ, rounded, without dither."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(axis=1, dtype=np.float32)
    mono = mono if rate == RATE else librosa.resample(mono, orig_sr=rate, target_sr=RATE)
    whole = np.clip(np.round(mono * SOUND_FILE_MAX), -SOUND_FILE_MAX, SOUND_FILE_MAX - 1).astype(np.int16)
    soundfile.write(made, whole, RATE, subtype="PCM_16")
    return made


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
