"""`evalkit.compare`: two or more runs held against one another, by the arithmetic of board and gate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.api.comparisons import Compared, Comparisons
from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.comparison.pairs import pairs
from evalkit.comparison.record import Record, read_run
from evalkit.core.errors import unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.letters import letters
from evalkit.core.paths import typed
from evalkit.run.baseline import read_side
from evalkit.run.gate import check as judged
from evalkit.run.gate import require_judgeable
from evalkit.run.gates import Gate


@parameters_checked
@parameters_named()
def compare(
    run: Run | str | Path,
    *others: Run | str | Path,
    metrics: Sequence[str] = (),
    tolerances: Mapping[str, float] | None = None,
    strict: bool = False,
) -> Compared:
    """Hold two or more runs against one another.

    Where both of two have values by prompt the differences are paired by prompt, else by the folds that both left out:
    what the prompts alone decide cancels. Where sounds failed, means are compared over the prompts that both have.

    Parameters
    ----------
    run : Run, str or Path
        A run, its folder, a bundle of it, or a baseline file.
    *others : Run, str or Path
        One or more that it is held against.
    metrics : sequence of str, optional
        Metrics to compare; by default those that rank.
    tolerances : mapping of str to float, optional
        By metric, the loss against the others that is accepted of `run`, in its own unit.
    strict : bool
        Whether what cannot be told does not pass.

    Returns
    -------
    Compared
        By metric, the verdict on `run` against the other, with the difference `run` minus the other; `pairs`, every two
        of the runs with p adjusted for all; `passed`, `moved(metric)`, `table()` and a table in a notebook.

    Raises
    ------
    UserError
        For an unknown metric, one without a better side, an unfinished run, no metric at all, or one run alone.

    Examples
    --------
    >>> import evalkit
    >>> run = evalkit.run("mock", limit=6)
    >>> evalkit.compare(run, run).passed
    True
    """
    wrong = Gathering()
    wrong.require(bool(others), "one run has nothing to be compared with", "name two or more")
    sides = [wrong.read(None, side_of, each) for each in (run, *others)]
    first, *rest = sides
    each_held = [held(first, other, metrics, tolerances or {}, strict, wrong) for other in rest or [first]]
    verdicts = [
        each if len(rest) == 1 else replace(each, metric=f"{each.metric}, A − {letters(place)}")
        for place, found in enumerate(each_held, start=1)
        for each in found.comparisons
    ]
    known = [each.run for each in each_held[:1]] + [each.baseline for each in each_held]
    names = metrics_of(known, metrics, wrong)
    wrong.settle()
    return Compared(known[0], known[1], verdicts, strict, each_held, pairs(known, names))


def metrics_of(sides: Sequence[Record], named: Sequence[str], wrong: Gathering) -> list[str]:
    """Those named, else the headline metrics of the runs, in the first one's order. `wrong` gets all others."""
    scores = {name: score for side in reversed(sides) for name, score in side.metrics.items()}
    for name in named:
        if name not in scores:
            wrong.add(unknown_name("metric of these runs", name, sorted(scores)))
    ranked = [n for n, score in scores.items() if score.get("headline") is not False and _has_side(score)]
    found = list(dict.fromkeys(named)) or ranked
    hint = f"name one: --metric {next(iter(scores), 'NAME')}"
    wrong.require(bool(found), "these runs have no headline metric", hint)
    return found


def _has_side(score: Mapping[str, Any]) -> bool:
    return score.get("direction") in ("lower", "higher")


def held(
    run: Record | None,
    baseline: Record | None,
    metrics: Sequence[str],
    tolerances: Mapping[str, float],
    strict: bool,
    wrong: Gathering,
    gates: Sequence[Gate] = (),
) -> Comparisons:
    """The comparisons of two sides; `wrong` is what is wrong with them (None, where one cannot be read) and with the
    words. Raises UserError with that and with all that `compare` refuses."""
    for name, value in tolerances.items():
        wrong.require(0 <= value < math.inf, f"--tolerance {name}={value}: a value of 0 or more is needed")
    one, other = run or baseline, baseline or run
    if wrong.errors and one is not None and other is not None:
        with wrong.look():
            require_judgeable(one, other, metrics, tolerances, gates)
    wrong.settle()
    assert run is not None and baseline is not None, "what cannot be read is told"
    return Comparisons(run, baseline, judged(run, baseline, metrics, tolerances, gates), strict)


def side_of(run: Run | str | Path) -> Record:
    """A run as the gate reads it."""
    if not isinstance(run, Run):
        return read_side(typed(run))
    if run.side is not None:
        return run.side
    assert run.folder is not None, "a run is on the disk, or brings its side along"
    return read_run(run.folder)
