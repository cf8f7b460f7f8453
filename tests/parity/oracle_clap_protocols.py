"""CLAP as fadtk, stable-audio-tools, audiocraft and av-benchmark feed it, by their own code, beside evalkit's judges.

    python tests/parity/oracle_clap_protocols.py --data DIR

in an environment with evalkit/originals/laion_clap/requirements.txt and, without what they ask for, the packages of
tests/parity/requirements-clap_protocols.txt, what evalkit needs, sox, and this checkout on PYTHONPATH. Writes
golden/clap_protocols.npz (the originals' numbers) and results/clap_protocols.json (how far evalkit is from them). Some
minutes on a core.

av-benchmark is no package: its steps (050a5cd, `extract.py` and `data/audio_dataset.py`) stand here.
"""

from __future__ import annotations

import plain_libraries  # noqa: F401 - first, as others import what it mends

# isort: split
import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import laion_seeded
import numpy as np
import oracle_steps as steps
import soundfile
import torch
import torch_cases
import torchaudio
from plain_clap_toolkits import FEWEST, Fadtk, StableAudioTools, audiocraft_score, by_one_dnn

from evalkit.audio.decode import decode
from evalkit.embed import clap as embedder
from evalkit.embed.clap import ClapEmbedder, crop_seed
from evalkit.embed.clap_windows import ClapWindowsEmbedder
from evalkit.embed.load import load_embedder
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.nets.clap import crop_start
from evalkit.originals.laion_clap.original import crops_of, import_package, model_of, read_tensors
from evalkit.originals.seeded import torch_files
from evalkit.suites.references import set_from_features

HERE = Path(__file__).parent
RATE, WINDOW = 48000, 480_000
THIN = 997
AV_BENCHMARK = ("av-benchmark's steps around laion-clap", "050a5cd")
CLIPS = 8
"""Recordings on each side of a distance."""
ONE_DNN = "Sums of the conversion by oneDNN, which torch takes above 20,480 samples, also of shorter sounds."
BLAS = (
    "Not an error of evalkit: torch converts a sound of up to 20,480 samples by the BLAS of its build, here MKL on a "
    "processor of AMD, whose sums are rounded otherwise, so that some samples of 16 bits fall on the other side. The "
    "rows above are of oneDNN's sums: the original is as far from itself."
)

File = tuple[str, Path, str]
Rows = list[dict[str, object]]
Golden = dict[str, np.ndarray]


class Heard:
    """What a toolkit hands to `get_audio_embedding_from_data`, and what it gets."""

    def __init__(self, model: Any) -> None:
        self.pieces: list[np.ndarray] = []
        self.rows: list[np.ndarray] = []
        self._inner = model.get_audio_embedding_from_data
        model.get_audio_embedding_from_data = self

    def __call__(self, x: Any, use_tensor: bool) -> Any:
        found = self._inner(x=x, use_tensor=use_tensor)
        self.pieces.extend(np.asarray(piece) for piece in x)
        self.rows.extend(np.asarray(row) for row in found)
        return found

    def taken(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Since it was last asked."""
        pieces, rows = self.pieces, np.stack(self.rows)
        self.pieces, self.rows = [], []
        return pieces, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help="folder of ESC-10 recordings")
    data = parser.parse_args().data
    golden: Golden = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        torch_files.write_tokenizer(folder / "roberta-base")
        laion = import_package(str(folder / "roberta-base"))
        embedder.samples_digest = lambda clip: clip.digest  # crops by the case's name, as the originals' here
        files = list(torch_cases.all_files(folder, data, torch_cases.EDGES))
        results = of_base(laion, folder, files, data, golden) + of_fusion(laion, folder, files, data, golden)
    np.savez_compressed(HERE / "golden" / "clap_protocols.npz", **golden)  # type: ignore[arg-type]
    (HERE / "results" / "clap_protocols.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


def seeded(laion: Any, path: Path, shapes: torch_files.Shapes) -> Any:
    laion_seeded.write_clap(path, shapes)
    return model_of(laion, read_tensors(path))


def of_base(laion: Any, folder: Path, files: list[File], data: Path | None, golden: Golden) -> Rows:
    """HTSAT-base without fusion: fadtk, audiocraft, av-benchmark."""
    checkpoint = folder / "music_audioset_epoch_15_esc_90.14.pt"
    model = seeded(laion, checkpoint, torch_files.BASE)
    heard = Heard(model)
    found = windows("clap-music@fadtk", checkpoint, FadtkWay(model), heard, files, data, golden)
    found += scores("clap-music@audiocraft", checkpoint, Audiocraft(model), heard, files, golden)
    name = "clap-music-speech-audioset@av-benchmark"
    found += scores(name, checkpoint, AvBenchmark(model), heard, files, golden)
    checkpoint.unlink()
    return found


def of_fusion(laion: Any, folder: Path, files: list[File], data: Path | None, golden: Golden) -> Rows:
    """HTSAT-tiny with fusion: stable-audio-tools' default."""
    checkpoint = folder / "630k-audioset-fusion-best.pt"
    model = seeded(laion, checkpoint, torch_files.TINY_WITH_FUSION)
    heard = Heard(model)
    return windows("clap@stable-audio-3", checkpoint, StableAudioWay(model), heard, files, data, golden)


class FadtkWay:
    """fadtk."""

    oracle = ("fadtk", version("fadtk"))

    def __init__(self, model: Any) -> None:
        self.toolkit = Fadtk(model)

    def hear(self, path: Path) -> None:
        self.toolkit.rows(path)

    def hear_by_sox(self, path: Path) -> None:
        """With its dither."""
        self.toolkit.rows(path, sox=True)

    def distance(self, generated: list[np.ndarray], reference: list[np.ndarray]) -> float:
        with tempfile.TemporaryDirectory() as kept:
            return self.toolkit.distance(reference, generated, Path(kept))


class StableAudioWay:
    """stable-audio-tools."""

    oracle = ("stable-audio-tools", version("stable-audio-tools"))

    def __init__(self, model: Any) -> None:
        self._toolkit = StableAudioTools(model)

    def hear(self, path: Path) -> None:
        self._toolkit.rows(path)

    def distance(self, generated: list[np.ndarray], reference: list[np.ndarray]) -> float:
        return self._toolkit.distance(np.concatenate(generated), np.concatenate(reference))


def windows(
    name: str, checkpoint: Path, way: Any, heard: Heard, files: list[File], data: Path | None, golden: Golden
) -> list[dict[str, object]]:
    """Pieces, rows and distances of one toolkit of FAD-CLAP."""
    ours = load_embedder(name, overrides={name.partition("@")[0]: checkpoint})
    assert isinstance(ours, ClapWindowsEmbedder)
    ours._windows = replace(ours._windows, half=False)
    pieces: dict[str, tuple[object, object]] = {}
    rows: dict[str, tuple[object, object]] = {}
    short: dict[str, tuple[object, object]] = {}
    for case, path, _ in files:
        clip = replace(decode(path), digest=case)
        if not clip.samples.any() and ours._prepared.peak:
            continue  # which stable-audio-tools leaves out, and evalkit refuses
        with by_one_dnn():
            way.hear(path)
        theirs = heard.taken()
        mine = ours.pieces(clip)
        pieces[case] = (np.concatenate(mine), np.concatenate(theirs[0]))
        rows[case] = (ours.embed([clip])[0], theirs[1])
        if clip.rate != RATE and clip.samples.shape[1] < FEWEST:
            way.hear(path)
            short[case] = (rows[case][0], heard.taken()[1])
        golden[f"{name}/pieces/{case}"] = np.concatenate(theirs[0])[::THIN]
        golden[f"{name}/lengths/{case}"] = np.array([len(piece) for piece in theirs[0]])
        golden[f"{name}/rows/{case}"] = theirs[1][[0, -1]]
        print(name, case, theirs[1].shape, steps.row("", "", way.oracle, [rows[case]])["max_rel"], file=sys.stderr)
    found = [
        steps.row(f"samples of {name}, every window", "front end", way.oracle, pieces, ONE_DNN),
        steps.row(f"rows of {name}", "embedding", way.oracle, rows, ONE_DNN),
        steps.row(f"rows of {name} beside those by a BLAS", "embedding", way.oracle, short, BLAS),
    ]
    if isinstance(way, FadtkWay):
        found.append(by_sox(name, ours, way, heard, files))
    return found + distance(name, ours, way, heard, data, golden)


def by_sox(name: str, ours: ClapWindowsEmbedder, way: FadtkWay, heard: Heard, files: list[File]) -> dict[str, object]:
    """How far rows of recordings are from those that the toolkit makes by way of sox."""
    pairs: dict[str, steps.Pair] = {}
    for case, path, _ in files:
        if case.startswith("real_"):
            way.hear_by_sox(path)
            pairs[case] = ours.embed([decode(path)])[0], heard.taken()[1]
    note = "Not an error of evalkit: the original as before 1.1.0, when sox converted, with dither."
    return steps.row(f"rows of {name} beside those by way of sox", "embedding", way.oracle, pairs, note)


def distance(
    name: str, ours: ClapWindowsEmbedder, way: Any, heard: Heard, data: Path | None, golden: Golden
) -> list[dict[str, object]]:
    """FAD-CLAP of recordings against others, from the sounds, and of rows that are drawn."""
    draw = np.random.default_rng(7)
    drawn = [draw.normal(shift, 0.05, (60, 20, 64)).astype(np.float16) for shift in (0.0, 0.01)]
    wanted = way.distance(list(drawn[0]), list(drawn[1]))
    golden[f"{name}/drawn"] = np.array(wanted)
    pairs = {"drawn": (fad(list(drawn[0]), list(drawn[1])), wanted)}
    title = f"{METRICS.load('fad_clap').card.title} of {name}"
    rows = [steps.row(title, "metric", way.oracle, pairs, "of 1,200 drawn rows against 1,200 others")]
    if data is None:
        return rows
    sides: list[tuple[list[np.ndarray], list[np.ndarray]]] = []
    for paths in torch_cases.recordings(data, CLIPS):
        theirs = []
        for path in paths:
            way.hear(path)
            theirs.append(heard.taken()[1])
        sides.append((ours.embed([decode(path) for path in paths]), theirs))
    theirs = [side[1] for side in sides]
    found = {"recordings": (fad(sides[0][0], sides[1][0]), way.distance(*theirs))}
    note = (
        f"of {CLIPS} recordings against {CLIPS} others: evalkit {found['recordings'][0]:.6f}, from upstream's rows "
        f"{fad(*theirs):.6f}, upstream's own sqrtm of matrices without full rank {found['recordings'][1]:.6f}"
    )
    same = {"recordings": (found["recordings"][0], fad(*theirs))}
    return [*rows, steps.row(title, "metric", way.oracle, same, note)]


def fad(generated: list[np.ndarray], reference: list[np.ndarray]) -> float:
    ids = [f"{place:03d}" for place in range(len(generated))]
    features = [rows.astype(np.float32) for rows in generated]
    against = set_from_features([rows.astype(np.float32) for rows in reference])
    return METRICS.load("fad_clap").compute(MetricInputs(ids, ids, features, set_reference=against)).value


class Audiocraft:
    """audiocraft's text consistency; over 10 s laion-clap crops by a generator, here where evalkit does."""

    oracle = ("audiocraft", version("audiocraft"))
    note = "clips over 10 s: both have evalkit's crop"

    def __init__(self, model: Any) -> None:
        self.score: Callable[[Path, str], float] = audiocraft_score(model)


class AvBenchmark:
    """av-benchmark's LAION-CLAP score."""

    oracle = AV_BENCHMARK
    note = ""

    def __init__(self, model: Any) -> None:
        self._model = model

    def score(self, path: Path, caption: str) -> float:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = torch.from_numpy(audio.T.copy()).mean(dim=0)
        mono = mono - mono.mean()
        mono = mono if rate == RATE else torchaudio.transforms.Resample(rate, RATE)(mono)
        sound = self._model.get_audio_embedding_from_data(mono[: 8 * RATE][None], use_tensor=True)
        text = self._model.get_text_embedding([caption, ""], use_tensor=True)[:1]
        return float(torch.cosine_similarity(text, sound, dim=-1).mean())


@torch.no_grad()
def scores(
    name: str, checkpoint: Path, way: Any, heard: Heard, files: list[File], golden: Golden
) -> list[dict[str, object]]:
    """Samples, embeddings and scores of one toolkit's CLAP score."""
    ours = load_embedder(name, overrides={name.partition("@")[0]: checkpoint})
    assert isinstance(ours, ClapEmbedder)
    pairs: dict[str, dict[str, tuple[object, object]]] = {"samples": {}, "audio": {}}
    mine, wanted, captions = [], [], []
    for case, path, caption in files:
        clip = replace(decode(path), digest=case)
        samples = ours.way(clip).numpy()
        first = crop_start(len(samples), WINDOW, crop_seed(case)) if len(samples) > WINDOW else 0
        with crops_of(first, []):
            wanted.append(way.score(path, caption))
        theirs = heard.taken()
        mine.append(ours.embed([clip])[0])
        captions.append(caption)
        pairs["samples"][case] = (samples, theirs[0][0])
        pairs["audio"][case] = (mine[-1][0], theirs[1][0])
        golden[f"{name}/samples/{case}"] = theirs[0][0][::THIN]
        golden[f"{name}/length/{case}"] = np.array(len(theirs[0][0]))
        golden[f"{name}/audio/{case}"] = theirs[1][0]
        golden[f"{name}/score/{case}"] = np.array(wanted[-1])
        print(name, case, wanted[-1], file=sys.stderr)
    ids = [case for case, _, _ in files]
    score = METRICS.load("clap_score").compute(MetricInputs(ids, ids, mine, texts=ours.embed_text(captions)))
    each = {case: (score.per_prompt[case], value) for case, value in zip(ids, wanted, strict=True)}
    mean = {"mean": (score.value, float(np.mean(wanted)))}
    title = METRICS.load("clap_score").card.title
    return [
        steps.row(f"samples of {name}", "front end", way.oracle, pairs["samples"], way.note),
        steps.row(f"audio embedding of {name}", "embedding", way.oracle, pairs["audio"], way.note),
        steps.row(f"{title} of {name}, of a clip", "metric", way.oracle, each, way.note),
        steps.row(f"{title} of {name}, mean over the clips", "metric", way.oracle, mean, way.note),
    ]


if __name__ == "__main__":
    main()
