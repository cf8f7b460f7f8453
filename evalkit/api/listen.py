"""`evalkit.listen`: a listening test from runs; `evalkit.collect`: what listeners answered."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
class ListeningTest:
    """A test that was built: `page` is what listeners open, `key` the author's file that tells whose sounds these are;
    `told` says what a test of this size can see, and what was left out."""

    page: Path
    key: Path
    told: tuple[str, ...]


@parameters_checked
@parameters_named()
def listen(
    *runs: Run | str | Path,
    out: str | Path = "listen",
    kind: Literal["mos", "ab", "mushra"] = "mos",
    scales: Sequence[str] = (),
    prompts: int | None = None,
    listeners: int | None = None,
    ratings_per_clip: int | None = None,
    seed: int = 0,
    loudness: Literal["matched", "as-is"] = "matched",
    post: str = "",
) -> ListeningTest:
    """Build a listening test from runs, as `evalkit listen` does.

    Parameters
    ----------
    *runs : Run, str or Path
        Finished runs of one suite, their folders, or bundles of them.
    out : str or Path
        A folder, or one FILE.html. The key lies beside it.
    kind : {"mos", "ab", "mushra"}
        Whether listeners rate sounds one by one, prefer one of two, or rate all beside a reference.
    scales : sequence of str, optional
        What is asked: "quality", "alignment", "musicality", "stereo", "structure"; by default the first two.
    prompts, listeners, ratings_per_clip : int, optional
        How many prompts are drawn (24), for how many listeners (20), and how many of them hear each clip.
    seed : int
        Draws the prompts and each listener's order.
    loudness : {"matched", "as-is"}
        Whether a prompt's sounds are brought to one loudness.
    post : str
        The address that answers may also be sent to.

    Returns
    -------
    ListeningTest
        Where the page and the key are.

    Raises
    ------
    UserError
        For runs that make no common study, and for sounds that cannot be used: all of them at once.

    Examples
    --------
    >>> import evalkit
    >>> runs = [evalkit.run("mock", limit=2), evalkit.run("mock", limit=2, seed=1)]
    >>> evalkit.listen(*runs, out="test", listeners=4).page.name
    'index.html'
    """
    from evalkit.listening.build import Wish, outline, told
    from evalkit.listening.make import make, place_of
    from evalkit.store.bundle import folder_of

    wrong = Gathering()
    wrong.require(loudness in ("matched", "as-is"), f"--loudness {loudness!r:.40} is none of matched, as-is")
    matched = loudness == "matched"
    asked = tuple(scales) or None
    wish = Wish(kind, asked, prompts, listeners, ratings_per_clip, seed, matched, post)
    place = wrong.read(None, place_of, typed(out))
    with ExitStack() as bundles:
        folders = [wrong.read(Path(), lambda run: bundles.enter_context(folder_of(_folder(run))), run) for run in runs]
        plan = outline(folders, wish, wrong)
        assert place is not None, "else that is told"
        made = make(plan, place)
    return ListeningTest(place.index, place.key, (*told(plan, made.study), *made.notes))


def _folder(run: Run | str | Path) -> Path:
    if not isinstance(run, Run):
        return typed(run)
    if run.folder is None:
        raise UserError("a run in memory has no sounds to listen to", "name the folder of a run")
    return run.folder


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
    folders = [each for run in runs if (each := wrong.read(None, _folder, run)) is not None]
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
