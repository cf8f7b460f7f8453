"""PANNs' Cnn14 (panns-inference, torchlibrosa) and audioldm_eval's steps around it, beside evalkit, on one file.

    python tests/parity/oracle_panns.py --data DIR

in an environment with tests/parity/requirements-panns.txt, what evalkit needs, and this checkout on PYTHONPATH. Writes
golden/panns.npz (the original's numbers) and results/panns.json (how far evalkit is from them). Two minutes on a core.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import oracle_steps as steps
import plain_torchaudio
import soundfile
import torch
import torch_cases
from scipy.linalg import sqrtm

from evalkit.audio.decode import decode
from evalkit.audio.sinc import resample_as_torchaudio
from evalkit.embed.load import load_embedder
from evalkit.embed.panns import PannsEmbedder
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.nets.cnn14 import AT_32K, Cnn14Config
from evalkit.originals.seeded import torch_files
from evalkit.suites.references import set_from_features

HERE = Path(__file__).parent
ORACLE = ("panns-inference", version("panns-inference"))
CONVERTER = ("torchaudio", version("torchaudio"))
METRIC = ("audioldm_eval's steps", "8dc07ee")
CLIPS = 20
"""Recordings on each side of the scores."""
CONFIGS = {"panns-16k": Cnn14Config(), "panns-32k": AT_32K}
SHORTEST = 32000
FRONT = ("spectrogram_extractor.stft.conv_real.weight", "spectrogram_extractor.stft.conv_imag.weight",
         "logmel_extractor.melW")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help="folder of ESC-10 recordings")
    data = parser.parse_args().data
    golden: dict[str, np.ndarray] = {}
    results = []
    with tempfile.TemporaryDirectory() as folder:
        files = [(name, path) for name, path, _ in torch_cases.all_files(Path(folder), data, torch_cases.EDGES)]
        results += conversions(files, golden)
        for name, config in CONFIGS.items():
            results += compare(name, config, Path(folder), files, data, golden)
        results += metrics(golden)
    np.savez_compressed(HERE / "golden" / "panns.npz", **golden)  # type: ignore[arg-type]
    (HERE / "results" / "panns.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


def conversions(files: list[tuple[str, Path]], golden: dict[str, np.ndarray]) -> list[dict[str, object]]:
    """Every file to 16, 32 and 48 kHz by both."""
    found = []
    for form in ("function", "transform"):
        pairs: dict[str, steps.Pair] = {}
        for name, path in files:
            clip = decode(path)
            for rate in (16000, 32000, 48000):
                theirs = plain_torchaudio.converted(torch.from_numpy(clip.samples), clip.rate, rate, form).numpy()
                pairs[f"{name} to {rate}"] = resample_as_torchaudio(clip.samples, clip.rate, rate, form), theirs
                golden[f"{form}/{rate}/{name}"] = theirs[:, :: max(1, theirs.shape[1] // 50)]
        found.append(
            steps.row(f"a clip at another rate, torchaudio's {form}", "front end", CONVERTER, pairs, section="rates")
        )
    return found


def original(config: Cnn14Config, path: Path) -> Any:
    """panns-inference's Cnn14 without its package's import, which fetches; filled strictly from the file."""
    if "panns_inference" not in sys.modules:
        sys.modules["panns_inference"] = _package("panns_inference")
    from panns_inference.models import Cnn14

    arguments = (config.rate, config.n_fft, config.hop, config.n_mels, config.fmin, config.fmax, 527)
    net = Cnn14(*arguments)
    if not path.is_file():
        torch_files.write_panns(path, {name: net.state_dict()[name] for name in FRONT})
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["model"], strict=True)
    return net.eval()


def _package(name: str) -> ModuleType:
    import importlib.util

    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.submodule_search_locations
    package = ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations)
    return package


def loaded(path: Path, rate: int) -> torch.Tensor:
    """audioldm_eval's `WaveDataset.read_from_file`: the first channel without its mean, converted, filled up."""
    audio, file_rate = soundfile.read(path, dtype="float32", always_2d=True)
    first = torch.from_numpy(np.ascontiguousarray(audio.T))[0:1]
    first = first - first.mean()
    if file_rate != rate:
        first = plain_torchaudio.converted(first, file_rate, rate, "function")
    return torch.nn.functional.pad(first, (0, max(0, SHORTEST - first.shape[-1])))


def rows_of(net: Any) -> Callable[[torch.Tensor], np.ndarray]:
    """The original's features and logits of (1, samples), (1, 2048 + 527)."""
    logits: list[torch.Tensor] = []
    net.fc_audioset.register_forward_hook(lambda _module, _inputs, output: logits.append(output.detach()))

    @torch.no_grad()
    def rows(audio: torch.Tensor) -> np.ndarray:
        found: np.ndarray = torch.cat([net(audio)["embedding"], logits[-1]], dim=1).numpy()
        return found

    return rows


def compare(
    name: str,
    config: Cnn14Config,
    folder: Path,
    files: list[tuple[str, Path]],
    data: Path | None,
    golden: dict[str, np.ndarray],
) -> list[dict[str, object]]:
    checkpoint = folder / f"{name}.pth"
    net = original(config, checkpoint)
    rows_there = rows_of(net)
    ours = load_embedder(name, overrides={name: checkpoint})
    assert isinstance(ours, PannsEmbedder)
    mels: dict[str, steps.Pair] = {}
    rows = {}
    for case, path in files:
        audio = loaded(path, config.rate)
        theirs = rows_there(audio)
        with torch.no_grad():
            log_mel = net.logmel_extractor(net.spectrogram_extractor(audio)).numpy()
            mels[case] = ours._net.log_mel(audio).numpy(), log_mel
        rows[case] = (ours.embed([replace(decode(path), digest=case)])[0], theirs)
        golden[f"{name}/{case}"] = theirs[0].astype(np.float32)
        print(name, case, float(np.abs(rows[case][0] - theirs).max()), float(theirs.std()), file=sys.stderr)
    features: dict[str, steps.Pair] = {
        case: (mine[:, :-527], theirs[:, :-527]) for case, (mine, theirs) in rows.items()
    }
    classes: dict[str, steps.Pair] = {case: (mine[:, -527:], theirs[:, -527:]) for case, (mine, theirs) in rows.items()}
    at = f"({config.rate // 1000} kHz)"
    return [
        steps.row(f"Cnn14 log mel {at}", "front end", ORACLE, mels, "in decibels"),
        steps.row(f"Cnn14 features {at}", "embedding", ORACLE, features),
        steps.row(f"Cnn14 logits {at}", "embedding", ORACLE, classes),
        *(recorded(at, ours, lambda path: rows_there(loaded(path, config.rate)), data) if data else []),
    ]


def recorded(at: str, ours: PannsEmbedder, there: Callable[[Path], np.ndarray], data: Path) -> list[dict[str, object]]:
    """The three scores of recordings against others, from the sounds; what pairs is the place in the list."""
    sides = torch_cases.recordings(data, CLIPS)
    mine = [np.concatenate([ours.embed([decode(path)])[0] for path in paths]) for paths in sides]
    theirs = [np.concatenate([there(path) for path in paths]) for paths in sides]
    names = ("fd_panns", "kl_panns", "is_panns")
    wanted = dict(zip(names, (scores(*theirs)["fd_panns"], *scores_there(*theirs)), strict=True))
    root = frechet(theirs[0][:, :-527], theirs[1][:, :-527])
    note = f"of {CLIPS} recordings against {CLIPS} others, IS in ten splits"
    rank = f"; upstream's own sqrtm, of matrices without full rank, makes {root:.6f} of {wanted['fd_panns']:.6f}"
    notes = {"fd_panns": note + rank}
    return [
        steps.row(
            f"{METRICS.load(name).card.title} {at}", "metric", METRIC, {"recordings": (value, wanted[name])},
            notes.get(name, note),
        )
        for name, value in scores(*mine).items()
    ]  # fmt: skip


def scores(generated: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """evalkit's three of (clips, features + 527) rows, in ten splits."""
    ids = [f"{place:03d}" for place in range(len(generated))]
    inputs = MetricInputs(
        ids,
        ids,
        [row[None] for row in generated],
        set_reference=set_from_features([row[None] for row in reference]),
        pair_reference=dict(zip(ids, reference, strict=True)),
        options={"splits": "10"},
    )
    return {name: METRICS.load(name).compute(inputs).value for name in ("fd_panns", "kl_panns", "is_panns")}


def scores_there(generated: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """The original's KL and IS."""
    return kl(generated[:, -527:], reference[:, -527:]), inception(generated[:, -527:])


def metrics(golden: dict[str, np.ndarray]) -> list[dict[str, object]]:
    """The three scores of 300 drawn rows (64 features and 527 logits) against 300 others, ten splits for IS-PANNs."""
    draw = np.random.default_rng(5)
    ours, theirs = (draw.normal(shift, 2, (300, 64 + 527)).astype(np.float32) for shift in (0.0, 0.2))
    kl_there, is_there = scores_there(ours, theirs)
    wanted = {"fd_panns": frechet(ours[:, :-527], theirs[:, :-527]), "kl_panns": kl_there, "is_panns": is_there}
    golden |= {f"metrics/{name}": np.array(value) for name, value in wanted.items()}
    found = scores(ours, theirs)
    pairs = {name: (found[name], value) for name, value in wanted.items()}
    return [steps.row(METRICS.load(name).card.title, "metric", METRIC, [pair], NOTE) for name, pair in pairs.items()]


NOTE = "of 300 drawn rows against 300 others; KL by softmax, IS in ten splits"


def frechet(generated: np.ndarray, reference: np.ndarray) -> float:
    """`metrics/fid.py`."""
    mean_g, mean_r = generated.mean(axis=0, dtype=np.float64), reference.mean(axis=0, dtype=np.float64)
    cov_g, cov_r = (
        np.cov(generated.astype(np.float64), rowvar=False),
        np.cov(reference.astype(np.float64), rowvar=False),
    )
    root = np.asarray(sqrtm(cov_g @ cov_r))
    return float(((mean_g - mean_r) ** 2).sum() + np.trace(cov_g) + np.trace(cov_r) - 2 * np.trace(root.real))


def kl(generated: np.ndarray, reference: np.ndarray) -> float:
    """`metrics/kl.py`, softmax."""
    ours, theirs = torch.from_numpy(generated), torch.from_numpy(reference)
    logarithm = (ours.softmax(dim=1) + 1e-6).log()
    return float(torch.nn.functional.kl_div(logarithm, theirs.softmax(dim=1), reduction="sum") / len(ours))


def inception(logits: np.ndarray) -> float:
    """`metrics/isc.py`."""
    shuffled = torch.from_numpy(logits)[np.random.RandomState(2020).permutation(len(logits))].double()
    p, log_p, scores = shuffled.softmax(dim=1), shuffled.log_softmax(dim=1), []
    for part in range(10):
        chosen = slice(part * len(p) // 10, (part + 1) * len(p) // 10)
        terms = p[chosen] * (log_p[chosen] - p[chosen].mean(dim=0, keepdim=True).log())
        scores.append(float(terms.sum(dim=1).mean().exp()))
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
