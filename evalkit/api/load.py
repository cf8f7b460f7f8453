"""`evalkit.load`: a run from its folder."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from weakref import finalize

from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.core.paths import is_folder, is_there, typed


@parameters_checked
@parameters_named()
def load(folder: str | Path) -> Run:
    """Read a run's folder or a bundle of it, whoever made it.

    Parameters
    ----------
    folder : str or Path
        The folder of a run, which holds a run.json; or a file of `evalkit bundle`, whose digests are checked.

    Returns
    -------
    Run
        The run as it stands there. One that is not finished has no scores, and `unfinished` says why.

    Raises
    ------
    UserError
        Where it is neither, or one of its files is damaged.

    Examples
    --------
    >>> import evalkit
    >>> run = evalkit.run("mock", limit=4)
    >>> evalkit.load(run.folder).scores == run.scores
    True
    """
    place = typed(folder)
    return loaded(place) if is_folder(place) or not is_there(place) else _unpacked(place)


def loaded(folder: Path, notes: tuple[str, ...] = (), reused: bool = False) -> Run:
    """The run in a folder, with what was told while it was made."""
    from evalkit.report.records import read_run

    return Run(read_run(folder), folder, notes, reused)


def _unpacked(bundle: Path) -> Run:
    """The run in a bundle, whose files are kept in a temporary folder for as long as somebody has the run."""
    from evalkit.report.records import read_run
    from evalkit.store.bundle import opened

    with ExitStack() as unpacking:
        folder = unpacking.enter_context(opened(bundle))
        record = read_run(folder)
        side = None if record.side is None else replace(record.side, source=str(bundle))
        run = Run(record, folder, side=side, bundle=bundle)
        finalize(run, unpacking.pop_all().close)
    return run
