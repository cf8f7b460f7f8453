"""laion-clap and stable-audio-metrics' steps around it, beside evalkit, on the same seeded checkpoints.

    python tests/parity/oracle_clap.py --data DIR

in an environment with evalkit/originals/laion_clap/requirements.txt, what evalkit needs, and this checkout on
PYTHONPATH. Writes golden/clap.npz (the original's numbers) and results/clap.json (how far evalkit is from them). About
two minutes on one core.

Over 10 s the original crops at random: here it is given evalkit's crops. `Resize` runs without antialiasing,
as in the torchvision that stable-audio-metrics pins; what the newer default would change is a row of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import laion_seeded
import numpy as np
import oracle_steps as steps
import plain_libraries  # noqa: F401 - first, as others import what it mends
import torch
import torch_cases

from evalkit.audio.decode import decode
from evalkit.embed import clap as embedder
from evalkit.embed.clap import ClapEmbedder, crop_seed, prepare
from evalkit.embed.load import load_embedder
from evalkit.metrics.clap_score import cosines
from evalkit.nets.clap import crop_start, crop_starts, tower_input
from evalkit.originals.laion_clap.original import (
    RATE,
    cosine,
    crops_of,
    import_package,
    int16_round_trip,
    model_of,
    read_tensors,
)
from evalkit.originals.seeded import torch_files

HERE = Path(__file__).parent
WINDOW, FRAMES, HOP = 480_000, 1001, 480
ORACLE = ("laion-clap", version("laion-clap"))
METRIC = ("stable-audio-metrics' steps", "fd55536")

MEL_NOTE = "Down to 80 dB under the loudest place; further down both hold the rounding of float32."
CROPS_NOTE = "Over 10 s both are given the same crops; Resize without antialiasing; the arithmetic of NumPy 1."
NUMPY_2_NOTE = (
    "Not an error of evalkit: the original under NumPy 2, where the level's gain makes the samples float64; silence "
    "left out."
)
ANTIALIAS_NOTE = (
    "Not an error of evalkit: the original with torchvision's newer default, Resize with antialiasing; clips over 10 s "
    "only."
)


@dataclass(frozen=True)
class Arrangement:
    """A published kind of model: `file` is one that has it."""

    name: str
    file: str
    model: str
    shapes: torch_files.Shapes
    fusion: bool


ARRANGEMENTS = (
    Arrangement(
        "fusion",
        "630k-audioset-fusion-best.pt",
        "HTSAT-tiny",
        torch_files.TINY_WITH_FUSION,
        True,
    ),
    Arrangement(
        "plain",
        "music_speech_audioset_epoch_15_esc_89.98.pt",
        "HTSAT-base",
        torch_files.BASE,
        False,
    ),
)


def crops(name: str, samples: int, arrangement: Arrangement, antialias: bool = False) -> AbstractContextManager[None]:
    """The original's draws replaced by evalkit's for a clip of this name, and `Resize` with or without antialias."""
    seed = crop_seed(name)
    frames = samples // HOP + 1
    starts = crop_starts(frames, FRAMES, seed) if frames > FRAMES else ()
    first = crop_start(samples, WINDOW, seed) if samples > WINDOW and not arrangement.fusion else 0
    return crops_of(first, list(starts), antialias)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help="folder of ESC-10 recordings")
    data = parser.parse_args().data
    golden: dict[str, np.ndarray] = {}
    results: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        torch_files.write_tokenizer(folder / "roberta-base")
        laion = import_package(str(folder / "roberta-base"))
        files = list(torch_cases.all_files(folder, data, (torch_cases.REPEATED, *torch_cases.EDGES)))
        for arrangement in ARRANGEMENTS:
            checkpoint = folder / arrangement.file
            laion_seeded.write_clap(checkpoint, arrangement.shapes)
            results += Comparison(laion, arrangement, checkpoint, files).run(golden)
            checkpoint.unlink()
    np.savez_compressed(HERE / "golden" / "clap.npz", **golden)  # type: ignore[arg-type]
    (HERE / "results" / "clap.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


class Comparison:
    """One arrangement over all cases."""

    def __init__(
        self, laion: Any, arrangement: Arrangement, checkpoint: Path, files: list[tuple[str, Path, str]]
    ) -> None:
        self.arrangement, self.files = arrangement, files
        self.theirs: Any = model_of(laion, read_tensors(checkpoint))
        ours = load_embedder("clap", overrides={"clap": checkpoint})
        assert isinstance(ours, ClapEmbedder)
        self.ours = ours
        embedder.samples_digest = lambda clip: clip.digest  # crops by the case's name, as the original's here
        self.pairs: dict[str, dict[str, Any]] = {
            key: {} for key in ("mel", "audio", "text", "score", "score_numpy_2", "antialias")
        }

    @torch.no_grad()
    def run(self, golden: dict[str, np.ndarray]) -> list[dict[str, object]]:
        for name, path, caption in self.files:
            theirs = self.theirs.get_text_embedding([caption, ""], use_tensor=True)[:1]
            mine = self.ours.embed_text([caption])
            self.pairs["text"][name] = mine, theirs.numpy()
            self._sound(name, path, torch.from_numpy(mine), theirs, golden)
            golden[f"{self.arrangement.name}/text/{name}"] = theirs[0].numpy()
        return self._rows()

    def _sound(
        self, name: str, path: Path, my_text: torch.Tensor, text: torch.Tensor, golden: dict[str, np.ndarray]
    ) -> None:
        key = self.arrangement.name
        clip = replace(decode(path), digest=name)
        audio = steps.load_at_peak(path, RATE)
        if not clip.samples.any():  # a division by zero in the original, whose int16 of NaN is not defined
            golden["silent_is_nan_in_the_original"] = np.array(bool(np.isnan(audio).all()))
            audio = np.zeros_like(audio)
        with crops(name, len(audio), self.arrangement):
            theirs = self._embed(int16_round_trip(audio))
        mine = torch.from_numpy(self.ours.embed([clip])[0])
        self.pairs["audio"][name] = mine.numpy(), theirs.numpy()
        score = cosine(theirs, text)
        my_score = cosines(mine.double().numpy(), my_text.double().numpy())
        self.pairs["score"][name] = my_score, score
        if self.arrangement.fusion and len(audio) >= WINDOW + HOP:
            with crops(name, len(audio), self.arrangement, antialias=True):
                sharp = self._embed(int16_round_trip(audio))
            self.pairs["antialias"][name] = my_score, cosine(sharp, text)
        if clip.samples.any():
            with crops(name, len(audio), self.arrangement):
                modern = self._embed(int16_round_trip(steps.load_at_peak_numpy_2(path, RATE)))
            self.pairs["score_numpy_2"][name] = my_score, cosine(modern, text)
        mels = self._mels(name, audio, clip)
        self.pairs["mel"][name] = steps.audible(*mels)
        golden[f"{key}/audio/{name}"] = theirs[0].numpy()
        golden[f"{key}/score/{name}"] = score
        golden[f"{key}/mel/{name}"] = mels[1][:, ::100].astype(np.float32)
        print(key, name, np.abs(mine.numpy() - theirs.numpy()).max(), float(score[0]), file=sys.stderr)

    def _embed(self, audio: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.theirs.get_audio_embedding_from_data(x=audio, use_tensor=True)
        return found

    def _mels(self, name: str, audio: np.ndarray, clip: Any) -> tuple[np.ndarray, np.ndarray]:
        """What goes into each tower: ours and the original's, (4 or 1, 1001, 64) in dB."""
        from laion_clap.training.data import get_audio_features

        mine, _ = tower_input(prepare(clip, RATE), self.ours.front, crop_seed(name))
        rule = "fusion" if self.arrangement.fusion else "rand_trunc"
        with crops(name, len(audio), self.arrangement):
            cfg = self.theirs.model_cfg["audio_cfg"]
            sample = get_audio_features({}, int16_round_trip(audio)[0], WINDOW, rule, "repeatpad", cfg)
        if self.arrangement.fusion:
            return mine.numpy(), sample["mel_fusion"].numpy()
        tower = self.theirs.model.audio_branch
        mel = tower.logmel_extractor(tower.spectrogram_extractor(sample["waveform"][None]))
        return mine.numpy(), mel[0].numpy()

    def _rows(self) -> list[dict[str, object]]:
        kind = f"CLAP {self.arrangement.model} {'with' if self.arrangement.fusion else 'without'} fusion"
        pairs = self.pairs
        means = [tuple(np.mean([np.ravel(pair) for pair in pairs["score"].values()], axis=0))]
        found = [
            steps.row(f"{kind}: log mel (dB)", "front end", ORACLE, pairs["mel"], MEL_NOTE),
            steps.row(f"{kind}: audio embedding", "embedding", ORACLE, pairs["audio"]),
            steps.row(f"{kind}: 1 - cosine of audio embeddings", "embedding", ORACLE, _one_minus(pairs["audio"])),
            steps.row(f"{kind}: text embedding", "embedding", ORACLE, pairs["text"]),
            steps.row(f"{kind}: 1 - cosine of text embeddings", "embedding", ORACLE, _one_minus(pairs["text"])),
            steps.row(f"{kind}: CLAP score of a clip", "metric", METRIC, pairs["score"], CROPS_NOTE),
            steps.row(f"{kind}: CLAP score, mean", "metric", METRIC, means),  # type: ignore[arg-type]
            steps.row(f"{kind}: CLAP score of a clip", "metric", METRIC, pairs["score_numpy_2"], NUMPY_2_NOTE),
        ]
        if self.arrangement.fusion:
            sharp = pairs["antialias"]
            found.append(steps.row(f"{kind}: CLAP score of a clip", "metric", METRIC, sharp, ANTIALIAS_NOTE))
        return found


def _one_minus(pairs: dict[str, Any]) -> dict[str, steps.Pair]:
    """(cosine, 1) of each pair, so that a row's error is 1 - cosine."""
    both = {name: (np.asarray(a, np.float64), np.asarray(b, np.float64)) for name, (a, b) in pairs.items()}
    return {name: (cosines(a, b), np.ones(1)) for name, (a, b) in both.items()}


if __name__ == "__main__":
    main()
