"""Makes the scenes that ship beside suite `mini`, on which `evalkit metrics test` degrades sounds (`run.ladders`).

    python -m evalkit.mini.recordings.takes --data DATA/esc10

Prompts of the suite, composed from held-out recordings (fold 4 of ESC-10) that are in the public domain: one take of
every third prompt to be degraded, in `prompts/mini/takes/`, and another take of every prompt to compare with, in
`prompts/mini/takes/reference/`. Vorbis in Ogg, stereo at 44.1 kHz.
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

import soundfile

from evalkit.core.files import write_bytes
from evalkit.core.resources import resource
from evalkit.mini.recordings.references import HELD_OUT, RATE, compose_take, requests
from evalkit.mini.recordings.scenes import Recording, load_recordings

TAKES = {"": (21, 3), "reference": (22, 1)}
"""Folder below `prompts/mini/takes` -> (number of the take, which is in no reference of the suite's; one prompt of how
many)."""

COMPRESSION = 0.6
"""Of libsndfile's: about 80 kbit/s, whole up to 18 kHz."""


def free(data: Path) -> list[Recording]:
    """The held-out recordings that are in the public domain."""
    with (data / "clips.csv").open(newline="", encoding="utf-8") as file:
        names = {row["file"] for row in csv.DictReader(file) if row["licence"] == "CC0"}
    return [each for each in load_recordings(data, RATE, HELD_OUT) if each.name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of ESC-10 with its clips.csv")
    recordings = free(parser.parse_args().data)
    for name, (take, every) in TAKES.items():
        folder = resource("prompts") / "mini" / "takes" / name
        for request in requests()[::every]:
            clip = compose_take(request, recordings, take)
            with io.BytesIO() as file:
                soundfile.write(
                    file, clip.samples.T, RATE, format="OGG", subtype="VORBIS", compression_level=COMPRESSION
                )
                write_bytes(folder / f"{request.id}.ogg", file.getvalue())
    print(f"{len(recordings)} recordings -> {resource('prompts') / 'mini' / 'takes'}")


if __name__ == "__main__":
    main()
