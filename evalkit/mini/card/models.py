"""What the card tells of each generator mini: its sounds for suite `mini`, its speed, and its autoencoder alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from evalkit.audio.clip import Clip, Samples
from evalkit.core.ids import digest_bytes, item_seed
from evalkit.fetch.weights import MINIS
from evalkit.generators.base import GENERATORS, Generator
from evalkit.generators.stable_audio.autoencoder import Autoencoder
from evalkit.mini.card.measures import Sounds, measure_sounds
from evalkit.mini.recordings.scenes import CLASSES, load_recordings
from evalkit.mini.train import losses
from evalkit.run.options import choose_options
from evalkit.suites.base import Suite


@dataclass(frozen=True)
class Rebuilt:
    """How well an autoencoder gives back a class: correlation of log spectra, and STFT distance."""

    correlation: float
    stft: float
    clips: int


@dataclass(frozen=True)
class Model:
    """One generator mini: the digest of its weights, processor seconds per clip in suite `mini`, what the judges say,
    and its autoencoder by class (empty where `evalkit codec` cannot measure it)."""

    weights: str
    seconds: float
    sounds: Sounds
    autoencoder: Mapping[str, Rebuilt]


def generator_minis() -> list[str]:
    """The models among what ships: `fetch.weights.MINIS` says what does."""
    models = GENERATORS.names()
    return [name for name in MINIS if name in models]


def measure_model(name: str, suite: Suite, data: Path) -> Model:
    """Everything the card tells of a model; `data` is the folder of ESC-10, of which fold 4 is taken."""
    generator: Generator = GENERATORS.load(name)()
    generator.load("cpu", "float32")
    clips, seconds = generate_suite(generator, suite)
    make = getattr(generator, "autoencoder", None)
    rebuilt = autoencoder_by_class(make("cpu", "float32"), data) if make else {}
    return Model(generator.spec.weights or "", seconds, measure_sounds(suite, clips), rebuilt)


def generate_suite(generator: Generator, suite: Suite) -> tuple[list[Clip], float]:
    """A sound for each prompt, as `evalkit run` makes it, and processor seconds per clip after the first batch."""
    spec, prompts = generator.spec, suite.prompts
    options = choose_options(spec, None, {})[1]
    clips: list[Clip] = []
    spent: list[tuple[float, int]] = []
    for start in range(0, len(prompts), spec.batch_size):
        batch, begun = prompts[start : start + spec.batch_size], time.process_time()
        made = generator.generate(
            [prompt.text for prompt in batch],
            [prompt.seconds for prompt in batch],
            [item_seed(0, prompt.id, 0) for prompt in batch],
            options,
        )
        spent.append((time.process_time() - begun, len(batch)))
        clips += [Clip(audio, made.sample_rate, digest_bytes(audio.tobytes())) for audio in made.audio]
        print(f"{spec.name}: generated {len(clips)} of {len(prompts)}", flush=True)
    warm = spent[1:] or spent
    return clips, sum(seconds for seconds, _ in warm) / sum(count for _, count in warm)


def autoencoder_by_class(codec: Autoencoder, data: Path) -> dict[str, Rebuilt]:
    """Encode (posterior mean) and decode every recording of fold 4, whole."""
    found: dict[str, list[tuple[float, float]]] = {sound: [] for sound in CLASSES}
    for recording in load_recordings(data, codec.rate, (4,)):
        length = min(len(recording.samples), codec.longest) // codec.ratio * codec.ratio
        mono = recording.samples[:length] * np.float32(0.5)
        rebuilt = _stereo(codec.rebuild(np.repeat(mono[None], codec.channels, axis=0), None))
        audio = _stereo(mono[None])
        distance = float(losses.multi_resolution_stft(rebuilt, audio, codec.rate)[0])
        found[recording.sound].append((log_correlation(audio, rebuilt), distance))
    means = {sound: np.mean(rows, axis=0) for sound, rows in found.items()}
    return {sound: Rebuilt(float(mean[0]), float(mean[1]), len(found[sound])) for sound, mean in means.items()}


def _stereo(samples: Samples) -> torch.Tensor:
    """(1, 2, samples) of one or two channels."""
    return torch.from_numpy(np.ascontiguousarray(samples)).expand(2, -1)[None]


def log_correlation(first: torch.Tensor, second: torch.Tensor) -> float:
    """Pearson correlation of the log magnitudes (512-point STFT) of two (1, 2, samples) sounds."""
    logs = torch.stack([losses.magnitude(audio[:, 0], 512).log().flatten() for audio in (first, second)])
    return float(torch.corrcoef(logs)[0, 1])
