"""Numbers under one name by the packages that print them, on sounds and networks made from seeds.

    python tests/parity/oracle_detect.py --originals DIR

in an environment with tests/parity/requirements-panns.txt and requirements-vggish.txt and what evalkit needs, and this
checkout on PYTHONPATH. DIR holds the packages of requirements-detect.txt (`pip install --no-deps --target DIR -r ...`;
what they ask for beyond these is for networks that are not tried here). Writes golden/detect.json. A minute on a core.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import detect_cases as cases
import numpy as np
import plain_torchaudio
import soundfile
import torch
from oracle_panns import FRONT
from torchvggish import torchvggish, vggish_input

from evalkit.originals.seeded import torch_files

GOLDEN = Path(__file__).parent / "golden" / "detect.json"


class Listening(torchvggish.VGG):  # type: ignore[misc]
    """torchvggish's network as its repository has it, which takes sound and a rate; with fewer channels."""

    device = torch.device("cpu")

    def __init__(self, state: dict[str, torch.Tensor], pca: Path) -> None:
        params = torch.load(pca, weights_only=False)  # the seeded file, written just now
        torchvggish.hub.load_state_dict_from_url = lambda _: params
        super().__init__(torchvggish.make_layers(), postprocess=True)
        self.features, self.embeddings = _narrow(self.features, state), _narrow(self.embeddings, state, "embeddings")
        self.load_state_dict(state, strict=True)

    def forward(self, audio: np.ndarray, rate: int) -> torch.Tensor:
        found: torch.Tensor = super().forward(vggish_input.waveform_to_examples(audio, rate))
        return found.reshape(-1, cases.VGGISH.features)


def _narrow(layers: Any, state: dict[str, torch.Tensor], part: str = "features") -> Any:
    """The original's layers, each with weights in the place of another size."""
    for place, layer in enumerate(layers):
        weight = state.get(f"{part}.{place}.weight")
        if isinstance(layer, torch.nn.Conv2d) and weight is not None:
            layers[place] = torch.nn.Conv2d(weight.shape[1], weight.shape[0], layer.kernel_size, padding=layer.padding)
        elif isinstance(layer, torch.nn.Linear) and weight is not None:
            layers[place] = torch.nn.Linear(weight.shape[1], weight.shape[0])
    return layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--originals", type=Path, required=True)
    sys.path.insert(0, str(parser.parse_args().originals))
    _without_what_is_not_tried()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        golden = {"whole": measured(Path(folder) / "whole"), "quick": measured(Path(folder) / "quick", **cases.QUICK)}
        cases.write_sounds(Path(folder) / "many", **cases.MANY)
        golden["many"] = panns(Path(folder) / "many", [Path(folder) / "many" / side for side in cases.SIDES])
    golden["resampy"] = conversions()
    golden["originals"] = {name: version(name) for name in ("torchvggish", "torchlibrosa", "torchaudio", "resampy")}
    golden["originals"] |= {"audioldm-eval": "0.0.3", "frechet-audio-distance": "0.3.4"}
    GOLDEN.write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")
    print(GOLDEN.read_text(encoding="utf-8"))


def conversions() -> dict[str, list[float]]:
    """Every 97th sample that resampy makes of noise."""
    import resampy

    noise = cases.noise()
    return {f"{old} to {new}": resampy.resample(noise, old, new)[::97].tolist() for old, new in cases.CONVERSIONS}


def measured(folder: Path, **sounds: Any) -> dict[str, float]:
    """{setting: number} of sounds made anew."""
    cases.write_sounds(folder, **sounds)
    sides = [folder / side for side in cases.SIDES]
    torch_files.write_vggish_pca(folder / "pca.pth", cases.VGGISH.features)
    state = cases.write_vggish(folder / "vggish")
    vggish = lambda: Listening(state, folder / "pca.pth")  # noqa: E731
    return {
        "fad_vggish frechet-audio-distance": frechet_audio_distance(vggish(), sides),
        "fad_vggish torchvggish": frechet_audio_distance(vggish(), sides, use_pca=True, use_activation=True),
        "fad_vggish audioldm_eval 2023": audioldm_eval_fad(vggish(), sides),
        "fad_vggish audioldm_eval": fad(vggish(), sides, audioldm_eval_sounds),
        "fad_vggish av-benchmark": fad(vggish(), sides, av_benchmark_sounds),
        "fad_vggish stable-audio-tools": stable_audio_tools_fad(vggish(), sides),
        **panns(folder, sides),
    }


def frechet_audio_distance(net: Listening, sides: list[Path], **options: bool) -> float:
    """frechet-audio-distance 0.3.4, whole, with the network in the place of its download."""
    from frechet_audio_distance import FrechetAudioDistance

    torch.hub.load = lambda *_arguments, **_named: net  # type: ignore[assignment]
    judge = FrechetAudioDistance(model_name="vggish", sample_rate=16000, **options)
    return float(judge.score(str(sides[1]), str(sides[0])))


def audioldm_eval_fad(net: Listening, sides: list[Path]) -> float:
    """audioldm-eval 0.0.3, its FAD whole."""
    from audioldm_eval.metrics.fad import FrechetAudioDistance

    torch.hub.load = lambda *_arguments, **_named: net  # type: ignore[assignment]
    return float(FrechetAudioDistance().score(*map(str, sides))["frechet_audio_distance"])


def audioldm_eval_sounds(side: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """audioldm-eval's WaveDataset, which its newer FAD reads too: (name, (1, samples))."""
    from audioldm_eval.datasets.load_mel import WaveDataset

    found = WaveDataset(str(side), 16000)
    for place in range(len(found)):
        waveform, name = found[place]
        yield name, waveform


def av_benchmark_sounds(side: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """av-benchmark's steps: the mean of channels without its mean, by `transforms.Resample`, 8 s."""
    for path in sorted(side.iterdir()):
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = torch.from_numpy(audio).mean(dim=1)
        mono = plain_torchaudio.converted((mono - mono.mean())[None], rate, 16000, "transform")
        yield path.name, mono[:, : 8 * 16000]


def fad(net: Listening, sides: list[Path], sounds: Any) -> float:
    """The network without its last ReLU and PCA on sounds as somebody prepares them."""
    from audioldm_eval.metrics.fad import FrechetAudioDistance

    torch.hub.load = lambda *_arguments, **_named: net  # type: ignore[assignment]
    judge = FrechetAudioDistance()
    judge.verbose = False
    rows = [judge.get_embeddings([(each[0].numpy(), 16000) for _, each in sounds(side)]) for side in sides]
    return distance(*rows)


def stable_audio_tools_fad(net: Listening, sides: list[Path]) -> float:
    """fad_metrics.py's steps (stable-audio-tools 0.0.20): peak, seconds one by one; torchaudio's VGGish, which it takes
    and torchaudio no longer has, is torchvggish's with its ReLU and without PCA."""
    net.postprocess = False
    rows = []
    for side in sides:
        rows.append([])
        for path in sorted(side.iterdir()):
            audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
            mono = torch.from_numpy(audio).mean(dim=1, keepdim=True).T
            mono = mono / mono.abs().max() * (10 ** (-1.0 / 20))
            heard = plain_torchaudio.converted(mono, rate, 16000, "transform")[0]
            chunks = heard[: len(heard) // 16000 * 16000].view(-1, 16000)
            rows[-1] += [net(chunk.numpy(), 16000).detach().numpy() for chunk in chunks]
    return distance(*map(np.concatenate, rows))


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Of audioldm-eval's FAD."""
    from audioldm_eval.metrics.fad import FrechetAudioDistance

    judge = FrechetAudioDistance.__new__(FrechetAudioDistance)
    first, second = (judge.calculate_embd_statistics(each) for each in (ours, theirs))
    return float(judge.calculate_frechet_distance(*first, *second))


def panns(folder: Path, sides: list[Path]) -> dict[str, float]:
    """audioldm-eval's Cnn14, and its KL, FD and IS on its own sounds and on av-benchmark's."""
    from audioldm_eval.feature_extractors.panns.models import Cnn14, ConvBlock
    from audioldm_eval.metrics.fid import calculate_fid
    from audioldm_eval.metrics.isc import calculate_isc
    from audioldm_eval.metrics.kl import calculate_kl

    Path("ckpt").mkdir(exist_ok=True)
    Path("ckpt/Cnn14_mAP=0.431.pth").touch()  # so that it downloads nothing; of 22,050 Hz, it then loads nothing
    config = cases.PANNS
    net = Cnn14(["2048", "logits"], 22050, config.n_fft, config.hop, config.n_mels, config.fmin, config.fmax, 527)
    front = Cnn14.__init__.__globals__["LogmelFilterBank"](
        sr=config.rate,
        n_fft=config.n_fft,
        n_mels=64,
        fmin=config.fmin,
        fmax=config.fmax,
        ref=1.0,
        amin=1e-10,
        top_db=None,
    )
    net.logmel_extractor = front
    widths = [1, *(config.width << block for block in range(6))]
    for block in range(6):
        setattr(net, f"conv_block{block + 1}", ConvBlock(widths[block], widths[block + 1]))
    net.fc1, net.fc_audioset = torch.nn.Linear(widths[-1], widths[-1]), torch.nn.Linear(widths[-1], 527)
    net.load_state_dict(
        cases.write_panns(folder / "panns", {name: net.state_dict()[name] for name in FRONT}), strict=True
    )
    net.eval()
    found = {}
    for protocol, sounds in (("audioldm_eval", audioldm_eval_sounds), ("av-benchmark", av_benchmark_sounds)):
        features = [_features(net, sounds(side)) for side in sides]
        kl = calculate_kl(*features, "logits", same_name=True)[0]
        found[f"kl_panns {protocol}"] = kl["kullback_leibler_divergence_softmax"]
        found[f"kl_panns {protocol}, sigmoid"] = kl["kullback_leibler_divergence_sigmoid"]
        found[f"fd_panns {protocol}"] = calculate_fid(*features, "2048")["frechet_distance"]
        if len(features[0]["logits"]) >= 10:
            isc = calculate_isc(features[0], "logits", rng_seed=2020, samples_shuffle=True, splits=10)
            found[f"is_panns {protocol}"] = isc["inception_score_mean"]
        found[f"kl_panns {protocol}, the other direction"] = calculate_kl(*features[::-1], "logits")[0][
            "kullback_leibler_divergence_softmax"
        ]
    ours, theirs = (each["logits"].log_softmax(dim=1) for each in features)
    exact = torch.nn.functional.kl_div(ours, theirs, reduction="sum", log_target=True) / len(ours)
    return found | {"kl_panns av-benchmark": float(exact)}


@torch.no_grad()
def _features(net: Any, sounds: Iterator[tuple[str, torch.Tensor]]) -> dict[str, Any]:
    """As `EvaluationHelper.get_featuresdict` gathers them."""
    names, rows = [], []
    for name, waveform in sounds:
        names.append(name)
        rows.append(net(waveform.float()))
    return {key: torch.cat([each[key] for each in rows]) for key in ("2048", "logits")} | {"file_path_": names}


def _without_what_is_not_tried() -> None:
    """Empty modules for the networks that the two packages import beside these, and audioldm-eval without its own."""
    import importlib.util

    for name, members in (("laion_clap", ()), ("encodec", ("EncodecModel",))):
        sys.modules[name] = ModuleType(name)
        for member in members:
            setattr(sys.modules[name], member, None)
    spec = importlib.util.find_spec("audioldm_eval")
    assert spec is not None and spec.submodule_search_locations
    package = ModuleType("audioldm_eval")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["audioldm_eval"] = package
    half = sys.modules["torchaudio"]
    half.functional = ModuleType("torchaudio.functional")  # type: ignore[attr-defined]
    half.functional.resample = lambda audio, orig_freq, new_freq: plain_torchaudio.converted(  # type: ignore[attr-defined]
        audio, orig_freq, new_freq, "function"
    )
    half.load = _load  # type: ignore[attr-defined]


def _load(path: str) -> tuple[torch.Tensor, int]:
    """`torchaudio.load`, whose decoder needs the half that is not here."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(np.ascontiguousarray(audio.T)), rate


if __name__ == "__main__":
    main()
