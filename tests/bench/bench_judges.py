"""How fast PANNs, VGGish, Audiobox Aesthetics and MS-CLAP are beside the packages that they are from, on a CPU.

    nox -s bench_judges            # makes the environment; options: -- --clips 8 --keep --data DIR

Original and evalkit are in one process, with one seeded file of the published size, one thread, and their models
loaded. A recording goes from its file to its features by both in turns, so that what else the machine does meets both;
what is told is the median over recordings of the ratio of the two processor times. A recording is 10 s of mono at
44.1 kHz, for MS-CLAP 7 s, which both hear as one crop. Features are compared too: speed at other numbers would be none.
Not counted: loading.
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

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.originals.seeded import audiobox, msclap, torch_files

CLIPS = 8
RATE = 44100
LIMIT = 1e-4
"""Of the largest difference of two features, over the largest feature."""

Side = Callable[[Path], np.ndarray]
SECONDS = {"msclap-2023": 7.0}


def main() -> None:
    options = read_options()
    torch.set_num_threads(1)
    rows = []
    for judge in options.judges:
        with tempfile.TemporaryDirectory() as folder:
            files = recordings(options.data, options.clips + 1, SECONDS.get(judge, 10.0), Path(folder))
            rows.append(measured(judge, files, Path(folder)))
            print(records.table(rows[-1:]), flush=True)
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


def measured(judge: str, files: Sequence[Path], folder: Path) -> records.Row:
    """One line of the table; the first file warms both up."""
    original, checkpoint = SIDES[judge](judge, folder)
    embedder = load_embedder(judge, overrides={judge: checkpoint})
    sides: Mapping[str, Side] = {"original": original, "evalkit": lambda path: embedder.embed([decode(path)])[0]}
    spent: dict[str, list[float]] = {name: [] for name in sides}
    worst = 0.0
    for turn, path in enumerate(files):
        found = {}
        for name in list(sides)[:: -1 if turn % 2 else 1]:
            started = time.process_time()
            found[name] = sides[name](path)
            spent[name].append(time.process_time() - started)
        scale = float(np.abs(found["original"]).max())
        worst = max(worst, float(np.abs(found["original"] - found["evalkit"]).max()) / scale)
    if worst > LIMIT:
        raise SystemExit(f"{judge}: features differ by {worst:.1e}")
    times = {name: each[1:] for name, each in spent.items()}
    return {
        "date": records.today(),
        "processor": records.processor(),
        "judge": judge,
        "recordings": f"{len(files) - 1}, {SECONDS.get(judge, 10.0):g} s",
        "original (s a clip)": statistics.median(times["original"]),
        "evalkit (s a clip)": statistics.median(times["evalkit"]),
        "original / evalkit": statistics.median(a / b for a, b in zip(*times.values(), strict=True)),
        "features differ by": f"{worst:.0e}",
        "versions": records.versions("torch", "numpy", *PACKAGES[judge]),
    }


def of_panns(judge: str, folder: Path) -> tuple[Side, Path]:
    config, checkpoint = oracle_panns.CONFIGS[judge], folder / "panns.pth"
    net = oracle_panns.original(config, checkpoint)
    logits: list[torch.Tensor] = []
    net.fc_audioset.register_forward_hook(lambda _module, _inputs, output: logits.append(output.detach()))

    def heard(path: Path) -> np.ndarray:
        with torch.no_grad():
            features = net(oracle_panns.loaded(path, config.rate))["embedding"]
        return np.asarray(torch.cat([features, logits.pop()], dim=1))

    return heard, checkpoint


def of_vggish(_judge: str, folder: Path) -> tuple[Side, Path]:
    checkpoint = folder / "vggish.pth"
    torch_files.write_vggish(checkpoint)
    net = oracle_vggish.original(checkpoint)

    def heard(path: Path) -> np.ndarray:
        with torch.no_grad():
            patches = vggish_input.waveform_to_examples(oracle_panns.loaded(path, 16000)[0].numpy(), 16000)
            return np.asarray(net(patches))

    return heard, checkpoint


def of_audiobox(_judge: str, folder: Path) -> tuple[Side, Path]:
    checkpoint = folder / "checkpoint.pt"
    audiobox.write_audiobox(checkpoint)
    predictor = oracle_audiobox.original(checkpoint)
    return lambda path: oracle_audiobox.predicted(predictor, decode(path))[None], checkpoint


def of_msclap(_judge: str, folder: Path) -> tuple[Side, Path]:
    checkpoint = folder / "CLAP_weights_2023.pth"
    msclap.write_msclap(checkpoint)
    torch_files.write_gpt2_tokenizer(folder / "gpt2")
    wrapper = oracle_msclap.original(checkpoint, msclap.PUBLISHED)
    return lambda path: oracle_msclap.rows_of(wrapper, decode(path)), checkpoint


SIDES: Mapping[str, Callable[[str, Path], tuple[Side, Path]]] = {
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
