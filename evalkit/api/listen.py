"""`evalkit.listen`: a listening test from runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.paths import typed


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
        folders = [
            wrong.read(Path(), lambda run: bundles.enter_context(folder_of(folder_of_run(run))), run) for run in runs
        ]
        plan = outline(folders, wish, wrong)
        assert place is not None, "else that is told"
        made = make(plan, place)
    return ListeningTest(place.index, place.key, (*told(plan, made.study), *made.notes))


def folder_of_run(run: Run | str | Path) -> Path:
    """Where a run lies. Raises UserError for one in memory."""
    if not isinstance(run, Run):
        return typed(run)
    if run.folder is None:
        raise UserError("a run in memory has no sounds to listen to", "name the folder of a run")
    return run.folder
