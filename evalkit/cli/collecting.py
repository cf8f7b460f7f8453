"""`evalkit listen --collect`: answers read with the study's key, told scale by scale, and kept as one file of
ratings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cli.output import print_json, print_sheet, say, warn
from evalkit.core.files import require_place
from evalkit.core.paths import is_folder

if TYPE_CHECKING:
    from evalkit.core.faults import Gathering
    from evalkit.ratings.collected import Collected
    from evalkit.ratings.heard import HeardScale

MOST_ANSWERS = 2000
USUAL = Path("ratings.json")


def sorted_out(typed: Sequence[Path], runs: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """(answer files, run folders) of what was typed after --collect and --runs: a shell puts what a pattern matched
    after the option it was typed for, where only the first is the option's own."""
    from evalkit.api.collect import files_of

    answers: list[Path] = []
    folders = list(runs)
    for path in typed:
        if path.suffix == ".zip" or (is_folder(path) and (path / "run.json").exists()):
            folders.append(path)
        else:
            answers += files_of(path)
    return answers, list(dict.fromkeys(folders))


def collect_answers(
    answers: Sequence[Path],
    key: Path | None,
    runs: Sequence[Path],
    out: Path,
    keep_failed: bool,
    as_json: bool,
    wrong: Gathering,
) -> None:
    """Read, tell and keep. Raises UserError for whatever is not the study's, with what was `wrong` with the words,
    before anything is written."""
    from evalkit.api.collect import read_answers

    wrong.read(None, require_place, out)
    listened = read_answers(answers, key, runs, keep_failed, wrong, out)
    listened.save(out)
    found = listened.collected
    if as_json:
        print_json({"ratings": str(out), **listened.to_dict()})
        return
    _print(found, listened.scales)
    say(f"ratings: {out}")
    say(f"beside the metrics: evalkit report RUN... --listeners {out}")
    if found.scores:
        say(f"how the metrics agree: evalkit agree {out} --runs RUN...")


def _print(found: Collected, scales: Sequence[HeardScale]) -> None:
    from evalkit.ratings.parts import parts, study_notes

    for part in parts(found, scales):
        for sheet in part.sheets:
            print_sheet(sheet)
        for note in part.notes:
            say(note)
    for note in study_notes(found):
        (warn if "left out" in note else say)(note)
