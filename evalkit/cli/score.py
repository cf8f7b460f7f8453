"""`evalkit score`: score folders of audio that any model made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from evalkit.cli import brief
from evalkit.cli import run as options
from evalkit.cli.paths import typed


def score(
    folders: list[Path] = typer.Argument(
        ...,
        parser=typed,
        metavar="FOLDER",
        help="Folders of wav, flac, ogg, mp3, opus, m4a, webm … files named by prompt id; several make one board.",
    ),
    prompts: str | None = brief.PROMPTS,
    reference: str | None = brief.REFERENCE,
    columns: str | None = brief.COLUMNS,
    judges: str | None = brief.JUDGES,
    seconds: float | None = brief.SECONDS,
    table: str | None = brief.TABLE,
    suite: str | None = brief.SUITE,
    about: Path | None = typer.Option(
        None,
        "--about",
        parser=typed,
        metavar="FILE",
        help="What is known of the system that made them (about.toml); default: the one in the folder.",
    ),
    out: Path | None = options.OUT,
    samples: int = options.SAMPLES,
    limit: int | None = options.LIMIT,
    device: str = options.DEVICE,
    workers: int | None = options.WORKERS,
    devices: str | None = options.DEVICES,
    threads: int | None = options.THREADS,
    ray: str | None = options.RAY,
    ray_resources: str | None = options.RAY_RESOURCES,
    weights: list[str] = options.WEIGHTS,
    max_failures: int | None = options.MAX_FAILURES,
    as_json: bool = options.JSON,
    no_report: bool = options.NO_REPORT,
) -> None:
    """Score folders of audio against your own prompts and recordings, or against a suite; nothing is copied.

    A file belongs to the prompt whose id is its name without extension; one that nearly fits (a suffix in the id,
    a space, the case) is taken where there is no other, and told. A prompt without a file counts as failed; a file
    without a prompt is named in a warning; a folder in which nothing fits is refused. With --samples K the further
    sounds of ID.wav are ID.s1.wav, ID.s2.wav …, as evalkit writes them; ID_1.wav, ID-1.wav and ID.1.wav are taken too.

    \b
    Example:
      evalkit score my-outputs --prompts captions.csv --reference recordings/
      evalkit score model-a model-b --prompts names
      evalkit score my-outputs --prompts captions.csv --reference recordings/ --table av-benchmark
      evalkit score my-outputs --suite mini --json
    """
    from evalkit.api.request import request
    from evalkit.cli.session import Manner, conduct
    from evalkit.cli.words import wrong_words
    from evalkit.run.config import Sharing, parse_weights

    wrong, different = wrong_words(), _by_name(folders)
    alone = about is None or len(folders) < 2
    wrong.require(alone, "--about goes with one FOLDER", "put an about.toml into each of them")
    given = wrong.read({}, parse_weights, weights)
    asked = brief.suite_asked(
        suite, prompts, columns, reference, judges, seconds, table, given, wrong, folders, samples
    )
    configs = [
        request(
            f"folder:{folder}",
            asked,
            out=options.place_of(out, name if len(different) > 1 else "", None),
            samples=samples,
            about=about,
            limit=limit,
            sharing=Sharing(device, workers, devices, threads, ray, ray_resources),
            weights=given,
            command=("evalkit", *sys.argv[1:]),
            wrong=wrong,
        )
        for name, folder in different.items()
    ]
    conduct(configs, Manner("score", as_json, not no_report, max_failures), board=options.board(out, asked))


def _by_name(folders: Sequence[Path]) -> dict[str, Path]:
    """Each folder once, by a name that no other has: its own, with as many of the folders above as that takes."""
    places = {folder.resolve(): folder for folder in folders}
    names: dict[str, Path] = {}
    for place, folder in places.items():
        tails = ["/".join(place.parts[-depth:]) for depth in range(1, len(place.parts) + 1)]
        others = [other.as_posix() for other in places if other != place]
        names[next((t for t in tails if not any(other.endswith(f"/{t}") for other in others)), str(place))] = folder
    return names
