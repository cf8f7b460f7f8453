"""`evalkit agree`: how far metrics agree with listeners, and how far listeners agree among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli.output import json_option, print_json, print_sheet, say
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words
from evalkit.core.errors import unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.paths import is_there

if TYPE_CHECKING:
    from evalkit.ratings.base import Ratings
    from evalkit.ratings.measured import Measured
    from evalkit.ratings.music_arena import Leaderboard


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
    Ratings are joined with runs by run and prompt, with a table by its column clip.

    \b
    Example:
      evalkit agree aes-pam
      evalkit agree ratings.json --runs runs/mini/stable-audio-mini/RUN --runs runs/mini/mock/RUN
      evalkit agree mine.csv --metrics metrics.csv --estimate
    """
    from evalkit.ratings.music_arena import Leaderboard

    wrong = wrong_words()
    wrong.require(not more or bool(runs), "one file of ratings is read at a time", "name run folders after --runs")
    wrong.require(not estimate or bool(runs or metrics), "--estimate has no metric", "name --runs or --metrics")
    # A shell puts what a pattern matched after the option: the first is the option's, the others are arguments.
    measured = _measured([*runs, *(more or [])] if runs else [], metrics, only, wrong)
    found = wrong.read(None, _ratings, ratings)
    if isinstance(found, Leaderboard):
        wrong.require(not estimate, "a leaderboard has no ratings of clips to combine with a metric")
    elif found is not None:
        found = wrong.read(found, _of_scales, found, scale)
    wrong.settle()
    assert found is not None, "else that is told"
    if isinstance(found, Leaderboard):
        _board(found, measured, as_json)
        return
    told: dict[str, Any] = {"ratings": found.name, "source": found.source, "licence": found.licence}
    if estimate:
        told |= _estimate(found, measured, as_json)
    elif measured:
        told |= _hold(found, measured, as_json)
    else:
        told |= _describe(found, as_json)
    if as_json:
        print_json(told)


def _ratings(named: str) -> Ratings | Leaderboard:
    """A file where there is one of that name, else public ratings."""
    from evalkit.ratings.read import read_ratings
    from evalkit.ratings.shipped import names, shipped

    path = typed(named)
    if is_there(path) or named not in names():
        if not is_there(path) and path.suffix == "" and "/" not in named:
            raise unknown_name("file, and no public set of ratings,", named, names())
        return read_ratings(path)
    return shipped(named)


def _of_scales(found: Ratings, wanted: Sequence[str]) -> Ratings:
    from dataclasses import replace

    known = {each.name: each for each in found.scales}
    for name in wanted:
        if name not in known:
            raise unknown_name("scale of these ratings", name, known)
    return replace(found, scales=tuple(known[name] for name in dict.fromkeys(wanted))) if wanted else found


def _measured(runs: Sequence[Path], table: Path | None, only: Sequence[str], wrong: Gathering) -> list[Measured]:
    """The metrics that are named, of runs or of a table; what is wrong with any of it is kept."""
    from evalkit.ratings.measured import read_measured

    wrong.require(
        not runs or table is None, "--runs and --metrics are both given", "hold one of them against the ratings"
    )
    if not runs and table is None:
        wrong.require(not only, f"--metric {', '.join(only)}: is of no run and no table", "name --runs or --metrics")
        return []
    before = len(wrong.errors)
    found = _of_runs(runs, wrong)
    found += [] if table is None else wrong.read([], read_measured, table)
    known = {each.metric: each for each in found}
    if len(wrong.errors) == before:
        wrong.require(bool(found), "these runs have no metric with a value per prompt", "score them with clap_score")
        for name in only if found else ():
            if name not in known:
                wrong.add(unknown_name("metric here with a value per clip", name, known))
    return [known[name] for name in dict.fromkeys(only) if name in known] if only else found


def _of_runs(runs: Sequence[Path], wrong: Gathering) -> list[Measured]:
    from evalkit.comparison.record import Record, read_run
    from evalkit.ratings.measured import measured_of_runs
    from evalkit.store.bundle import folder_of

    records: list[Record] = []
    for run in dict.fromkeys(runs):
        with wrong.look(), folder_of(run) as folder:
            records.append(read_run(folder))
    return measured_of_runs(records)


def _describe(found: Ratings, as_json: bool) -> dict[str, Any]:
    from evalkit.ratings import as_json as plain
    from evalkit.ratings import told
    from evalkit.ratings.describe import describe

    scales = describe(found)
    if not as_json:
        say(found.title or found.name)
        print_sheet(told.reliability_sheet(scales))
        print_sheet(told.systems_sheet(scales, found.labels))
        if (sheet := told.detectable_sheet(scales)) is not None:
            print_sheet(sheet)
        _notes([told.CEILING, *told.source_notes(found)])
    return {"scales": [plain.described(each) for each in scales], "notes": told.source_notes(found)}


def _hold(found: Ratings, measured: Sequence[Measured], as_json: bool) -> dict[str, Any]:
    from evalkit.ratings import as_json as plain
    from evalkit.ratings import told
    from evalkit.ratings.against import held_against

    held = held_against(found, measured)
    notes = [*told.agreement_notes(held, found.name), *told.source_notes(found)]
    if not as_json:
        print_sheet(told.agreement_sheet(held))
        _notes(notes)
    return {"agreement": [plain.held(each) for each in held], "notes": notes}


def _estimate(found: Ratings, measured: Sequence[Measured], as_json: bool) -> dict[str, Any]:
    from evalkit.ratings import as_json as plain
    from evalkit.ratings import told
    from evalkit.ratings.combined import estimated

    alone, gaps = estimated(found, measured)
    notes = [*told.estimate_notes(alone), *told.source_notes(found)]
    if not as_json:
        print_sheet(told.estimates_sheet(alone, found.labels))
        if gaps:
            print_sheet(told.gaps_sheet(gaps, found.labels))
        _notes(notes)
    return {
        "estimates": [plain.estimated(each) for each in alone],
        "differences": [plain.gap(each) for each in gaps],
        "notes": notes,
    }


def _board(board: Leaderboard, measured: Sequence[Measured], as_json: bool) -> None:
    from evalkit.ratings import as_json as plain
    from evalkit.ratings import told
    from evalkit.ratings.against import held_against_board

    held = held_against_board(board, measured)
    if as_json:
        print_json(
            {"ratings": board.name, "systems": plain.standings(board), "agreement": [plain.held(h) for h in held]}
        )
        return
    print_sheet(told.leaderboard_sheet(board))
    if held:
        print_sheet(told.agreement_sheet(held))
    _notes([*(told.agreement_notes(held, board.name) if held else []), *told.source_notes(board)])


def _notes(notes: Sequence[str]) -> None:
    for note in notes:
        say(note)
