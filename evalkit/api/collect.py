"""`evalkit.collect`: what listeners answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.api.listen import folder_of_run
from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.files import require_place
from evalkit.core.paths import is_folder, typed

if TYPE_CHECKING:
    from evalkit.listening.study import Study
    from evalkit.ratings.collected import Collected, LeftOut
    from evalkit.ratings.heard import HeardScale

MOST_ANSWERS = 2000


@dataclass(frozen=True)
class Listened:
    """What listeners said: `collected` has every rating, `scales` what they come to: means or scores with intervals,
    differences, agreement."""

    collected: Collected
    scales: tuple[HeardScale, ...]

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """Who failed a check and does not count, with the reason."""
        return self.collected.left_out

    def save(self, path: str | Path) -> None:
        """Write the file that `evalkit report --listeners` and `evalkit agree` read. Raises UserError where it cannot
        be written."""
        from evalkit.ratings.collected import write_collected

        write_collected(self.collected, require_place(typed(path)))

    def to_dict(self) -> dict[str, Any]:
        """As `evalkit listen --collect --json` prints it."""
        from evalkit.ratings.as_json import heard

        return heard(self.collected, self.scales)


@parameters_checked
@parameters_named()
def collect(
    answers: str | Path | Sequence[str | Path],
    key: str | Path,
    runs: Sequence[Run | str | Path] = (),
    *,
    keep_failed: bool = False,
) -> Listened:
    """Read what listeners sent, as `evalkit listen --collect` does.

    Parameters
    ----------
    answers : str, Path or sequence of them
        The files, or a folder of them.
    key : str or Path
        The study's .key.json.
    runs : sequence of Run, str or Path
        Runs that the study must be of.
    keep_failed : bool
        Whether listeners who failed a check count, too.

    Returns
    -------
    Listened
        Means or scores by scale, and who was left out.

    Raises
    ------
    UserError
        For files that are not as the page of this study wrote them: all of their faults at once.

    Examples
    --------
    >>> import evalkit
    >>> evalkit.collect("answers", "listen.key.json")  # doctest: +SKIP
    """
    wrong = Gathering()
    typed_ones = [answers] if isinstance(answers, str | Path) else list(answers)
    named = [path for each in typed_ones for path in wrong.read([], files_of, typed(each))]
    folders = [each for run in runs if (each := wrong.read(None, folder_of_run, run)) is not None]
    return read_answers(named, typed(key), folders, keep_failed, wrong)


def files_of(path: Path) -> list[Path]:
    """The answer files of a folder, or the one file."""
    if not is_folder(path):
        return [path]
    inside = sorted(each for each in path.iterdir() if each.suffix == ".json" and each.is_file())
    if not inside:
        raise UserError(f"{path}: holds no answers", "name the .json files that listeners sent")
    return inside


def read_answers(
    answers: Sequence[Path],
    key: Path | None,
    runs: Sequence[Path],
    keep_failed: bool,
    wrong: Gathering,
    out: Path | None = None,
) -> Listened:
    """As `collect`, with errors in the words of the command line, and with them what was `wrong` with those. A folder
    of answers may hold the key, and in `out` what was made of them before."""
    from evalkit.listening.answers import read_sheets
    from evalkit.listening.study import read_key
    from evalkit.ratings.collected import collect as put_together
    from evalkit.ratings.heard import heard

    wrong.require(key is not None, "--collect needs the study's key", "name it: --key listen.key.json")
    study, _ = (None, "") if key is None else wrong.read((None, ""), read_key, key)
    ours = {path.resolve() for path in (key, out) if path is not None}
    sent = [path for path in dict.fromkeys(answers) if path.resolve() not in ours]
    wrong.require(bool(sent), "--collect has no answer files", "name the .json files that listeners sent")
    few = len(sent) <= MOST_ANSWERS
    wrong.require(few, f"{len(sent):,} answers are more than the {MOST_ANSWERS:,} that are read at once")
    sheets = wrong.read((), read_sheets, sent, study) if study is not None and few else ()
    if study is not None:
        _look_for_runs(study, runs, wrong)
    wrong.settle()
    assert study is not None, "else that is told"
    found = put_together(study, sheets, keep_failed)
    return Listened(found, tuple(heard(found)))


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
