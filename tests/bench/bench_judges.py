"""How fast PANNs, VGGish, Audiobox Aesthetics and MS-CLAP are beside the packages that they are from, on a CPU.

    nox -s bench_judges            # makes the environment; options: -- --clips 8 --keep --data DIR

Original and evalkit are in one process, with one seeded file of the published size, one thread, and their models
loaded. A recording goes from its file to its features by both in turns, so that what else the machine does meets both,
each with its own way of reading and converting; and once more from the sound as the judge hears it, the network and its
front end alone. What is told is the median over recordings of the ratio of the two processor times. A recording is 10 s
of mono at 44.1 kHz, for MS-CLAP 7 s, which both hear as one crop. Features are compared too: speed at other numbers
would be none. Not counted: loading.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bench_records as records
import numpy as np
import openl3_cases
import oracle_audiobox
import oracle_msclap
import oracle_panns
import oracle_vggish
import soundfile
import torch
from torchvggish import vggish_input

from evalkit.audio.clip import Clip
from evalkit.audio.decode import decode
from evalkit.embed.audiobox import RATE as RATE_OF_AUDIOBOX
from evalkit.embed.audiobox import AudioboxEmbedder
from evalkit.embed.load import load_embedder
from evalkit.embed.msclap import MsClapEmbedder
from evalkit.embed.panns import PannsEmbedder
from evalkit.embed.vggish import VGGishEmbedder
from evalkit.originals.seeded import audiobox, msclap, torch_files

CLIPS = 8
RATE = 44100
LIMIT = 1e-4
"""Of the largest difference of two features, over the largest feature."""

Side = Callable[[Path], np.ndarray]
Network = Callable[[np.ndarray], np.ndarray]
"""Of (samples,) at the judge's rate."""
Original = tuple[Side, Network, Path]
Judge = PannsEmbedder | VGGishEmbedder | AudioboxEmbedder | MsClapEmbedder
SECONDS = {"msclap-2023": 7.0}


def main() -> None:
    options = read_options()
    torch.set_num_threads(1)
    rows = []
    for judge in options.judges:
        with tempfile.TemporaryDirectory() as folder:
            files = recordings(options.data, options.clips + 1, SECONDS.get(judge, 10.0), Path(folder))
            rows += measured(judge, files, Path(folder))
            print(records.table(rows[-2:]), flush=True)
    print(records.table(rows))
    for row in rows if options.keep else ():
        records.append("judges_cpu", "Judges on a CPU, beside the packages that they are from", __doc__, row)


def recordings(data: Path, count: int, seconds: float, folder: Path) -> list[Path]:
    """`count` wav files, each of recordings one after the other."""
    source = itertools.cycle(openl3_cases.recordings(data))
    paths = []
    for place in range(count):
        parts = [soundfile.read(next(source), dtype="float32")[0] for _ in range(2)]
        paths.append(folder / f"{place}.wav")
        soundfile.write(paths[-1], np.concatenate(parts)[: round(seconds * RATE)], RATE)
    return paths


def measured(judge: str, files: Sequence[Path], folder: Path) -> list[records.Row]:
    """The judge's two lines of the table."""
    whole, network, checkpoint = SIDES[judge](judge, folder)
    embedder = load_embedder(judge, overrides={judge: checkpoint})
    assert isinstance(embedder, Judge)
    sounds = [embedder.preparation(decode(path)) for path in files]  # as the network hears them
    return [
        line(judge, "file to features", files, {"original": whole, "evalkit": lambda path: rows_of(embedder, path)}),
        line(judge, "network alone", sounds, {"original": network, "evalkit": lambda heard: through(embedder, heard)}),
    ]


def line(judge: str, what: str, given: Sequence[Any], sides: Mapping[str, Callable[[Any], np.ndarray]]) -> records.Row:
    """One line of the table; the first recording warms both up."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    worst = 0.0
    for turn, each in enumerate(given):
        found = {}
        for name in list(sides)[:: -1 if turn % 2 else 1]:
            started = time.process_time()
            found[name] = sides[name](each)
            spent[name].append(time.process_time() - started)
        scale = float(np.abs(found["original"]).max())
        worst = max(worst, float(np.abs(found["original"] - found["evalkit"]).max()) / scale)
    if worst > LIMIT:
        raise SystemExit(f"{judge}: features differ by {worst:.1e}")
    times = {name: times[1:] for name, times in spent.items()}
    return {
        "date": records.today(),
        "processor": records.processor(),
        "judge": judge,
        "measured": what,
        "recordings": f"{len(given) - 1}, {SECONDS.get(judge, 10.0):g} s",
        "original (s a clip)": statistics.median(times["original"]),
        "evalkit (s a clip)": statistics.median(times["evalkit"]),
        "original / evalkit": statistics.median(a / b for a, b in zip(*times.values(), strict=True)),
        "features differ by": f"{worst:.0e}",
        "versions": records.versions("torch", "numpy", *PACKAGES[judge]),
    }


def rows_of(embedder: Judge, path: Path) -> np.ndarray:
    return embedder.embed([decode(path)])[0]


@torch.inference_mode()
def through(embedder: Judge, heard: np.ndarray) -> np.ndarray:
    """The features of what was prepared."""
    if isinstance(embedder, AudioboxEmbedder):
        return embedder._predicted(torch.from_numpy(heard))
    if isinstance(embedder, MsClapEmbedder):
        return np.asarray(embedder._net.audio(torch.from_numpy(heard)[None]))
    return embedder.embed_prepared([heard])[0]


def of_panns(judge: str, folder: Path) -> Original:
    config, checkpoint = oracle_panns.CONFIGS[judge], folder / "panns.pth"
    net = oracle_panns.original(config, checkpoint)
    logits: list[torch.Tensor] = []
    net.fc_audioset.register_forward_hook(lambda _module, _inputs, output: logits.append(output.detach()))

    @torch.no_grad()
    def network(heard: np.ndarray | torch.Tensor) -> np.ndarray:
        features = net(torch.as_tensor(heard).view(1, -1))["embedding"]
        return np.asarray(torch.cat([features, logits.pop()], dim=1))

    return lambda path: network(oracle_panns.loaded(path, config.rate)), network, checkpoint


def of_vggish(_judge: str, folder: Path) -> Original:
    checkpoint = folder / "vggish.pth"
    torch_files.write_vggish(checkpoint)
    net = oracle_vggish.original(checkpoint)

    @torch.no_grad()
    def network(heard: np.ndarray) -> np.ndarray:
        return np.asarray(net(vggish_input.waveform_to_examples(heard, 16000)))

    return lambda path: network(oracle_panns.loaded(path, 16000)[0].numpy()), network, checkpoint


def of_audiobox(_judge: str, folder: Path) -> Original:
    checkpoint = folder / "checkpoint.pt"
    audiobox.write_audiobox(checkpoint)
    predictor = oracle_audiobox.original(checkpoint)

    def heard(clip: Clip) -> np.ndarray:
        return oracle_audiobox.predicted(predictor, clip)[None]

    return (
        lambda path: heard(decode(path)),
        lambda samples: heard(Clip(samples[None], RATE_OF_AUDIOBOX, "")),
        checkpoint,
    )


def of_msclap(_judge: str, folder: Path) -> Original:
    checkpoint = folder / "CLAP_weights_2023.pth"
    msclap.write_msclap(checkpoint)
    torch_files.write_gpt2_tokenizer(folder / "gpt2")
    wrapper = oracle_msclap.original(checkpoint, msclap.PUBLISHED)

    @torch.no_grad()
    def network(heard: np.ndarray) -> np.ndarray:
        return np.asarray(wrapper.clap.audio_encoder(torch.from_numpy(heard)[None])[0])

    return lambda path: oracle_msclap.rows_of(wrapper, decode(path)), network, checkpoint


SIDES: Mapping[str, Callable[[str, Path], Original]] = {
    "panns-16k": of_panns,
    "panns-32k": of_panns,
    "vggish": of_vggish,
    "audiobox": of_audiobox,
    "msclap-2023": of_msclap,
}
PACKAGES = {
    "panns-16k": ("panns-inference", "torchlibrosa"),
    "panns-32k": ("panns-inference", "torchlibrosa"),
    "vggish": ("torchvggish",),
    "audiobox": ("audiobox-aesthetics",),
    "msclap-2023": ("msclap", "transformers"),
}


def read_options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the ESC-10 recordings")
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--judges", nargs="*", choices=list(SIDES), default=list(SIDES))
    parser.add_argument("--keep", action="store_true", help="append the figures to reports/bench")
    return parser.parse_args()


if __name__ == "__main__":
    main()
