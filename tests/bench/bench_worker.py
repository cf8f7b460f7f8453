"""One side of `bench_score.py`: reads questions, one JSON object a line, and answers with the seconds it took.

    python bench_worker.py FOLDER [--cpu] seed | evalkit | fd_openl3 SOURCE | kl_passt | clap_score

`FOLDER` holds the seeded checkpoints. A question names a metric and a sound file, and where the features go:
OpenL3 frames, class probabilities or CLAP's row; `captions` names a file of one caption a line, and gives a row for
each. Each role imports only what its own environment has.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Features = Callable[[Path], np.ndarray]

OPENL3, PASST = "openl3_audio_mel256_env.h5", "passt-s-f128-p16-s10-ap.476-swa.pt"
CLAP, TOKENIZER = "630k-audioset-fusion-best.pt", "roberta-base"


def seed(folder: Path) -> None:
    """The checkpoints that need torch to be written."""
    from evalkit.originals.seeded import torch_files as torch_seeded

    torch_seeded.write_passt(folder / PASST)
    torch_seeded.write_clap(folder / CLAP, torch_seeded.TINY_WITH_FUSION)
    torch_seeded.write_tokenizer(folder / TOKENIZER)


def original_openl3(folder: Path, source: str) -> dict[str, Features]:
    sys.path.insert(0, source)
    import tensorflow as tf
    from openl3 import models

    from evalkit.originals.openl3 import original

    threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    model = models.load_audio_embedding_model_from_path(str(folder / OPENL3), "mel256", 512)
    return {"fd_openl3": lambda path: original.embed(original.load_clip(path), model)}


def original_passt(folder: Path) -> dict[str, Features]:
    from evalkit.originals import harness

    harness.make_importable()
    from evalkit.originals.hear21passt import original

    model = original.network(folder / PASST)

    def probabilities(path: Path) -> np.ndarray:
        logits = original.logits(model, harness.load_at_peak(str(path), original.RATE))
        return np.asarray(original.probabilities(logits))[None]

    return {"kl_passt": probabilities}


def original_clap(folder: Path) -> dict[str, Features]:
    import torch

    from evalkit.originals import harness

    harness.make_importable()
    from evalkit.originals.laion_clap import original

    module = original.import_package(str(folder / TOKENIZER))
    model = original.model_of(module, original.read_tensors(folder / CLAP))

    @torch.no_grad()
    def sound(path: Path) -> np.ndarray:
        audio = original.int16_round_trip(harness.load_at_peak(str(path), original.RATE))
        return model.get_audio_embedding_from_data(x=audio, use_tensor=True).numpy()

    @torch.no_grad()
    def captions(path: Path) -> np.ndarray:
        texts = path.read_text(encoding="utf-8").splitlines()
        parts = [model.get_text_embedding(texts[at : at + 64], use_tensor=True) for at in range(0, len(texts), 64)]
        return torch.cat(parts).numpy()

    return {"clap_score": sound, "captions": captions}


def evalkit(folder: Path) -> dict[str, Features]:
    """As `evalkit score` does on a CPU: every sound and every text for itself."""
    from evalkit.audio.decode import decode
    from evalkit.embed.base import TextEmbedder
    from evalkit.embed.load import load_embedder

    files = {"openl3-env": OPENL3, "passt": PASST, "clap": CLAP, "clap_tokenizer": TOKENIZER}
    overrides = {name: folder / file for name, file in files.items()}
    openl3, passt, clap = (load_embedder(name, overrides=overrides) for name in ("openl3-env", "passt", "clap"))
    assert isinstance(clap, TextEmbedder)

    def captions(path: Path) -> np.ndarray:
        return np.concatenate([clap.embed_text([text]) for text in path.read_text(encoding="utf-8").splitlines()])

    return {
        "fd_openl3": lambda path: openl3.embed([decode(path)])[0],
        "kl_passt": lambda path: passt.embed([decode(path)])[0],
        "clap_score": lambda path: clap.embed([decode(path)])[0],
        "captions": captions,
    }


ORIGINALS = {"kl_passt": original_passt, "clap_score": original_clap}


def known(role: str, folder: Path, more: list[str]) -> dict[str, Features]:
    """metric -> how this role makes its features."""
    if role == "evalkit":
        return evalkit(folder)
    return original_openl3(folder, *more) if role == "fd_openl3" else ORIGINALS[role](folder)


def main() -> None:
    arguments = [each for each in sys.argv[1:] if each != "--cpu"]
    clock = time.process_time if "--cpu" in sys.argv else time.perf_counter
    folder, role, *more = arguments
    if role == "seed":
        return seed(Path(folder))
    # Libraries print; the answers have the first standard output for themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    makers = known(role, Path(folder), more)
    for line in sys.stdin:
        question = json.loads(line)
        answer = {"seconds": 0.0}
        if "metric" in question:
            start = clock()
            features = makers[question["metric"]](Path(question["path"]))
            answer["seconds"] = clock() - start
            np.save(question["out"], features)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return None


if __name__ == "__main__":
    main()
