"""Audiobox Aesthetics by its own package, beside evalkit, on one seeded checkpoint in the published format.

    python tests/parity/oracle_audiobox.py --data DIR

in an environment with tests/parity/requirements-audiobox.txt, what evalkit needs, and this checkout on PYTHONPATH.
Writes golden/audiobox.npz (the original's numbers) and results/audiobox.json (how far evalkit is from them). Three
minutes on a core.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import oracle_steps as steps
import plain_torchaudio
import torch
import torch_cases

from evalkit.audio.clip import Clip
from evalkit.audio.decode import decode
from evalkit.audio.preparation import Preparation
from evalkit.embed.audiobox import RATE, AudioboxEmbedder, windows_of
from evalkit.embed.load import load_embedder
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.originals.seeded.audiobox import AXES, SMALL, write_audiobox

HERE = Path(__file__).parent
ORACLE = ("audiobox-aesthetics", version("audiobox-aesthetics"))
METRICS_OF = dict(zip(AXES, ("enjoyment", "usefulness", "complexity", "quality"), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help="folder of ESC-10 recordings")
    data = parser.parse_args().data
    golden: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        results = compare(Path(folder), data, golden)
        small(golden, Path(folder))
    np.savez_compressed(HERE / "golden" / "audiobox.npz", **golden)  # type: ignore[arg-type]
    (HERE / "results" / "audiobox.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


def original(checkpoint: Path) -> Any:
    """The package's own predictor, with torchaudio's conversion where its compiled part would be."""
    torchaudio = sys.modules["torchaudio"]
    torchaudio.functional = sys.modules["torchaudio.functional"]  # type: ignore[attr-defined]
    torchaudio.functional.resample = lambda wav, orig_freq, new_freq: plain_torchaudio.converted(
        wav, orig_freq, new_freq, "function"
    )
    from audiobox_aesthetics.infer import AesPredictor

    return AesPredictor(checkpoint_pth=str(checkpoint))


def small(golden: dict[str, np.ndarray], folder: Path) -> None:
    """The original at reduced width, which the quick tests are held against."""
    from audiobox_aesthetics.model import aes

    config = aes.DEFAULT_AUDIO_CFG
    published = dict(vars(config))
    inner = 4 * SMALL["encoder_embed_dim"]
    convolutions = published["conv_feature_layers"].replace("512", str(SMALL["conv_dim"]))
    config.update({**SMALL, "encoder_ffn_embed_dim": inner, "conv_feature_layers": convolutions})
    checkpoint = folder / "small.pt"
    write_audiobox(checkpoint, SMALL)
    predictor = original(checkpoint)
    config.update(published)
    for case, path, _ in torch_cases.all_files(folder, None, torch_cases.EDGES):
        golden[f"small/{case}"] = predicted(predictor, decode(path))


def predicted(predictor: Any, clip: Clip) -> np.ndarray:
    """`infer.read_wav`, then its `forward`: (4,)."""
    mono = torch.from_numpy(clip.samples)
    mono = mono.mean(0, keepdim=True) if len(mono) > 1 else mono
    (told,) = predictor.forward([{"path": mono, "sample_rate": clip.rate}])
    return np.array([told[axis] for axis in AXES])


def listened(predictor: Any) -> list[np.ndarray]:
    """Where the windows go that WavLM is given, (windows, samples), call by call."""
    heard: list[np.ndarray] = []
    inner = predictor.model.wavlm_model.extract_features

    def extract_features(source: torch.Tensor, **more: Any) -> Any:
        heard.append(source.numpy().copy())
        return inner(source=source, **more)

    predictor.model.wavlm_model.extract_features = extract_features
    return heard


def states(net: Any, audio: torch.Tensor, filled: torch.Tensor) -> torch.Tensor:
    """(layers, batch, frames, width) of WavLM, as `AesMultiOutput.forward` asks for them."""
    with torch.inference_mode():
        (_, layers), _ = net.wavlm_model.extract_features(
            source=audio, padding_mask=filled, output_layer=net.nth_layer, ret_layer_results=True
        )
    return torch.stack([state.transpose(0, 1) for state, _ in layers])


def compare(folder: Path, data: Path | None, golden: dict[str, np.ndarray]) -> list[dict[str, object]]:
    checkpoint = folder / "checkpoint.pt"
    write_audiobox(checkpoint)
    predictor = original(checkpoint)
    heard = listened(predictor)
    ours = load_embedder("audiobox", overrides={"audiobox": checkpoint})
    assert isinstance(ours, AudioboxEmbedder)
    fed: dict[str, steps.Pair] = {}
    layers: dict[str, steps.Pair] = {}
    rows = {}
    for case, path, _ in torch_cases.all_files(folder, data, torch_cases.EDGES):
        clip = replace(decode(path), digest=case)
        mine, theirs = ours.embed([clip])[0][0], predicted(predictor, clip)
        rows[case] = mine, theirs
        golden[case] = theirs
        windows = windows_of(torch.from_numpy(Preparation(RATE)(clip)))
        fed[case] = windows[0].numpy(), heard[-1]
        heard.clear()
        if clip.seconds < 16:
            with torch.inference_mode():
                found = torch.stack(ours._net.wavlm_model(*windows)[0]).numpy()
            layers[case] = found, states(predictor.model, *windows).numpy()
            heard.clear()
        print(case, theirs, float(np.abs(mine - theirs).max()), file=sys.stderr)
    found = [
        steps.row("samples of Audiobox Aesthetics, every window", "front end", ORACLE, fed),
        steps.row("WavLM states, every layer", "embedding", ORACLE, layers, "clips of up to two windows"),
        steps.row("Audiobox Aesthetics, four axes of a clip", "embedding", ORACLE, dict(rows)),
    ]
    names = [str(place) for place in range(len(rows))]
    inputs = MetricInputs(names, names, [mine[None] for mine, _ in rows.values()])
    for axis, name in METRICS_OF.items():
        metric = METRICS.load(f"aesthetics_{name}")
        wanted = float(np.mean([theirs[AXES.index(axis)] for _, theirs in rows.values()]))
        pair: tuple[object, object] = (metric.compute(inputs).value, wanted)
        found.append(steps.row(f"{metric.card.title}, mean over the clips", "metric", ORACLE, [pair]))
    return found


if __name__ == "__main__":
    main()
