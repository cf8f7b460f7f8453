"""VGGish by torchvggish and audioldm_eval's steps around it, beside evalkit, on one seeded file.

    python tests/parity/oracle_vggish.py --data DIR

in an environment with tests/parity/requirements-panns.txt and requirements-vggish.txt, what evalkit needs, and this
checkout on PYTHONPATH. Writes golden/vggish.npz (the original's numbers) and results/vggish.json (how far evalkit is
from them). A minute on a core.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import oracle_steps as steps
import torch
import torch_cases
from oracle_panns import frechet, loaded
from torchvggish import torchvggish, vggish_input

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.embed.vggish import VGGishEmbedder
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.originals.seeded import torch_files
from evalkit.suites.references import set_from_features

HERE = Path(__file__).parent
ORACLE = ("torchvggish", version("torchvggish"))
METRIC = ("audioldm_eval's steps", "8dc07ee")
CLIPS = 20
"""Recordings on each side of a distance."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help="folder of ESC-10 recordings")
    data = parser.parse_args().data
    golden: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        results = compare(Path(folder), data, golden)
    np.savez_compressed(HERE / "golden" / "vggish.npz", **golden)  # type: ignore[arg-type]
    (HERE / "results" / "vggish.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


def original(checkpoint: Path) -> Any:
    """audioldm_eval's `FrechetAudioDistance.__get_model`: no PCA, the last ReLU taken off."""
    net = torchvggish._vgg(postprocess=False)
    net.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True), strict=True)
    net.embeddings = torch.nn.Sequential(*list(net.embeddings.children())[:-1])
    return net.eval()


def compare(folder: Path, data: Path | None, golden: dict[str, np.ndarray]) -> list[dict[str, object]]:
    checkpoint = folder / "vggish-10086976.pth"
    torch_files.write_vggish(checkpoint)
    net = original(checkpoint)
    ours = load_embedder("vggish", overrides={"vggish": checkpoint})
    assert isinstance(ours, VGGishEmbedder)
    patches: dict[str, steps.Pair] = {}
    rows = {}
    for case, path, _ in torch_cases.all_files(folder, data, torch_cases.EDGES):
        audio = loaded(path, 16000)
        wanted = vggish_input.waveform_to_examples(audio[0].numpy(), 16000)
        with torch.no_grad():
            theirs = net(wanted).reshape(len(wanted), -1).numpy()
            patches[case] = ours._net.front(audio)[0].numpy(), wanted[:, 0].detach().numpy()
        mine = ours.embed([replace(decode(path), digest=case)])[0]
        rows[case] = mine, theirs
        golden[f"vggish/{case}"] = theirs[:3].astype(np.float32)
        golden[f"patches/{case}"] = np.array(len(theirs))
        print(case, theirs.shape, float(np.abs(mine - theirs).max()), float(theirs.std()), file=sys.stderr)
    found = list(rows.values())
    half = len(found) // 2
    title = METRICS.load("fad_vggish").card.title
    return [
        steps.row("VGGish log mel patches", "front end", ORACLE, patches),
        steps.row("VGGish embeddings", "embedding", ORACLE, dict(rows)),
        steps.row(title, "metric", METRIC, [fad(found[:half], found[half:])], "of seven clips against seven others"),
        *(recorded(title, ours, net, data) if data else []),
    ]


Rows = Sequence[tuple[np.ndarray, np.ndarray]]


def fad(generated: Rows, reference: Rows) -> steps.Pair:
    """evalkit's of its own rows, the original's of its own."""
    ids = [f"{place}" for place in range(len(generated))]
    against = set_from_features([mine for mine, _ in reference])
    inputs = MetricInputs(ids, ids, [mine for mine, _ in generated], set_reference=against)
    sides = [np.concatenate([theirs for _, theirs in part]) for part in (generated, reference)]
    return METRICS.load("fad_vggish").compute(inputs).value, frechet(*sides)


def recorded(title: str, ours: VGGishEmbedder, net: Any, data: Path) -> list[dict[str, object]]:
    """Of recordings, from the sounds."""
    sides = []
    for paths in torch_cases.recordings(data, CLIPS):
        examples = [vggish_input.waveform_to_examples(loaded(path, 16000)[0].numpy(), 16000) for path in paths]
        with torch.no_grad():
            theirs = [net(each).reshape(len(each), -1).numpy() for each in examples]
        sides.append(list(zip(ours.embed([decode(path) for path in paths]), theirs, strict=True)))
    pair = {"recordings": fad(*sides)}
    return [steps.row(title, "metric", METRIC, pair, f"of {CLIPS} recordings against {CLIPS} others")]


if __name__ == "__main__":
    main()
