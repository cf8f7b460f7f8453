"""`evalkit score`: score a folder of audio that any model made."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from evalkit.cli import run as options
from evalkit.cli.paths import typed


def score(
    folder: Path = typer.Argument(
        ...,
        parser=typed,
        metavar="FOLDER",
        help="A folder of wav, flac, ogg, mp3, opus, m4a, webm … files named by prompt id.",
    ),
    suite: str = options.SUITE,
    out: Path | None = options.OUT,
    samples: int = options.SAMPLES,
    limit: int | None = options.LIMIT,
    device: str = options.DEVICE,
    weights: list[str] = options.WEIGHTS,
    max_failures: int | None = options.MAX_FAILURES,
    as_json: bool = options.JSON,
    no_report: bool = options.NO_REPORT,
) -> None:
    """Score the audio in a folder against a suite; nothing is copied.

    A file belongs to the prompt whose id is its name without extension; one that nearly fits (a suffix in the id,
    a space, the case) is taken where there is no other, and told. A prompt without a file counts as failed; a file
    without a prompt is named in a warning; a folder in which nothing fits is refused. With --samples K the further
    sounds of ID.wav are ID.s1.wav, ID.s2.wav …, as evalkit writes them; ID_1.wav, ID-1.wav and ID.1.wav are taken too.

    \b
    Example:
      evalkit score my-outputs --suite mini --json
    """
    from evalkit.cli.session import Manner, conduct
    from evalkit.run.config import RunConfig, parse_weights, resolve_device

    config = RunConfig(
        model=f"folder:{folder}",
        suite=suite,
        out=out,
        samples=samples,
        limit=limit,
        device=resolve_device(device),
        weights=parse_weights(weights),
        command=("evalkit", *sys.argv[1:]),
    )
    conduct([config], Manner("score", as_json, not no_report, max_failures))
