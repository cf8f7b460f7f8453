"""av-benchmark's steps around Cnn14, VGGish and PaSST (050a5cd), beside evalkit's judges of that protocol.

    python tests/parity/oracle_protocols.py --data DIR

in an environment with tests/parity/requirements-panns.txt, requirements-vggish.txt and
evalkit/originals/hear21passt/requirements.txt, what evalkit needs, and this checkout on PYTHONPATH. Writes
golden/protocols.npz (the originals' numbers) and results/protocols.json (how far evalkit is from them). Some minutes.
"""

from __future__ import annotations

import plain_libraries  # noqa: F401 - first, as others import what it mends

# isort: split
import hear21passt.models.preprocess  # noqa: F401 - before the half of torchaudio that converts rates takes its place

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

import numpy as np
import oracle_steps as steps
import plain_torchaudio
import soundfile
import torch
import torch_cases
from oracle_panns import CONFIGS, frechet, inception, rows_of
from oracle_panns import original as panns_original
from oracle_vggish import original as vggish_original
from torchvggish import vggish_input

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.metrics.kl_passt import JOINED
from evalkit.originals.hear21passt.original import network
from evalkit.originals.seeded import torch_files
from evalkit.suites.references import set_from_features

HERE = Path(__file__).parent
SECONDS = 8.0
GRID = (*torch_cases.EDGES, *torch_cases.GRID)
STEPS = "av-benchmark's steps around"
METRIC = ("av-benchmark's steps", "050a5cd")
Rows = dict[str, tuple[np.ndarray, np.ndarray]]


def loaded(path: Path, rate: int, shortest: int = 0) -> torch.Tensor:
    """The mean of the channels without its mean, as `transforms.Resample` converts, the first 8 s: (1, samples).

    Zeros up to `shortest` samples are evalkit's: there a sound below one patch fails."""
    audio, file_rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = torch.from_numpy(audio).mean(dim=1)
    mono = plain_torchaudio.converted((mono - mono.mean())[None], file_rate, rate, "transform")
    mono = mono[:, : round(SECONDS * rate)]
    return torch.nn.functional.pad(mono, (0, max(0, shortest - mono.shape[1])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help="folder of ESC-10 recordings")
    data = parser.parse_args().data
    golden: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = [(name, path) for name, path, _ in torch_cases.all_files(Path(folder), data, GRID)]
        results = [
            *compared("vggish", vggish(Path(folder)), files, golden),
            *compared("panns-16k", panns(Path(folder)), files, golden),
            *compared("passt", passt(Path(folder)), files, golden, data),
        ]
    results += metrics(golden)
    np.savez_compressed(HERE / "golden" / "protocols.npz", **golden)  # type: ignore[arg-type]
    (HERE / "results" / "protocols.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


Original = tuple[Path, tuple[str, str], Callable[[Path], np.ndarray]]
PATCH, FRAMES = 15600, 4960
"""Samples of VGGish's one patch and of the fewest that Cnn14 takes, at 16 kHz."""
SHORT_NOTE = "Where the original fails, below one patch, it is given the zeros that evalkit adds."
RECORDED = 10
"""Recordings on each side of a score."""


def vggish(folder: Path) -> Original:
    checkpoint = folder / "vggish-10086976.pth"
    torch_files.write_vggish(checkpoint)
    net = vggish_original(checkpoint)

    def rows(path: Path) -> np.ndarray:
        wanted = vggish_input.waveform_to_examples(loaded(path, 16000, PATCH)[0].numpy(), 16000)
        found: np.ndarray = net(wanted).reshape(len(wanted), -1).numpy()
        return found

    return checkpoint, (f"{STEPS} torchvggish", version("torchvggish")), rows


def panns(folder: Path) -> Original:
    checkpoint = folder / "Cnn14_16k_mAP=0.438.pth"
    net = panns_original(CONFIGS["panns-16k"], checkpoint)
    rows = rows_of(net)
    oracle = (f"{STEPS} panns-inference", version("panns-inference"))
    return checkpoint, oracle, lambda path: rows(loaded(path, 16000, FRAMES))


def passt(folder: Path) -> Original:
    """`get_basic_model(mode="all")`: [logits | features], of which evalkit's rows have the other order."""
    checkpoint = folder / "passt-s-f128-p16-s10-ap.476-swa.pt"
    torch_files.write_passt(checkpoint)
    model: Any = network(checkpoint)
    model.mode = "all"

    def rows(path: Path) -> np.ndarray:
        audio = loaded(path, 32000)[:, :320_000]
        both = model(torch.nn.functional.pad(audio, (0, 320_000 - audio.shape[1])))
        found: np.ndarray = torch.cat([both[:, 527:], both[:, :527]], dim=1).numpy()
        return found

    return checkpoint, (f"{STEPS} hear21passt", version("hear21passt")), rows


@torch.no_grad()
def compared(
    name: str,
    original: Original,
    files: list[tuple[str, Path]],
    golden: dict[str, np.ndarray],
    data: Path | None = None,
) -> list[dict[str, object]]:
    checkpoint, oracle, rows = original
    ours = load_embedder(f"{name}@av-benchmark", overrides={name: checkpoint})
    pairs: dict[str, steps.Pair] = {}
    for case, path in files:
        theirs = rows(path)
        mine = ours.embed([replace(decode(path), digest=case)])[0]
        pairs[case] = mine, theirs
        golden[f"{name}/{case}"] = theirs[:3].astype(np.float32)
        print(name, case, theirs.shape, float(np.abs(mine - theirs).max()), file=sys.stderr)
    section = name.partition("-")[0]
    found = [steps.row(f"rows of {name}@av-benchmark", "embedding", oracle, pairs, SHORT_NOTE, section)]
    if data is None:
        return found
    sides = torch_cases.recordings(data, RECORDED)
    mine, theirs = ([np.concatenate([embed(path) for path in side]) for side in sides] for embed in (of(ours), rows))
    return found + recorded(mine, theirs)


def of(embedder: Any) -> Callable[[Path], np.ndarray]:
    return lambda path: np.asarray(embedder.embed([decode(path)])[0])


def recorded(mine: list[np.ndarray], theirs: list[np.ndarray]) -> list[dict[str, object]]:
    """FD- and KL-PaSST of recordings against others, from the sounds; what pairs is the place in the list."""
    ours = scores(*mine)
    same = scores(*theirs)["fd_passt"]
    root = frechet(*(rows[:, :-527] for rows in theirs))
    note = f"of {RECORDED} recordings against {RECORDED} others"
    rank = f"{note}; upstream's own sqrtm, of matrices without full rank, makes {root:.6f} of what is {same:.6f}"
    wanted = kl(theirs[0][:, -527:], theirs[1][:, -527:])
    return [
        steps.row(title_of("fd_passt"), "metric", METRIC, {"recordings": (ours["fd_passt"], same)}, rank, "passt"),
        steps.row(title_of("kl_passt"), "metric", METRIC, {"recordings": (ours["kl_passt"], wanted)}, note, "passt"),
    ]


def title_of(metric: str) -> str:
    return f"{METRICS.load(metric).card.title} of av-benchmark"


def scores(generated: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """evalkit's of (clips, features + 527) rows."""
    ids = [f"{place:03d}" for place in range(len(generated))]
    options = {"rows": JOINED, "splits": "10", "direction": "reference||generated", "epsilon": "0"}
    inputs = MetricInputs(
        ids,
        ids,
        [row[None] for row in generated],
        set_reference=set_from_features([row[None] for row in reference]),
        pair_reference=dict(zip(ids, reference, strict=True)),
        options=options,
    )
    names = ("fd_passt", "kl_passt", "is_passt", "kl_panns")
    return {name: METRICS.load(name).compute(inputs).value for name in names}


def metrics(golden: dict[str, np.ndarray]) -> list[dict[str, object]]:
    """FD-, KL- and IS-PaSST of 300 drawn rows (32 features and 527 logits) against 300 others."""
    draw = np.random.default_rng(6)
    ours, theirs = (draw.normal(shift, 2, (300, 32 + 527)).astype(np.float32) for shift in (0.0, 0.2))
    wanted = {
        "fd_passt": frechet(ours[:, :-527], theirs[:, :-527]),
        "kl_passt": kl(ours[:, -527:], theirs[:, -527:]),
        "is_passt": inception(ours[:, -527:]),
        "kl_panns": kl(ours[:, -527:], theirs[:, -527:]),
    }
    golden |= {f"metrics/{name}": np.array(value) for name, value in wanted.items()}
    note = "of 300 drawn rows against 300 others; KL without epsilon, IS in ten splits"
    ours_of = scores(ours, theirs)
    sections = {name: name.rpartition("_")[2] for name in wanted}
    return [
        steps.row(title_of(name), "metric", METRIC, [(ours_of[name], value)], note, sections[name])
        for name, value in wanted.items()
    ]


def kl(generated: np.ndarray, reference: np.ndarray) -> float:
    """`metrics/kl.py`: both through log_softmax, the reference first, no epsilon."""
    ours, theirs = (torch.from_numpy(each).double().log_softmax(dim=1) for each in (generated, reference))
    return float(torch.nn.functional.kl_div(ours, theirs, reduction="sum", log_target=True) / len(ours))


if __name__ == "__main__":
    main()
