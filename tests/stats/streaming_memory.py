"""How much memory the distances of a whole AudioCaps take: a process of its own, which prints MiB as JSON.

    PYTHONPATH=. python tests/stats/streaming_memory.py FOLDER [CLIPS]

Features are drawn as OpenL3 makes them of 10 s of stereo (21 frames, 1,024 numbers), kept as a run keeps them
(`store.spill.Pile`), for as many clips as recordings. `baseline` is the process with all imported; `anonymous` is
the most that the work holds above it, and `resident` the same with the pages of the spilled file that happen to be in
memory, which the system takes back where it needs them.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from evalkit.metrics.base import MetricInputs
from evalkit.metrics.contract import load_metric
from evalkit.store.spill import Pile
from evalkit.suites.conventions import chosen_options
from evalkit.suites.references import set_from_features

CLIPS, FRAMES, DIMENSIONS = 4875, 21, 1024
METRICS = ("fd_openl3", "kad_openl3")
_LOOK = 0.01


def held() -> tuple[float, float]:
    """MiB of anonymous memory, and of all that is resident."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    found = {line.split(":")[0]: line for line in lines}
    anonymous, resident = (int(found[name].split()[1]) / 1024 for name in ("RssAnon", "VmRSS"))
    return anonymous, resident


def most(work: Callable[[], object]) -> tuple[float, float]:
    """The most of both while the work is done."""
    seen, ended = [held()], threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK):
            seen.append(held())

    watch = threading.Thread(target=look)
    watch.start()
    try:
        work()
    finally:
        ended.set()
        watch.join()
    return max(each[0] for each in seen), max(each[1] for each in seen)


def main() -> None:
    folder, clips = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else CLIPS
    metrics = {name: load_metric(name) for name in METRICS}
    small = np.random.default_rng(0).normal(size=(64, 64))
    np.linalg.svd(small @ small)  # whatever BLAS takes at its first call is the process's own
    base, found = held(), {}

    def work() -> None:
        rng = np.random.default_rng(17)
        mix = rng.normal(0, 1, (DIMENSIONS, 32)).astype(np.float32)
        pile = Pile(folder)
        for number in range(2 * clips):
            drawn = rng.normal(0, 1, (FRAMES, 32)).astype(np.float32) @ mix.T
            pile.put(str(number), np.maximum(0, drawn + rng.normal(0, 0.5, (FRAMES, DIMENSIONS)).astype(np.float32)))
        features = pile.arrays()
        reference = set_from_features([features[str(number)] for number in range(clips, 2 * clips)])
        names = [str(number) for number in range(clips)]
        for name, metric in metrics.items():
            inputs = MetricInputs(
                ids=names,
                groups=[str(int(each) // 5) for each in names],
                features=[features[each] for each in names],
                texts=None,
                set_reference=reference,
                pair_reference=None,
                seconds=[10.0] * clips,
                options=chosen_options(metric.card, {}),
            )
            result = metric.compute(inputs)
            found[name] = [result.value, result.se]

    anonymous, resident = most(work)
    told = {"baseline": base[0], "anonymous": anonymous - base[0], "resident": resident - base[1], "found": found}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
