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
import torch
from numpy.typing import NDArray

from evalkit.audio.clip import Clip
from evalkit.audio.decode import decode
from evalkit.embed.base import Embedder, Features
from evalkit.embed.load import load_embedder
from evalkit.embed.log_mel import LogMel
from evalkit.embed.openl3 import OpenL3Embedder, frames, prepare
from evalkit.nets.openl3 import OpenL3Config
from evalkit.originals.seeded import openl3 as openl3_seeded
from evalkit.stats.frechet import factors_of_blocks, frechet_distance

ORACLE = "stable-audio-metrics' OpenL3 chain"
VERSION = (
    "openl3 0.4.2, kapre 0.3.7, TensorFlow 2.20.0 (tf-keras 2.20.1), resampy 0.2.2, NumPy 1.26.4, SciPy 1.17.1, "
    "on a CPU"
)
WEIGHTS = "openl3-env"

SHORT = 8
"""Frames of the longest clip that the network is run on a second and third time."""

RANGE = "Relative to 80 dB, the range of the front end."
FRAME = "Relative to the root mean square of the frame."
EXACT = (
    "Not an error of evalkit: how much of the original is rounding, beside the same samples through a float64 "
    "transform. `10 log10` of a magnitude reaches down to 1e-8 of the loudest band, below what float32 holds, so "
    "near-empty bands are made of the rounding of the resampler's sums, the window and the transform. evalkit rounds "
    "each of these as the original does, to the bit."
)
BESIDE = "Not an error of evalkit: the same samples through a float64 transform, as in the rows of the front end."
OTHER_NUMPY = (
    "Not an error of evalkit: the original beside itself. Under NumPy 2 the samples become float64 with the level, "
    "and the resampler rounds otherwise. stable-audio-metrics pins NumPy 1.23 and TensorFlow 2.13 and asks for a GPU, "
    "where the transform is cuFFT's; on a CPU TensorFlow up to 2.14 has Eigen's and from 2.15 on ducc's, which is the "
    "one here. Each of these leaves its own rounding in the near-empty bands."
)

Array = NDArray[np.float32]


def embedder(folder: Path, **how: int) -> Embedder:
    """evalkit's embedder from the seeded weights, written to `folder` in the published format."""
    path = openl3_seeded.save(folder / "openl3_audio_mel256_env.h5", **how)
    return load_embedder(WEIGHTS, overrides={WEIGHTS: path})


def clip_of(case: cases.Case, folder: Path, data: Path | None) -> Clip:
    """The case as evalkit reads it from a wav file."""
    samples = cases.real(case, data) if case.kind == "real" and data is not None else cases.seeded(case)
    return decode(cases.write(samples, case.rate, folder / f"{case.name}.wav"))


def decibels(clip: Clip, *, exact: bool = False) -> Array:
    """(frames, 256, 199) of the first channel; `exact` computes in float64 what both sides compute in float32."""
    windows = np.stack(frames(prepare(clip, 48000)[0], 48000))
    return LogMel(OpenL3Config())(windows.astype(np.float64) if exact else windows)[:, 0]


def network(net: Embedder, spectra: Array) -> Array:
    """(frames, 512) of the network alone, given decibels (frames, 256, 199)."""
    assert isinstance(net, OpenL3Embedder)
    with torch.inference_mode():
        return net._net(torch.from_numpy(spectra.astype(np.float32))[:, None]).numpy()


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


Errors = dict[str, list[tuple[float, float]]]
"""What was compared -> (absolute, relative) for each case."""


def case_errors(
    listed: tuple[cases.Case, ...], net: Embedder, full: Mapping[str, Array], folder: Path, data: Path | None
) -> tuple[dict[str, Features], Errors]:
    """evalkit's features by case, and the errors of every stage."""
    features: dict[str, Features] = {}
    errors: Errors = {}
    for case in listed:
        clip = clip_of(case, folder, data)
        features[case.name] = net.embed([clip])[0]
        rows, spectra = full[f"{case.name}/rows"], full[f"{case.name}/decibels"]
        own, exact = decibels(clip), decibels(clip, exact=True)
        pairs = {"front": (own, spectra), "front, original": (spectra, exact)}
        found = {name: (absolute(*pair), absolute(*pair) / 80) for name, pair in pairs.items()}
        pairs = {"rows": (features[case.name], rows)}
        if len(rows) <= SHORT:
            left = rows[:, :512]
            pairs |= {"network": (network(net, spectra), left), "rows, original": (left, network(net, exact))}
        found |= {name: (absolute(*pair), relative(*pair)) for name, pair in pairs.items()}
        for name, error in found.items():
            errors.setdefault(name, []).append(error)
        print(f"{case.name}: " + ", ".join(f"{name} {error[1]:.1e}" for name, error in found.items()), flush=True)
    return features, errors


def distance_error(
    name: str, sets: tuple[list[Features], list[Features]], full: Mapping[str, Array]
) -> tuple[tuple[float, float], str]:
    exact, root = float(full[f"{name}/exact"]), float(full[f"{name}/sqrtm"])
    found = distance(*sets)
    note = f"evalkit {found:.6f}, from upstream's features {exact:.6f}, upstream's own sqrtm {root:.6f}"
    print(f"{name}: {note}", flush=True)
    return (abs(found - exact), abs(found - exact) / exact), note


def case_rows(kind: str, errors: Errors) -> list[dict[str, object]]:
    """Rows for one kind of sounds: evalkit beside the original, and that beside exact arithmetic."""
    short = f"{FRAME} Clips of at most {SHORT} frames."
    told = {
        "front": (f"OpenL3 log mel in dB, {kind}", "front end", RANGE),
        "front, original": (f"the original's log mel beside float64, {kind}", "front end", f"{RANGE} {EXACT}"),
        "network": (f"OpenL3 network, given the original's log mel, {kind}", "embedding", short),
        "rows": (f"OpenL3 512-d frames from the waveform, {kind}", "embedding", FRAME),
        "rows, original": (
            f"the original's frames beside a float64 front end, {kind}",
            "embedding",
            f"{short} {BESIDE}",
        ),
    }
    return [row(*told[name][:2], errors[name], told[name][2]) for name in told]


def measure(full: Mapping[str, Array], folder: Path, data: Path | None) -> list[dict[str, object]]:
    net = embedder(folder)
    features, errors = case_errors(cases.SEEDED, net, full, folder, data)
    rows = case_rows("seeded sounds", errors)
    sets = tuple([features[case.name] for case in side] for side in (cases.GENERATED, cases.REFERENCE))
    error, note = distance_error("seeded", sets, full)
    rows.append(row("FD-OpenL3, seeded sounds", "metric", [error], note))
    first, second = (float(full[f"{name}/exact"]) for name in ("seeded", "numpy 2"))
    other = (abs(first - second), abs(first - second) / first)
    rows.append(row("the original's FD-OpenL3 under NumPy 2, seeded sounds", "metric", [other], OTHER_NUMPY))
    if data is not None:
        rows += case_rows("recordings", case_errors(cases.REAL, net, full, folder, data)[1])
        sides = tuple([net.embed([recorded(clip, folder)])[0] for clip in side] for side in cases.real_sets(data))
        error, note = distance_error("real", sides, full)
        rows.append(row(f"FD-OpenL3, {cases.PAIRS} against {cases.PAIRS} recordings", "metric", [error], note))
    return rows


def recorded(samples: Array, folder: Path) -> Clip:
    """A clip (channels, samples) at 44.1 kHz by way of the same file as the oracle's."""
    return decode(cases.write(samples, 44100, folder / "clip.wav"))


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
