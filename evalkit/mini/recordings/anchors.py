"""Makes the anchors of suite `mini`, which ship beside it: what recordings, noise and silence score there.

    python -m evalkit.mini.recordings.anchors --data DATA/esc10

The suite has statistics of its references alone, so the scenes are put together again from the held-out recordings
(fold 4 of ESC-10): one take per prompt, which is in no reference. For half against half the recordings of
each class are first parted by source, and scenes of the one half (one take) are compared with scenes of the other
(as many takes as the suite's reference has): what a perfect model would score that has other recordings to go by.
Writes `prompts/mini/anchors.json`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from evalkit.core.resources import resource
from evalkit.mini.recordings.references import HELD_OUT, RATE, TAKES, compose_take, requests
from evalkit.mini.recordings.scenes import Recording, load_recordings
from evalkit.run.anchors import Material, Take, compute, halves, prepare
from evalkit.run.config import RunConfig
from evalkit.run.plan import memory_plan
from evalkit.run.progress import Lines, Progress
from evalkit.suites.anchors import FILE, Anchor, keep_anchors
from evalkit.suites.base import Suite

TAKE = 11
"""Of the scenes: one that is in none of the suite's references, as in the card."""

SPLIT = (
    f"scenes of half of the held-out sources of each class, against {TAKES} takes of scenes of the other half: "
    "recordings of other origin, put together in the same way"
)


def parted(recordings: Sequence[Recording], data: Path) -> tuple[list[Recording], list[Recording]]:
    """Halves that share no source, each with recordings of every class."""
    with (data / "clips.csv").open(newline="", encoding="utf-8") as file:
        sources = {row["file"]: row["source"] for row in csv.DictReader(file)}
    chosen: set[str] = set()
    for sound in sorted({each.sound for each in recordings}):
        chosen |= halves({each.name: sources[each.name] for each in recordings if each.sound == sound})[0]
    return [each for each in recordings if each.name in chosen], [
        each for each in recordings if each.name not in chosen
    ]


def material(data: Path) -> Material:
    """Scenes of the held-out recordings; `data` is the folder of ESC-10."""
    recordings = load_recordings(data, RATE, HELD_OUT)
    first, second = parted(recordings, data)
    takes = _takes("", recordings, (TAKE,))
    names = {request.id: take.name for request, take in zip(requests(), takes, strict=True)}
    return Material(takes, names, _takes("first ", first, (0,)), _takes("second ", second, range(TAKES)), SPLIT)


def _takes(half: str, recordings: Sequence[Recording], takes: Sequence[int]) -> list[Take]:
    return [
        Take(f"{half}{request.id} {take}", request.id, partial(compose_take, request, recordings, take))
        for take in takes
        for request in requests()
    ]


def measured(data: Path, progress: Progress) -> tuple[Suite, list[Anchor]]:
    """The suite, and its anchors by the shipped judges."""
    scoring = prepare(memory_plan(RunConfig(model="anchors", suite="mini")), progress)
    return scoring.plan.suite, compute(scoring, material(data), progress)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of ESC-10 with its clips.csv")
    suite, found = measured(parser.parse_args().data, Lines(print))
    path = resource("prompts") / "mini" / FILE
    path.unlink(missing_ok=True)
    print(keep_anchors(path, {"name": suite.name, "version": suite.version, "digest": suite.digest}, found, SPLIT))


if __name__ == "__main__":
    main()
