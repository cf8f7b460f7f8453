"""`evalkit.check`: a run held against a baseline file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.api.compare import Comparisons, baseline_side, held, side_of
from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.comparison.record import Record
from evalkit.core.files import require_place
from evalkit.core.paths import typed
from evalkit.run.baseline import save_baseline as write_baseline
from evalkit.run.early import early
from evalkit.run.gate import judgeable


@parameters_checked
@parameters_named()
def check(
    run: Run | str | Path,
    baseline: str | Path,
    metrics: Sequence[str] = (),
    *,
    tolerances: Mapping[str, float] | None = None,
    strict: bool = False,
    stop_early: bool = False,
) -> Comparisons:
    """Hold a run against a baseline file: the gate of `evalkit check`.

    Parameters
    ----------
    run : Run, str or Path
        A run, its folder, or a bundle of it.
    baseline : str or Path
        A baseline file, as `evalkit check RUN --save --baseline FILE` or `evalkit.save_baseline` writes it, or a bundle
        of a run.
    metrics : sequence of str, optional
        Metrics to judge; by default the baseline's headline metrics.
    tolerances : mapping of str to float, optional
        By metric, the loss that is accepted, in its own unit.
    strict : bool
        Whether what cannot be told does not pass.
    stop_early : bool
        Whether means of prompts are judged source after source, by intervals that hold together: `decided_after` says
        after how many prompts that was. A distance of sets is judged at the end.

    Returns
    -------
    Comparisons
        By metric, with `passed`.

    Raises
    ------
    UserError
        For an unknown metric, an unfinished run, or a file that is no baseline.

    Examples
    --------
    >>> import evalkit
    >>> run = evalkit.run("mock", limit=6)
    >>> evalkit.save_baseline(run, "mock.json")
    >>> evalkit.check(run, "mock.json").passed
    True
    """
    return against(run, typed(baseline), metrics, tolerances, strict, stop_early)


def against(
    run: Run | str | Path,
    baseline: Path,
    metrics: Sequence[str],
    tolerances: Mapping[str, float] | None,
    strict: bool,
    stop_early: bool = False,
) -> Comparisons:
    """As `check`, with errors in the words of the command line."""
    found = held(side_of(run), baseline_side(baseline), metrics, tolerances, strict)
    return replace(found, comparisons=early(found.run, found.baseline, found.comparisons)) if stop_early else found


@parameters_checked
@parameters_named()
def save_baseline(run: Run | str | Path, path: str | Path, metrics: Sequence[str] = ()) -> None:
    """Write a run as a baseline file.

    Parameters
    ----------
    run : Run, str or Path
        A run that ended well, or its folder.
    path : str or Path
        The file, which is replaced where it is there.
    metrics : sequence of str, optional
        The metrics that are kept; by default all.

    Raises
    ------
    UserError
        For a run that no other could be held against, and where the file cannot be written.

    Examples
    --------
    >>> import evalkit
    >>> evalkit.save_baseline(evalkit.run("mock", limit=6), "mock.json", metrics=["clap_score"])
    """
    saved(run, typed(path), metrics)


def saved(run: Run | str | Path, path: Path, metrics: Sequence[str]) -> Record:
    """Write the baseline, and return what is in it."""
    kept = judgeable(side_of(run), metrics)
    write_baseline(kept, require_place(path))
    return kept
