"""The original's side: one script, run by the Python of the original's environment, which imports nothing of evalkit.

    python -I harness.py ORIGINAL.py FOLDER

FOLDER has `job.json`: `weights` (a file), `words` (a folder of roberta-base's tokenizer, or ""), `sources` (a folder of
unpacked packages, or ""), `folder` (for files of its own), and `clips`, each a `path` of a wav file, a `caption`, and
the `crops` of a long one. ORIGINAL.py has `build(job, load_at_peak)`, whose result has `clip(told)`, {quantity: array}
of one clip, and `together(found)`, {quantity: array} of all of them. The answer is `<quantity>-<number>.npy` for each
clip, `<quantity>.npy`, and last `answer.json`, which lists them. Nothing but numbers is written.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

_KEPT: list[Any] = []


def load_at_peak(path: str, rate: int) -> Any:
    """(samples,) mono at `rate` Hz with its peak at -1 dBFS: `librosa.load(sr=rate, mono=True)` and pyloudnorm's peak.

    In the arithmetic of NumPy 1, under which the published numbers were made: a float64 factor did not change an
    array's float32 there. Silence becomes NaN, as in the original.
    """
    import librosa

    audio, _ = librosa.load(path, sr=rate, mono=True)
    with np.errstate(all="ignore"):
        gain = 10.0 ** (-1.0 / 20.0) / np.float64(np.abs(audio).max())  # NumPy 2 would divide in float32
        return np.asarray(np.float32(gain) * audio)


def make_importable() -> None:
    """Have torchvision and torchaudio beside a CPU build of torch: their wheels are linked against CUDA, so that the
    compiled half does not load and the whole import fails. The originals use no compiled operator: empty ones are put
    in their place. This has to come before whatever imports either library (transformers does)."""
    import torch

    try:
        import torchvision
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)
        import torchvision  # noqa: F401
    extension = types.ModuleType("torchaudio._extension")
    extension.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=lambda function: function
    )
    sys.modules["torchaudio._extension"] = extension
    import torchaudio  # noqa: F401


def load_original(path: Path) -> Any:
    """The module of an `original.py`."""
    specification = importlib.util.spec_from_file_location(f"original_{path.parent.name}", str(path))
    if specification is None or specification.loader is None:
        raise ImportError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def answer(original: Any, job: dict[str, Any], folder: Path) -> None:
    """Score every clip of the job, then all of them together, and write the answer."""
    found = [original.clip(told) for told in job["clips"]]
    arrays = {f"{name}-{place}": value for place, clip in enumerate(found) for name, value in clip.items()}
    arrays.update(original.together(found))
    for name, value in arrays.items():
        np.save(folder / f"{name}.npy", np.asarray(value), allow_pickle=False)
    (folder / "answer.json").write_text(json.dumps({"arrays": sorted(arrays)}), encoding="utf-8")


def main() -> None:
    """The process."""
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    job = json.loads((folder / "job.json").read_bytes())
    if importlib.util.find_spec("torchaudio") is not None:
        make_importable()
    answer(load_original(path).build(job, load_at_peak), job, folder)


if __name__ == "__main__":
    main()
