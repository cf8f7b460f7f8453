"""Makes the references of suite `mini` from the held-out recordings (fold 4 of ESC-10).

    python -m evalkit.mini.recordings.references --data DATA/esc10

Each prompt's recipe is composed several times from recordings that no mini was trained on. All takes together
give the statistics for FD-OpenL3; the first take of each prompt gives its row for KL-PaSST. Writes
`prompts/mini/openl3.npz` and `prompts/mini/passt.npz`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.core.ids import digest_bytes, item_seed
from evalkit.core.resources import resource
from evalkit.embed.load import load_embedder
from evalkit.mini.recordings.reference_recipes import compose, parse_recipe
from evalkit.mini.recordings.scenes import Recording, load_recordings, render
from evalkit.suites.references import save_pair_reference, save_set_reference, set_from_features

RATE = 44100
TAKES = 4
HELD_OUT = (4,)


@dataclass(frozen=True)
class Request:
    """What a prompt of suite `mini` asks for, as a recipe."""

    id: str
    recipe: str
    seconds: float


def requests() -> list[Request]:
    """The prompts of suite `mini` in its order."""
    with (resource("prompts") / "mini.csv").open(newline="", encoding="utf-8") as file:
        return [Request(row["id"], row["reference"], float(row["seconds"])) for row in csv.DictReader(file)]


def compose_take(request: Request, recordings: Sequence[Recording], take: int) -> Clip:
    """One take of a prompt's scene, stereo at the recordings' rate; the same for the same take number."""
    rng = np.random.default_rng(item_seed(0, request.id, take))
    scene = compose(parse_recipe(request.recipe), request.seconds, recordings, rng)
    samples = render(scene, recordings[0].rate)
    return Clip(samples, recordings[0].rate, digest_bytes(samples.tobytes()))


def compose_takes(recordings: Sequence[Recording], takes: Sequence[int]) -> Mapping[int, list[Clip]]:
    """take -> one clip per prompt, in the suite's order."""
    return {take: [compose_take(request, recordings, take) for request in requests()] for take in takes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of ESC-10 with its clips.csv")
    recordings = load_recordings(parser.parse_args().data, RATE, HELD_OUT)
    clips = compose_takes(recordings, range(TAKES))
    folder = resource("prompts") / "mini"
    openl3 = load_embedder("openl3-mini")
    features = [row for take in clips.values() for row in openl3.embed(take)]
    save_set_reference(folder / "openl3.npz", set_from_features(features))
    rows = load_embedder("passt-mini").embed(clips[0])
    save_pair_reference(folder / "passt.npz", {one.id: row[0] for one, row in zip(requests(), rows, strict=True)})
    print(f"{len(features)} clips, {sum(map(len, features))} frames -> {folder}")


if __name__ == "__main__":
    main()
