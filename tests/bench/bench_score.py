"""How fast the three metrics are beside stable-audio-metrics' own loops, over the same recordings, on a CPU.

    nox -s bench_score            # makes the environments; options: -- --clips 8 --cpu --keep --data DIR
    PYTHONPATH=.:tests/parity python tests/bench/bench_score.py --openl3 PYTHON --source DIR --passt PYTHON \\
        --clap PYTHON --data DIR

Each original is a process in an environment of its own (`bench_worker.py`), evalkit is one too; all hold their
models loaded, all have the same number of threads (OMP_NUM_THREADS) and the allocator that a user has. A clip goes
to the original and to evalkit by turns, so that what else the machine does meets both; what is told is the median
over clips of the ratio of the two times, for each metric and for the three together, for mono files and for stereo
ones. Features are compared too: speed at other numbers would be none. Not counted, on either side: loading the
models, and the distance itself, which `bench_frechet.py` times.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bench_records as records
import numpy as np
import openl3_cases
import soundfile

from evalkit.originals.seeded import openl3 as openl3_seeded

HERE = Path(__file__).parent
CLIPS = 40
RATE = 44100
METRICS = ("fd_openl3", "kl_passt", "clap_score")
TOGETHER = "all three"
ASKED = {"mono": 3.0, "stereo": 1.5}
"""How many times faster evalkit must be over the three metrics."""

LIMITS = {"fd_openl3": 1e-4, "kl_passt": 1e-4, "clap_score": 1e-3}
"""Of the largest difference of two features, over the largest feature. A clip's CLAP row is within 1e-3 where its
cosine is within 1e-6."""


@dataclass
class Worker:
    """A process that answers one line for each line: see `bench_worker.py`."""

    process: subprocess.Popen[str]

    def ask(self, **question: str) -> dict[str, float]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended with {self.process.wait()}")
        answer: dict[str, float] = json.loads(line)
        return answer


@contextmanager
def workers(commands: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Worker]]:
    started: dict[str, Worker] = {}
    # A shell tuned for training (MALLOC_TOP_PAD_ and its like) would hide what large arrays cost by default.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    try:
        for name, command in commands.items():
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            started[name] = Worker(process)
            started[name].ask(ready="?")
        yield started
    finally:
        for worker in started.values():
            worker.process.kill()
            worker.process.wait()


def recordings(data: Path, count: int, channels: int, seconds: float, folder: Path) -> list[Path]:
    """`count` wav files of 16 bits, each of one recording as it is, or of several one after the other up to `seconds`.

    With two channels the right one is of other recordings than the left.
    """
    files = itertools.cycle(openl3_cases.recordings(data))
    paths = []
    for index in range(count):
        sides = [sound(files, seconds) for _ in range(channels)]
        length = min(map(len, sides))
        path = folder / f"{channels}-{index}.wav"
        soundfile.write(path, np.stack([side[:length] for side in sides], axis=1), RATE)
        paths.append(path)
    return paths


def sound(files: Iterator[Path], seconds: float) -> np.ndarray:
    """(samples,) of the next recording, and of as many after it as `seconds` take; cut there where it takes several."""
    found = soundfile.read(next(files), dtype="float32")[0]
    while len(found) < seconds * RATE:
        found = np.concatenate([found, soundfile.read(next(files), dtype="float32")[0]])[: round(seconds * RATE)]
    return found


def captions(count: int, folder: Path) -> Path:
    """Prompts of the usual length, each another, a line each."""
    path = folder / "captions.txt"
    kinds = ("a dog barks twice", "rain falls on leaves", "a helicopter passes", "waves break on a beach")
    lines = [f"{kinds[index % 4]} near take {index} of a busy road, recorded in stereo" for index in range(count)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def compared(pool: Mapping[str, Worker], metric: str, path: Path, folder: Path, turned: bool) -> dict[str, float]:
    """{original, evalkit (seconds), difference} of the features of one file."""
    spent = {}
    for side in ("original", "evalkit")[:: -1 if turned else 1]:
        name = "evalkit" if side == "evalkit" else "clap_score" if metric == "captions" else metric
        spent[side] = pool[name].ask(metric=metric, path=str(path), out=str(folder / f"{side}.npy"))["seconds"]
    theirs, ours = (np.load(folder / f"{side}.npy", allow_pickle=False) for side in ("original", "evalkit"))
    if theirs.shape != ours.shape:
        raise SystemExit(f"{metric}, {path.name}: the original gives {theirs.shape}, evalkit {ours.shape}")
    spent["difference"] = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    told = f"{spent['original']:.2f} s, evalkit {spent['evalkit']:.2f} s"
    print(f"{path.name} {metric}: original {told}, difference {spent['difference']:.1e}", flush=True)
    return spent


def measure(pool: Mapping[str, Worker], files: Sequence[Path], folder: Path) -> dict[str, list[dict[str, float]]]:
    """metric -> for each clip {original, evalkit (seconds), difference}; a clip's caption counts to its CLAP score."""
    found: dict[str, list[dict[str, float]]] = {metric: [] for metric in METRICS}
    texts = compared(pool, "captions", captions(len(files), folder), folder, False)
    for turn, path in enumerate(files):
        for metric in METRICS:
            spent = compared(pool, metric, path, folder, bool(turn % 2))
            if metric == "clap_score":
                spent = {name: spent[name] + texts[name] / len(files) for name in ("original", "evalkit")} | {
                    "difference": max(spent["difference"], texts["difference"])
                }
            found[metric].append(spent)
    return found


def summary(found: Mapping[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """For each metric and for all three: median seconds of both sides, median ratio, largest difference."""
    rows = dict(found)
    rows[TOGETHER] = [
        {"original": sum(one["original"] for one in clip), "evalkit": sum(one["evalkit"] for one in clip),
         "difference": max(one["difference"] for one in clip)}
        for clip in zip(*found.values(), strict=True)
    ]  # fmt: skip
    return {
        name: {
            "original_seconds": statistics.median(clip["original"] for clip in clips),
            "evalkit_seconds": statistics.median(clip["evalkit"] for clip in clips),
            "ratio": statistics.median(clip["original"] / clip["evalkit"] for clip in clips),
            "difference": max(clip["difference"] for clip in clips),
        }
        for name, clips in rows.items()
    }


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        openl3_seeded.save(folder / "openl3_audio_mel256_env.h5")
        own = [sys.executable, str(HERE / "bench_worker.py"), str(folder), *(["--cpu"] if options.cpu else [])]
        subprocess.run([*own, "seed"], check=True)
        commands = {
            "fd_openl3": [options.openl3, *own[1:], "fd_openl3", str(options.source)],
            "kl_passt": [options.passt, *own[1:], "kl_passt"],
            "clap_score": [options.clap, *own[1:], "clap_score"],
            "evalkit": [*own, "evalkit"],
        }
        figures = {}
        with workers(commands) as pool:
            for kind, channels in (("mono", 1), ("stereo", 2)):
                files = recordings(options.data, options.clips, channels, options.seconds, folder)
                measure(pool, files[:2], folder)  # warms the libraries up
                figures[kind] = summary(measure(pool, files, folder))
    tell(figures, options)


def lines(kind: str, figures: Mapping[str, Mapping[str, float]], options: argparse.Namespace) -> list[records.Row]:
    """The lines of reports/bench/score_cpu.md for mono or stereo files: one for each metric, one for all three."""
    measured = {
        "date": records.today(),
        "processor": records.processor(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "clock": "processor" if options.cpu else "wall",
        "clips": f"{options.clips} {kind}, {options.seconds or 5:g} s",
    }
    return [
        measured
        | {
            "metric": name,
            "original (s a clip)": one["original_seconds"],
            "evalkit (s a clip)": one["evalkit_seconds"],
            "original / evalkit": one["ratio"],
            "aim": ASKED[kind] if name == TOGETHER else "-",
            "features differ by": f"{one['difference']:.0e}",
            "versions": records.versions("torch", "numpy", "scipy"),
        }
        for name, one in figures.items()
    ]


def tell(figures: Mapping[str, dict[str, dict[str, float]]], options: argparse.Namespace) -> None:
    """Print the rows, keep them where that is asked for; ends with 1 where a figure is short of what is asked."""
    rows = [line for kind, found in figures.items() for line in lines(kind, found, options)]
    print(records.table(rows))
    for line in rows if options.keep else ():
        records.append("score_cpu", "Scoring on a CPU, beside stable-audio-metrics' loops", __doc__, line)
    short = []
    for kind, found in figures.items():
        short += [
            f"{kind}, {name}: features differ by {found[name]['difference']:.1e}"
            for name, limit in LIMITS.items()
            if found[name]["difference"] > limit
        ]
        if found[TOGETHER]["ratio"] < ASKED[kind]:
            short.append(f"{kind}: {found[TOGETHER]['ratio']:.2f} times as fast, {ASKED[kind]:g} were asked for")
    if short:
        raise SystemExit("short of what is asked: " + "; ".join(short))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--openl3", required=True, help="the Python of the environment with TensorFlow")
    parser.add_argument("--source", required=True, type=Path, help="openl3 0.4.2, unpacked")
    parser.add_argument("--passt", required=True, help="the Python of the environment with hear21passt")
    parser.add_argument("--clap", required=True, help="the Python of the environment with laion-clap")
    parser.add_argument("--data", type=Path, required=True, help="the ESC-10 recordings")
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--seconds", type=float, default=0, help="join recordings to this length; else one, 5 s")
    parser.add_argument("--cpu", action="store_true", help="count processor time: on a busy machine, with one thread")
    parser.add_argument("--keep", action="store_true", help="append the figures to reports/bench")
    return parser.parse_args()


if __name__ == "__main__":
    main()
