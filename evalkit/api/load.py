"""`evalkit.load`: a run from its folder."""

from __future__ import annotations

from pathlib import Path

from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.core.paths import typed


@parameters_checked
@parameters_named()
def load(folder: str | Path) -> Run:
    """Read a run's folder, whoever made it.

    Parameters
    ----------
    folder : str or Path
        The folder of a run: it holds a run.json.

    Returns
    -------
    Run
        The run as it stands there. One that is not finished has no scores, and `unfinished` says why.

    Raises
    ------
    UserError
        Where it is no run's folder, or one of its files is damaged.

    Examples
    --------
    >>> import evalkit
    >>> run = evalkit.run("mock", limit=4)
    >>> evalkit.load(run.folder).scores == run.scores
    True
    """
    return loaded(typed(folder))


def loaded(folder: Path, notes: tuple[str, ...] = (), reused: bool = False) -> Run:
    """The run in a folder, with what was told while it was made."""
    from evalkit.report.records import read_run

    return Run(read_run(folder), folder, notes, reused)
