"""`evalkit listen --collect`: answers read with the study's key, told scale by scale, and kept as one file of
ratings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.cli.output import print_json, print_sheet, say, warn
from evalkit.cli.words import wrong_words
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.files import require_place
from evalkit.core.paths import is_folder

if TYPE_CHECKING:
    from evalkit.listening.study import Study
    from evalkit.ratings.collected import Collected
    from evalkit.ratings.heard import HeardScale

MOST_ANSWERS = 2000
USUAL = Path("ratings.json")


def sorted_out(typed: Sequence[Path], runs: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """(answer files, run folders) of what was typed after --collect and --runs: a shell puts what a pattern matched
    after the option it was typed for, where only the first is the option's own."""
    answers: list[Path] = []
    folders = list(runs)
    for path in typed:
        if is_folder(path) and not (path / "run.json").exists():
            inside = sorted(each for each in path.iterdir() if each.suffix == ".json" and each.is_file())
            if not inside:
                raise UserError(f"{path}: holds no answers", "name the .json files that listeners sent")
            answers += inside
        elif is_folder(path) or path.suffix == ".zip":
            folders.append(path)
        else:
            answers.append(path)
    if len(answers) > MOST_ANSWERS:
        raise UserError(f"{len(answers):,} answers are more than the {MOST_ANSWERS:,} that are read at once")
    return list(dict.fromkeys(answers)), list(dict.fromkeys(folders))


def collect_answers(
    answers: Sequence[Path], key: Path | None, runs: Sequence[Path], out: Path, keep_failed: bool, as_json: bool
) -> None:
    """Read, tell and keep. Raises UserError for whatever is not the study's, before anything is written."""
    from evalkit.listening.answers import read_sheets
    from evalkit.listening.study import read_key
    from evalkit.ratings.collected import collect, write_collected
    from evalkit.ratings.heard import heard

    wrong = wrong_words()
    place = wrong.read(None, require_place, out)
    wrong.require(key is not None, "--collect needs the study's key", "name it: --key listen.key.json")
    study, _ = (None, "") if key is None else wrong.read((None, ""), read_key, key)
    # A folder of answers may hold the key, and what was made of them before.
    ours = {path.resolve() for path in (key, out) if path is not None}
    sent = [path for path in answers if path.resolve() not in ours]
    wrong.require(bool(sent), "--collect has no answer files", "name the .json files that listeners sent")
    sheets = () if study is None else wrong.read((), read_sheets, sent, study)
    if study is not None:
        _look_for_runs(study, runs, wrong)
    wrong.settle()
    assert study is not None and place is not None, "else that is told"
    found = collect(study, sheets, keep_failed)
    scales = heard(found)
    write_collected(found, place)
    if as_json:
        print_json(_as_json(found, scales, out))
        return
    _print(found, scales)
    say(f"ratings: {out}")
    say(f"beside the metrics: evalkit report RUN... --listeners {out}")
    if found.scores:
        say(f"how the metrics agree: evalkit agree {out} --runs RUN...")


def _look_for_runs(study: Study, runs: Sequence[Path], wrong: Gathering) -> None:
    """Keep every named run that is none of the study."""
    from evalkit.store.bundle import folder_of
    from evalkit.store.state import read_state

    known = {run.id: run.name for run in study.runs}
    for run in runs:
        with wrong.look(), folder_of(run) as folder:
            identifier = str(read_state(folder).facts.get("run_id"))
            told = ", ".join(f"{name} ({each})" for each, name in known.items())
            wrong.require(identifier in known, f"{run}: is no run of this study", f"it is of {told}")


def _print(found: Collected, scales: Sequence[HeardScale]) -> None:
    from evalkit.ratings.parts import parts, study_notes

    for part in parts(found, scales):
        for sheet in part.sheets:
            print_sheet(sheet)
        for note in part.notes:
            say(note)
    for note in study_notes(found):
        (warn if "left out" in note else say)(note)


def _as_json(found: Collected, scales: Sequence[HeardScale], out: Path) -> dict[str, Any]:
    from evalkit.ratings.as_json import described, ends

    return {
        "study": found.study,
        "form": found.form,
        "ratings": str(out),
        "listeners": found.listeners,
        "incomplete": found.incomplete,
        "left_out": [asdict(each) for each in found.left_out],
        "scales": [
            {
                "scale": scale.asked.name,
                "votes": scale.votes,
                "systems": [
                    {
                        "system": each.system,
                        "name": found.names[each.system],
                        **ends(each.value, each.interval),
                        "listeners": each.listeners,
                        "ratings": each.ratings,
                        "counts": dict(each.counts),
                    }
                    for each in scale.heard
                ],
                "differences": [
                    {"first": one, "second": other, "value": d.value, "low": d.low, "high": d.high, "p": d.p}
                    for (one, other), d in scale.differences.items()
                ],
                "agreement": None if scale.described is None else described(scale.described),
                "notes": list(scale.notes),
            }
            for scale in scales
        ],
    }
