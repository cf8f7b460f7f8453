"""hear21passt and stable-audio-metrics' steps around it, beside evalkit, on the same seeded checkpoint.

    python tests/parity/oracle_passt.py --data DIR

in an environment with evalkit/originals/hear21passt/requirements.txt, what evalkit needs, and this checkout on
PYTHONPATH. Writes golden/passt.npz (the original's numbers) and results/passt.json (how far evalkit is from them).
About three minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import oracle_steps as steps
import plain_libraries  # noqa: F401 - first, as others import what it mends
import torch
import torch_cases

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.embed.passt import PaSSTEmbedder
from evalkit.originals.hear21passt.original import RATE, WINDOW, kl, logits, network, probabilities
from evalkit.originals.seeded import torch_files
from evalkit.stats.kl import kl_divergence

HERE = Path(__file__).parent
ORACLE = ("hear21passt", version("hear21passt"))
METRIC = ("stable-audio-metrics' steps", "fd55536")
SHORT_NOTE = "Below 0.15 s, one patch, the original fails: it is given the zeros that evalkit adds."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help="folder of ESC-10 recordings")
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), data)


def compare(folder: Path, data: Path | None) -> None:
    checkpoint = folder / "passt-s-f128-p16-s10-ap.476-swa.pt"
    torch_files.write_passt(checkpoint)
    model = network(checkpoint)
    ours = load_embedder("passt", overrides={"passt": checkpoint})
    assert isinstance(ours, PaSSTEmbedder)
    golden: dict[str, np.ndarray] = {}
    mels: dict[str, steps.Pair] = {}
    rows: dict[str, steps.Pair] = {}
    classes = {}
    shortest = ours._net.config.shortest + 1
    for name, path, _ in torch_cases.all_files(folder, data, torch_cases.EDGES):
        clip = replace(decode(path), digest=name)
        silent = not clip.samples.any()
        audio = steps.load_at_peak(path, RATE)
        if silent:  # the original divides by zero; the network itself is compared on the silence
            golden["silent_is_nan_in_the_original"] = np.array(bool(np.isnan(audio).all()))
            audio = np.zeros_like(audio)
        audio = np.pad(audio, (0, max(0, shortest - len(audio))))  # the original fails below one patch
        windows = logits(model, audio)
        theirs = windows.numpy()
        mine = ours.logits([clip])[0]
        with torch.no_grad():
            first = torch.from_numpy(audio[:WINDOW])[None]
            mels[name] = ours._net.front(first)[0, 0].numpy(), model.mel(first)[0].numpy()
        rows[name] = mine, theirs
        classes[name] = (ours.embed([clip])[0][0], probabilities(windows))
        golden[f"logits/{name}"] = theirs.mean(axis=0)
        golden[f"windows/{name}"] = np.array(len(theirs))
        print(name, theirs.shape, float(np.abs(mine - theirs).max()), float(theirs.std()), file=sys.stderr)
    names = list(classes)
    pairs = list(zip(names, [*names[1:], names[0]], strict=True))
    divergences = [(kl_divergence(classes[a][0], classes[b][0]), kl(classes[a][1], classes[b][1])) for a, b in pairs]
    golden["kl"] = np.array([theirs for _, theirs in divergences])
    golden["kl_pairs"] = np.array(pairs)
    np.savez_compressed(HERE / "golden" / "passt.npz", **golden)  # type: ignore[arg-type]
    results = [
        steps.row("PaSST scaled log mel", "front end", ORACLE, mels),
        steps.row("PaSST logits, every window", "embedding", ORACLE, rows, SHORT_NOTE),
        steps.row("PaSST class probabilities of a clip", "embedding", ORACLE, dict(classes), SHORT_NOTE),
        steps.row("KL-PaSST of a pair of clips (nats)", "metric", METRIC, divergences),  # type: ignore[arg-type]
        steps.row("KL-PaSST, mean over the pairs (nats)", "metric", METRIC, [tuple(np.mean(divergences, axis=0))]),
    ]
    (HERE / "results" / "passt.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
