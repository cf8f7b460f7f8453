"""`evalkit report`: one HTML file from one or many run folders, or their table for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.output import json_option, print_boards, print_json, print_slices, print_text, say
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words
from evalkit.core.faults import Gathering
from evalkit.core.files import require_place, write_bytes

if TYPE_CHECKING:
    from evalkit.report.ears import Ears
    from evalkit.report.latex import Style
    from evalkit.report.published import Figure
    from evalkit.report.records import RunRecord


class Audio(StrEnum):
    """Whose sound goes into the page."""

    sample = "sample"
    all = "all"
    none = "none"


class Form(StrEnum):
    """What `--format` writes instead of the page: the names of `evalkit.report.formats.FORMATS`."""

    latex = "latex"
    md = "md"
    csv = "csv"
    json = "json"


@dataclass(frozen=True)
class _Asked:
    """What the runs are asked about: slices, listeners, a paper's table."""

    by: str | None
    ears: Ears | None
    table: str | None


def report(
    runs: list[Path] = typer.Argument(
        ..., parser=typed, metavar="RUN", help="Run folders: each holds a run.json. Files of `evalkit bundle`."
    ),
    out: Path | None = typer.Option(
        None,
        "--out",
        parser=typed,
        metavar="FILE",
        help="Where to write. Default: report.html in the run's folder; for several runs, here; stdout with --format.",
    ),
    audio: Audio = typer.Option(
        Audio.sample,
        "--audio",
        help="Sound of a sample of the prompts (of all, where they are few) in the page itself; of all, in a folder "
        "beside it; or of none.",
    ),
    no_published: bool = typer.Option(False, "--no-published", help="Leave out the figures of papers."),
    form: Form | None = typer.Option(None, "--format", help="Write the tables in this format, and no page."),
    plus_minus: bool = typer.Option(False, "--plus-minus", help="LaTeX: 12.3 ± 1.3 instead of 12.3 [11.0, 13.6]."),
    further: bool = typer.Option(False, "--further", help="LaTeX: also a table of the further measures."),
    table: str | None = typer.Option(
        None,
        "--table",
        metavar="NAME",
        help="The runs are of this published table (`score --table`); one of another protocol is refused.",
    ),
    no_reference: bool = typer.Option(False, "--no-reference", help="Leave out the suite's reference recordings."),
    by: str | None = typer.Option(
        None,
        "--by",
        metavar="COLUMN",
        help="Also print the scores by labels, words (of the prompt), seconds, or a further column of the prompt file. "
        "With --format: write these alone.",
    ),
    listeners: Path | None = typer.Option(
        None,
        "--listeners",
        parser=typed,
        metavar="FILE",
        help="What `evalkit listen --collect` wrote: columns of the table, and a part of the page.",
    ),
    as_json: bool = json_option("Print the scores as JSON, for machines."),
) -> None:
    """Write one HTML page of runs, to look at and listen to.

    It has the leaderboard, failures, players, pictures and provenance, needs no network and opens from a
    double click. Runs of different suites, protocols or sizes get tables of their own. Figures of papers stand under
    runs of the same suite, length and protocol. The digests of a bundle's files are checked.

    With --format the tables alone are written, to stdout or --out: LaTeX (booktabs) and Markdown for a paper, CSV and
    JSON for machines, as reports/schema/ describes them; with --by those of the slices.

    \b
    Example:
      evalkit report runs/mini/*/* --format latex --out table.tex
      evalkit report runs/mini/stable-audio-mini/* --out compare.html
      evalkit report RUN --by genre --format csv --out genres.csv
    """
    from evalkit.report.board import boards
    from evalkit.report.formats import document
    from evalkit.report.latex import Style
    from evalkit.report.page import publish
    from evalkit.report.published import shipped
    from evalkit.report.shelf import folder_of as shelf_of
    from evalkit.report.slice_forms import records as slice_records

    published = () if no_published else shipped()
    wrong = _misfits(form, plus_minus or further, as_json, by)
    ears = None if listeners is None else wrong.read(None, _ears, listeners)
    asked = _Asked(by, ears, table)
    if form is not None:
        _write_tables(runs, out, form, Style(plus_minus, further), published, asked, wrong)
        return
    target = out or _beside(runs)
    with ExitStack() as open_bundles:
        folders, place = _folders(runs, target, asked, open_bundles, wrong)
        # A link is followed where a person named it; in a run folder it may be anybody's, and is replaced.
        page = target if out is None or place is None else place
        shown = publish(folders, page, audio.value, published, not no_reference, ears)
    tables = boards(shown, published, ears)
    if as_json:
        sliced = {} if by is None else {"slices": [each for board in tables for each in slice_records(board, by)]}
        print_json({"report": str(target), **document(tables), **sliced})
    else:
        print_boards(tables)
        if by is not None:
            print_slices(tables, by)
        say(f"report: {target}")
        if audio is Audio.all:
            say(f"its sounds: {shelf_of(target)}")


def _misfits(form: Form | None, styled: bool, as_json: bool, by: str | None) -> Gathering:
    """The options that do not go together."""
    wrong = wrong_words()
    wrong.require(
        by is None or not styled,
        "--plus-minus and --further shape the leaderboard, not the slices of --by",
        "leave them out",
    )
    alone = "--format json writes the scores alone, without a page"
    wrong.require(not as_json or form is None, "--json and --format are both given", alone)
    latex = "add --format latex, or leave them out"
    wrong.require(not styled or form is Form.latex, "--plus-minus and --further shape a LaTeX table", latex)
    return wrong


def _folders(
    runs: Sequence[Path],
    target: Path | None,
    asked: _Asked,
    open_bundles: ExitStack,
    wrong: Gathering,
) -> tuple[list[Path], Path | None]:
    """The runs' folders, and where their page or table goes. Raises UserError, before the work, with what was `wrong`
    before, with every run that is none, where the place cannot be, where no run has the column of --by, or was
    heard by the listeners, and where one is not of --table."""
    from evalkit.report.division import BY, require_known
    from evalkit.report.paper import require_table
    from evalkit.report.records import read_runs
    from evalkit.store.bundle import folder_of

    place = None if target is None else wrong.read(None, require_place, target)
    folders: list[Path] = []
    for run in runs:
        with wrong.look():
            folders.append(open_bundles.enter_context(folder_of(run)))
    by, ears, table = asked.by, asked.ears, asked.table
    named = by is not None and by not in BY
    looked_at = named or ears is not None or table is not None
    if folders and (wrong.errors or looked_at):  # else whoever reads them for good tells what they are
        with wrong.look():
            records = read_runs(folders)
            if by is not None and named:
                require_known(by, records)
            if ears is not None:
                _require_heard(ears, records)
            if table is not None:
                require_table(table, records)
    wrong.settle()
    return folders, place


def _write_tables(
    runs: Sequence[Path],
    out: Path | None,
    form: Form,
    style: Style,
    published: Sequence[Figure],
    asked: _Asked,
    wrong: Gathering,
) -> None:
    from evalkit.report.board import boards
    from evalkit.report.formats import FORMATS
    from evalkit.report.records import read_runs
    from evalkit.report.slice_forms import SLICE_FORMATS

    with ExitStack() as open_bundles:
        folders, place = _folders(runs, out, asked, open_bundles, wrong)
        records = read_runs(folders)
    if asked.by is None:
        text = FORMATS[form.value].write(boards(records, published, asked.ears), style)
    else:
        text = SLICE_FORMATS[form.value](boards(records), asked.by)
    if place is None:
        print_text(text)
    else:
        write_bytes(place, text.encode("utf-8"))
        say(f"{FORMATS[form.value].title}: {out}")


def _ears(file: Path) -> Ears:
    from evalkit.ratings.collected import read_collected
    from evalkit.report.ears import ears_of

    return ears_of(read_collected(file))


def _require_heard(ears: Ears, records: Sequence[RunRecord]) -> None:
    from evalkit.report.listeners import require_heard

    require_heard(ears.collected, records)


def _beside(runs: list[Path]) -> Path:
    """In the folder of the one run, or beside its bundle; here for several."""
    if len(runs) > 1:
        return Path("report.html")
    return runs[0] / "report.html" if runs[0].is_dir() else runs[0].with_suffix(".html")
