"""How far evalkit is from OpenL3 on every frame of every case: writes results/openl3.json.

    python measure_openl3.py FULL [--data ESC10]

`FULL` is the .npz of `oracle_openl3.py --full`. Runs where evalkit is installed, without TensorFlow.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openl3_cases as cases
import openl3_seeded
import torch
from numpy.typing import NDArray

from evalkit.audio.clip import Clip
from evalkit.audio.decode import decode
from evalkit.embed.base import Embedder, Features
from evalkit.embed.load import load_embedder
from evalkit.embed.openl3 import frames, network_of_keras, prepare
from evalkit.nets.openl3 import LogMel, OpenL3Config
from evalkit.stats.frechet import factors_of_blocks, frechet_distance

ORACLE = "stable-audio-metrics' OpenL3 chain"
VERSION = "openl3 0.4.2, kapre 0.3.7, TensorFlow 2.20.0 (tf-keras 2.20.1), resampy 0.2.2, SciPy 1.17.1"
WEIGHTS = "openl3-env"

Array = NDArray[np.float32]


def embedder(folder: Path, **how: int) -> Embedder:
    """evalkit's embedder from the seeded weights, written to `folder` in the published format."""
    path = openl3_seeded.save(folder / "openl3_audio_mel256_env.h5", **how)
    return load_embedder(WEIGHTS, overrides={WEIGHTS: path})


def clip_of(case: cases.Case, folder: Path, data: Path | None) -> Clip:
    """The case as evalkit reads it from a wav file."""
    samples = cases.real(case, data) if case.kind == "real" and data is not None else cases.seeded(case)
    return decode(cases.write(samples, case.rate, folder / f"{case.name}.wav"))


def decibels(clip: Clip) -> Array:
    """(frames, 256, 199) of the first channel."""
    windows = np.stack(frames(prepare(clip, 48000)[0], 48000))
    with torch.inference_mode():
        found = LogMel(OpenL3Config())(torch.from_numpy(windows))[:, 0].numpy()
    return np.asarray(found)


def other_sizes(clip: Clip, folder: Path) -> dict[str, Array]:
    """The first two frames of a clip at the sizes that no suite uses, by the names of the golden file."""
    path = openl3_seeded.save(folder / "seeded.h5")
    windows = torch.from_numpy(np.stack(frames(prepare(clip, 48000)[0], 48000)[:2]))
    found = {}
    for bands, size in ((256, 6144), (128, 512), (128, 6144)):
        net = network_of_keras(path, OpenL3Config(n_mels=bands, embedding=size)).eval()
        with torch.inference_mode():
            found[f"mel{bands}-{size}"] = net(windows).numpy()
    return found


def absolute(found: NDArray[np.floating], wanted: NDArray[np.floating]) -> float:
    return float(np.abs(found - wanted).max())


def relative(found: NDArray[np.floating], wanted: NDArray[np.floating]) -> float:
    """The largest difference in a frame over the root mean square of the oracle's values in that frame.

    Stricter than a ratio of norms, or one to the largest value; the largest of all frames counts.
    """
    scale = np.sqrt(np.square(wanted, dtype=np.float64).mean(axis=1, keepdims=True))
    return float((np.abs(found - wanted) / scale).max())


def distance(generated: list[Features], reference: list[Features]) -> float:
    return frechet_distance(factors_of_blocks(generated), factors_of_blocks(reference))


def row(quantity: str, level: str, errors: list[tuple[float, float]], note: str = "") -> dict[str, object]:
    """A row of the table: the largest of (absolute, relative) over the cases."""
    return {
        "quantity": quantity,
        "level": level,
        "oracle": ORACLE,
        "version": VERSION,
        "cases": len(errors),
        "max_abs": max(error for error, _ in errors),
        "max_rel": max(error for _, error in errors),
        "note": note,
    }


def case_errors(
    listed: tuple[cases.Case, ...], net: Embedder, full: Mapping[str, Array], folder: Path, data: Path | None
) -> tuple[dict[str, Features], list[tuple[float, float]], list[tuple[float, float]]]:
    """evalkit's features by case, and the errors of front end and embedding."""
    features, front, embedding = {}, [], []
    for case in listed:
        clip = clip_of(case, folder, data)
        features[case.name] = net.embed([clip])[0]
        rows, spectra = full[f"{case.name}/rows"], full[f"{case.name}/decibels"]
        error = absolute(decibels(clip), spectra)
        front.append((error, error / 80))
        embedding.append((absolute(features[case.name], rows), relative(features[case.name], rows)))
        print(f"{case.name}: {front[-1][0]:.2e} dB, {embedding[-1][1]:.2e} relative", flush=True)
    return features, front, embedding


def distance_error(
    name: str, sets: tuple[list[Features], list[Features]], full: Mapping[str, Array]
) -> tuple[tuple[float, float], str]:
    exact, root = float(full[f"{name}/exact"]), float(full[f"{name}/sqrtm"])
    found = distance(*sets)
    note = f"evalkit {found:.6f}, from upstream's features {exact:.6f}, upstream's own sqrtm {root:.6f}"
    print(f"{name}: {note}", flush=True)
    return (abs(found - exact), abs(found - exact) / exact), note


def measure(full: Mapping[str, Array], folder: Path, data: Path | None) -> list[dict[str, object]]:
    net = embedder(folder)
    features, front, embedding = case_errors(cases.SEEDED, net, full, folder, data)
    over = "relative to 80 dB, the range of the front end"
    frame = "per value, relative to the root mean square of its frame"
    rows = [row("OpenL3 log mel, seeded sounds", "front end", front, over)]
    rows.append(row("OpenL3 512-d frames, seeded sounds", "embedding", embedding, frame))
    first = clip_of(next(case for case in cases.SEEDED if case.name == "noise-mono-44100-1.400"), folder, data)
    others = [
        (absolute(found, full[f"other/{name}"]), relative(found, full[f"other/{name}"]))
        for name, found in other_sizes(first, folder).items()
    ]
    rows.append(row("OpenL3 6144-d and mel128 frames", "embedding", others, frame))
    sets = tuple([features[case.name] for case in side] for side in (cases.GENERATED, cases.REFERENCE))
    error, note = distance_error("seeded", sets, full)
    rows.append(row("FD-OpenL3, seeded sounds", "metric", [error], note))
    if data is not None:
        _, front, embedding = case_errors(cases.REAL, net, full, folder, data)
        rows.insert(2, row("OpenL3 log mel, recordings", "front end", front, over))
        rows.insert(3, row("OpenL3 512-d frames, recordings", "embedding", embedding, frame))
        sides = tuple(net.embed([Clip(clip, 44100, "") for clip in side]) for side in cases.real_sets(data))
        error, note = distance_error("real", sides, full)
        rows.append(row(f"FD-OpenL3, {cases.PAIRS} against {cases.PAIRS} recordings", "metric", [error], note))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("full", type=Path)
    parser.add_argument("--data", type=Path, help="the ESC-10 recordings")
    options = parser.parse_args()
    with np.load(options.full, allow_pickle=False) as full, tempfile.TemporaryDirectory() as folder:
        rows = measure(full, Path(folder), options.data)
    target = Path(__file__).parent / "results" / "openl3.json"
    target.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
