"""`evalkit report`: one HTML file from one or many run folders."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path

import typer

from evalkit.cli.output import json_option, print_boards, print_json, say
from evalkit.cli.paths import typed
from evalkit.core.files import require_place


class Audio(StrEnum):
    """Whose sound goes into the page."""

    sample = "sample"
    all = "all"
    none = "none"


def report(
    runs: list[Path] = typer.Argument(
        ..., parser=typed, metavar="RUN", help="Run folders: each holds a run.json. Files of `evalkit bundle`."
    ),
    out: Path | None = typer.Option(
        None,
        "--out",
        parser=typed,
        metavar="FILE",
        help="Where to write. Default: report.html in the run's folder; for several runs, here.",
    ),
    audio: Audio = typer.Option(
        Audio.sample,
        "--audio",
        help="Sound of a sample of the prompts (of all, where they are few), of all, or of none.",
    ),
    no_published: bool = typer.Option(False, "--no-published", help="Leave out the figures of papers."),
    as_json: bool = json_option("Print the scores as JSON, for machines."),
) -> None:
    """Write one HTML page of runs, to look at and listen to.

    It has the leaderboard, failures, players, pictures and provenance, needs no network and opens from a
    double click. Runs of different suites, protocols or sizes get tables of their own. Figures of papers stand under
    runs of the same suite, length and protocol. The digests of a bundle's files are checked.

    \b
    Example:
      evalkit report runs/mini/stable-audio-mini/* --out compare.html
    """
    from evalkit.report.board import boards
    from evalkit.report.page import publish
    from evalkit.report.published import shipped
    from evalkit.report.tables import records
    from evalkit.store.bundle import opened

    published = () if no_published else shipped()
    target = out or _beside(runs)
    place = require_place(target)
    with ExitStack() as open_bundles:
        folders = [run if run.is_dir() else open_bundles.enter_context(opened(run)) for run in runs]
        # A link is followed where a person named it; in a run folder it may be anybody's, and is replaced.
        shown = publish(folders, target if out is None else place, audio.value, published)
    tables = boards(shown, published)
    if as_json:
        print_json({"report": str(target), "scores": records(tables)})
    else:
        print_boards(tables)
        say(f"report: {target}")


def _beside(runs: list[Path]) -> Path:
    """In the folder of the one run, or beside its bundle; here for several."""
    if len(runs) > 1:
        return Path("report.html")
    return runs[0] / "report.html" if runs[0].is_dir() else runs[0].with_suffix(".html")
