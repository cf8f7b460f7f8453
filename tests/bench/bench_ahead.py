"""How long a device waits for sounds to be decoded, resampled and made into windows, beside a simulated network.

    nox -s bench_ahead             # options: -- --clips 64 --paces 50,100,150,200 --keep
    PYTHONPATH=. python tests/bench/bench_ahead.py --keep

The network is one that costs no processor: it sleeps so many milliseconds a clip, in chunks of 16 as on a GPU, while
threads (as many as cores) prepare the next chunk (`execute/ahead.py`). Clips are stereo noise of 10 s at 44.1 kHz. Told
are the processor's seconds that one clip's preparation takes, alone (median of nine), and for each pace of the network
the part of the time in which it waited: of all, and after the first chunk, before which nothing can be had. Two cores
keep a network busy that takes longer than half of a clip's preparation; what is faster waits for the cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import bench_records as records
import numpy as np
import soundfile

from evalkit.audio.clip import Clip
from evalkit.audio.decode import decode
from evalkit.core.cores import cores
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.load import load_embedder
from evalkit.execute.bench import Here, Source
from evalkit.originals.seeded import openl3 as seeded

RATE, SECONDS, CHUNK, ALONE = 44100, 10.0, 16, 10
TITLE = "Preparing sounds while a device works"


class Simulated:
    """The front of an embedder, and a network that takes `pace` seconds a clip of nobody's processor."""

    def __init__(self, real: Any, pace: float) -> None:
        self._real, self._pace = real, pace
        self.spec: EmbedderSpec = real.spec
        self.busy: list[tuple[float, float]] = []

    def front(self, clip: Clip) -> Any:
        return self._real.front(clip)

    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        return self.through(map(self.front, clips))

    def through(self, fronts: Iterable[Any]) -> list[Features]:
        count = len(list(fronts))
        began = time.perf_counter()
        time.sleep(self._pace * count)
        self.busy.append((began, time.perf_counter()))
        return [np.zeros((1, self.spec.dimensions), np.float32)] * count


def waited(real: Any, sources: Sequence[Source], pace: float) -> tuple[float, float]:
    """The part of the time that the network waited: of all, and after its first chunk."""
    device = Simulated(real, pace)
    began = time.perf_counter()
    for _, made in Here(lambda: device, cores()).embed(chunks(sources)):
        assert not made.faults
    starts, ends = zip(*device.busy, strict=True)
    gaps = sum(max(0.0, start - end) for start, end in zip(starts[1:], ends[:-1], strict=True))
    return (starts[0] - began + gaps) / (ends[-1] - began), gaps / (ends[-1] - starts[0])


def _alone(real: Any, source: Source) -> float:
    """Seconds of the processor for one sound, with no other at work."""
    assert source.path is not None
    began = time.process_time()
    real.front(decode(source.path))
    return time.process_time() - began


def chunks(sources: Sequence[Source]) -> Iterator[Sequence[Source]]:
    for first in range(0, len(sources), CHUNK):
        yield sources[first : first + CHUNK]


def written(folder: Path, count: int) -> list[Source]:
    rng = np.random.default_rng(17)
    sources = []
    for number in range(count):
        path = folder / f"{number}.wav"
        soundfile.write(path, rng.normal(0, 0.1, (round(SECONDS * RATE), 2)), RATE)
        sources.append(Source(str(number), str(number), path))
    return sources


def main() -> None:
    parser = argparse.ArgumentParser(description=TITLE)
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--paces", default="50,100,150,200", help="milliseconds a clip")
    parser.add_argument("--keep", action="store_true", help="keep the figures in reports/bench")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        seeded.save(Path(place) / "openl3.h5")
        real: Any = load_embedder("openl3-env", overrides={"openl3-env": Path(place) / "openl3.h5"})
        sources = written(Path(place), asked.clips)
        alone = statistics.median([_alone(real, sources[0]) for _ in range(ALONE)][1:])  # the first one compiles
        row: dict[str, object] = {
            "date": records.today(),
            "processor": records.processor(),
            "cores": cores(),
            "load": round(os.getloadavg()[0], 1),
            "clips": asked.clips,
            "preparing one (CPU s)": alone,
        }
        for pace in asked.paces.split(","):
            whole, steady = waited(real, sources, int(pace) / 1000)
            row[f"waits at {pace} ms (%)"] = 100 * whole
            row[f"after the first chunk at {pace} ms (%)"] = 100 * steady
    row["versions"] = records.versions("torch", "numpy", "numba")
    print(records.table([row]))
    if asked.keep:
        print(records.append("ahead", TITLE, __doc__, row))


if __name__ == "__main__":
    main()
