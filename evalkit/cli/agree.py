"""`evalkit agree`: how far metrics agree with listeners, and how far listeners agree among themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.output import json_option, print_json, print_sheet, say
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words

if TYPE_CHECKING:
    from evalkit.api.agree import Agreed


def agree(
    ratings: str = typer.Argument(
        ...,
        metavar="RATINGS",
        help="A file of ratings (of `evalkit listen --collect`, or somebody's), or public ones: aes-pam, "
        "audiomos2025-track2, music-arena, music-arena-vocal.",
    ),
    more: list[Path] | None = typer.Argument(None, parser=typed, metavar="RUN", hidden=True),
    runs: list[Path] = typer.Option(
        [], "--runs", parser=typed, metavar="RUN...", help="Run folders whose metrics are held against them."
    ),
    metrics: Path | None = typer.Option(
        None,
        "--metrics",
        parser=typed,
        metavar="FILE",
        help="A table of metrics: clip (or system), then a column each.",
    ),
    only: list[str] = typer.Option([], "--metric", metavar="METRIC", help="This metric only. Repeatable."),
    scale: list[str] = typer.Option([], "--scale", metavar="SCALE", help="This scale only. Repeatable."),
    estimate: bool = typer.Option(
        False, "--estimate", help="Combine ratings of a few clips with the metric of all of them."
    ),
    as_json: bool = json_option(),
) -> None:
    """Say how far metrics agree with listeners, and what their disagreement among themselves leaves to reach.

    Without metrics: the raters' reliability and its ceiling, mean ratings, and the smallest difference that a study of
    this kind can see. With them: rank correlations within systems and between systems, which are two questions.
    Ratings are joined with runs by run and prompt; public ones by the publisher's own folders, in which the sounds that
    were scored lie; with a table by its column clip.

    \b
    Example:
      evalkit agree aes-pam
      evalkit agree ratings.json --runs runs/mini/stable-audio-mini/RUN --runs runs/mini/mock/RUN
      evalkit agree mine.csv --metrics metrics.csv --estimate
    """
    from evalkit.api.agree import asked

    wrong = wrong_words()
    wrong.require(not more or bool(runs), "one file of ratings is read at a time", "name run folders after --runs")
    wrong.require(not estimate or bool(runs or metrics), "--estimate has no metric", "name --runs or --metrics")
    # A shell puts what a pattern matched after the option: the first is the option's, the others are arguments.
    folders = [*runs, *(more or [])] if runs else []
    found = asked(ratings, folders, metrics, only, scale, estimate, wrong)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)


def _print(found: Agreed) -> None:
    from evalkit.ratings import told
    from evalkit.ratings.music_arena import Leaderboard

    ratings, sheets, notes = found.ratings, [], [*found.notes]
    if isinstance(ratings, Leaderboard):
        sheets = [told.leaderboard_sheet(ratings), *([told.agreement_sheet(found.held)] if found.held else [])]
    elif found.estimates:
        sheets = [told.estimates_sheet(found.estimates, ratings.labels)]
        sheets += [told.gaps_sheet(found.gaps, ratings.labels)] if found.gaps else []
    elif found.held:
        sheets = [told.agreement_sheet(found.held)]
    else:
        say(ratings.title or ratings.name)
        detectable = told.detectable_sheet(found.scales)
        sheets = [told.reliability_sheet(found.scales), told.systems_sheet(found.scales, ratings.labels)]
        sheets += [] if detectable is None else [detectable]
        notes = [told.CEILING, *notes]
    for sheet in sheets:
        print_sheet(sheet)
    for note in notes:
        say(note)
