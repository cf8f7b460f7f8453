"""The scenes that ship, in pieces of a second: more clips for a metric to which so few scenes say nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from evalkit.audio.clip import Clip
from evalkit.audio.decode import decode
from evalkit.audio.verdicts import FATAL, inspect
from evalkit.core.files import write_bytes
from evalkit.core.ids import digest_file
from evalkit.core.resources import resource
from evalkit.suites.brief import Brief

SECONDS = 1.0
CALLED = "scenes of held-out recordings that ship with evalkit, in pieces of 1 s"


def shipped_takes() -> list[str]:
    """The digests of the scenes, those to be damaged and those to compare with."""
    return [digest_file(path) for path in sorted((resource("prompts") / "mini" / "takes").rglob("*.ogg"))]


@contextmanager
def in_pieces(brief: Brief) -> Iterator[Brief]:
    """The brief with the pieces as its sounds and reference: whole seconds from the first on, silent ones left out. All
    pieces of a scene are of one source."""
    takes = resource("prompts") / "mini" / "takes"
    with TemporaryDirectory() as place:
        folder, prompts = Path(place), Path(place) / "pieces.csv"
        rows = _cut(takes, folder / "sounds")
        _cut(takes / "reference", folder / "reference")
        write_bytes(prompts, _table(rows))
        yield Brief(
            judges=brief.judges,
            sounds=(folder / "sounds",),
            prompts=prompts,
            columns={"id": "id", "text": "prompt", "group": "source"},
            reference=folder / "reference",
        )


def _cut(source: Path, folder: Path) -> list[tuple[str, str, str]]:
    """(name, scene, scene) of each piece that was written."""
    rows = []
    for path in sorted(source.glob("*.ogg")):
        clip = decode(path)
        length = round(SECONDS * clip.rate)
        for number in range(clip.samples.shape[1] // length):
            piece = Clip(clip.samples[:, number * length : (number + 1) * length], clip.rate, "")
            if not set(inspect(piece)) & set(FATAL):
                name = f"{path.stem}-{number}"
                write_bytes(folder / f"{name}.wav", _wav(piece))
                rows.append((name, path.stem, path.stem))
    return rows


def _wav(clip: Clip) -> bytes:
    with io.BytesIO() as file:
        soundfile.write(file, clip.samples.T, clip.rate, format="WAV", subtype="FLOAT")
        return file.getvalue()


def _table(rows: list[tuple[str, str, str]]) -> bytes:
    with io.StringIO(newline="") as file:
        csv.writer(file).writerows([("id", "prompt", "source"), *rows])
        return file.getvalue().encode()
