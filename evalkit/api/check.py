"""`evalkit.check`: a run held against a baseline file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from evalkit.api.compare import held, side_of
from evalkit.api.comparisons import Comparisons
from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.comparison.record import Record
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering, together
from evalkit.core.files import require_place
from evalkit.core.paths import typed
from evalkit.run.baseline import read_side
from evalkit.run.baseline import save_baseline as write_baseline
from evalkit.run.early import early
from evalkit.run.gate import judgeable
from evalkit.run.gates import Gate, parse_gates


@parameters_checked
@parameters_named()
def check(
    run: Run | str | Path,
    baseline: str | Path,
    metrics: Sequence[str] = (),
    *,
    tolerances: Mapping[str, float] | None = None,
    gates: Sequence[str] = (),
    strict: bool = False,
    stop_early: bool = False,
) -> Comparisons:
    """Hold a run against a baseline file: the gate of `evalkit check`.

    Parameters
    ----------
    run : Run, str or Path
        A run, its folder, or a bundle of it.
    baseline : str or Path
        A run's folder, a bundle, or a baseline file, as `evalkit check RUN --save --baseline FILE` or
        `evalkit.save_baseline` writes it.
    metrics : sequence of str, optional
        Metrics to judge; by default the baseline's headline metrics.
    tolerances : mapping of str to float, optional
        By metric, the loss that is accepted, in its own unit.
    gates : sequence of str, optional
        What is demanded, as "fd_openl3<=+2%" (a change), "clap_score>=-0.01" or "fd_openl3<=60" (a bound).
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
    wrong = Gathering()
    demands = wrong.read([], parse_gates, gates)
    return against(run, typed(baseline), metrics, tolerances or {}, strict, wrong, stop_early, demands)


def against(
    run: Run | str | Path,
    baseline: Path | None,
    metrics: Sequence[str],
    tolerances: Mapping[str, float],
    strict: bool,
    wrong: Gathering,
    stop_early: bool = False,
    gates: Sequence[Gate] = (),
) -> Comparisons:
    """As `check`, with errors in the words of the command line, and with them what was `wrong` with those; no baseline
    is needed by `gates` that are bounds."""
    if baseline is None and (not gates or metrics or tolerances or any(gate.kind != "bound" for gate in gates)):
        wrong.add(UserError("--baseline is missing", 'only bounds need none: --gate "fd_openl3<=60"'))
    side = wrong.read(None, side_of, run)
    other = side if baseline is None else wrong.read(None, read_side, baseline)
    found = held(side, other, metrics, tolerances, strict, wrong, gates)
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
    kept, place = together(partial(kept_of, run, metrics), partial(require_place, typed(path)))
    write_baseline(kept, place)


def kept_of(run: Run | str | Path, metrics: Sequence[str]) -> Record:
    """What a baseline of this run holds. Raises UserError as `save_baseline` does."""
    return judgeable(side_of(run), metrics)
