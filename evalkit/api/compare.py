"""`evalkit.compare`: two runs held against one another, by the gate's arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.api.frames import data_frame
from evalkit.api.html import Html, table
from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.comparison.record import Record, read_run
from evalkit.core.errors import unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.paths import is_folder, is_there, typed
from evalkit.core.text import one_line
from evalkit.report.text import MISSING, figure
from evalkit.run.gate import Comparison, passes, require_judgeable, unjudged, unlike_machines, without_spread
from evalkit.run.gate import check as judged
from evalkit.run.gates import Gate
from evalkit.store.bundle import opened

if TYPE_CHECKING:
    from evalkit.api.frames import DataFrame


@dataclass(frozen=True, eq=False, repr=False)
class Comparisons(Mapping[str, Comparison]):
    """A run held against another one or a baseline: by metric, a `Comparison`.

    Parameters
    ----------
    run, baseline : evalkit.run.baseline.Record
        The two sides.
    comparisons : sequence of Comparison
        Of each metric: `verdict` ("pass", "worse", "inconclusive", "invalid") and its `reason`; `current`, `baseline`,
        their `difference` with its 95 % interval `low` to `high`, and `detectable`, the smallest loss that would be
        seen four times of five.
    strict : bool
        Whether what cannot be told does not pass.

    Examples
    --------
    >>> import evalkit
    >>> found = evalkit.compare(evalkit.run("mock", limit=6, seed=1), evalkit.run("mock", limit=6))
    >>> found["clap_score"].method
    'paired'
    """

    run: Record
    baseline: Record
    comparisons: Sequence[Comparison]
    strict: bool = False

    @property
    def passed(self) -> bool:
        """Was something compared, and nothing worse or invalid (nor inconclusive, if strict)?"""
        return passes(self.comparisons, self.strict)

    @property
    def notes(self) -> Sequence[str]:
        """What is to be known of the comparison: another machine than the baseline's, prompts that are all equal, what
        was not compared."""
        told = [*unlike_machines(self.run, self.baseline), *without_spread(self.run, list(self))]
        if self.new and not self.alone:
            told.append(f"not in the baseline, not compared: {', '.join(self.new)}")
        if self.apart and not self.alone:
            told.append(f"further measures, not judged unless --metric names them: {', '.join(self.apart)}")
        return told

    @property
    def alone(self) -> bool:
        """Is the run held against bounds only, without a baseline?"""
        return self.run is self.baseline

    @property
    def against(self) -> str:
        """What the run is held against, in words."""
        return "against bounds alone" if self.alone else f"against {one_line(self.baseline.source, 200)}"

    @property
    def new(self) -> Sequence[str]:
        """Metrics of the run that the baseline does not have."""
        return sorted(self.run.metrics.keys() - self.baseline.metrics.keys())

    @property
    def apart(self) -> Sequence[str]:
        """Further measures of the baseline, which are judged only where they are named."""
        return sorted(set(unjudged(self.baseline)) - set(self))

    def table(self) -> DataFrame:
        """A pandas table, a row per metric. Raises UserError where pandas is not installed."""
        return data_frame("metric", [asdict(each) for each in self.comparisons])

    def __getitem__(self, metric: str) -> Comparison:
        for each in self.comparisons:
            if each.metric == metric:
                return each
        raise KeyError(str(unknown_name("metric that was compared", metric, self)))

    def __iter__(self) -> Iterator[str]:
        return (each.metric for each in self.comparisons)

    def __len__(self) -> int:
        return len(self.comparisons)

    def __str__(self) -> str:
        verdicts = ", ".join(f"{each.metric} {each.verdict}" for each in self.comparisons)
        return f"{'pass' if self.passed else 'FAIL'}: {verdicts}"

    def __repr__(self) -> str:
        return f"<Comparisons {self}>"

    def _repr_html_(self) -> str:
        """A small table; every text is escaped."""
        headers = ("metric", "better", "run", "baseline", "difference", "95 % interval", "n", "verdict")
        both = (self.run, self.baseline)
        run, baseline = (f"{one_line(side.model.get('name'), 100)} ({one_line(side.source, 100)})" for side in both)
        sides = f"{run} against {baseline}"
        parts = Html().line(sides).add(table(headers, [_row(each) for each in self.comparisons]))
        for each in self.comparisons:
            parts.line(f"{each.metric}: {each.reason}" if each.reason else "")
        return str(parts)


def _row(each: Comparison) -> list[object]:
    spread = MISSING if each.low is None else f"[{figure(each.low, 3)}, {figure(each.high, 3)}]"
    numbers = [figure(each.current), figure(each.baseline), figure(each.difference, 3), spread]
    return [each.metric, each.direction, *numbers, each.n, each.verdict]


@parameters_checked
@parameters_named()
def compare(
    run: Run | str | Path,
    other: Run | str | Path,
    metrics: Sequence[str] = (),
    *,
    tolerances: Mapping[str, float] | None = None,
    strict: bool = False,
) -> Comparisons:
    """Hold a run against another one.

    Where both have values by prompt the differences are paired by prompt, else by the folds that both left out: what
    the prompts alone decide cancels.

    Parameters
    ----------
    run : Run, str or Path
        The run that is judged, its folder, or a bundle of it.
    other : Run, str or Path
        The run that it is held against; differences are `run` minus `other`.
    metrics : sequence of str, optional
        Metrics to compare; by default those that rank.
    tolerances : mapping of str to float, optional
        By metric, the loss that is accepted, in its own unit.
    strict : bool
        Whether what cannot be told does not pass.

    Returns
    -------
    Comparisons
        By metric, with `passed`, `table()` and a table in a notebook.

    Raises
    ------
    UserError
        For an unknown metric, one without a better side, an unfinished run, or no metric at all.

    Examples
    --------
    >>> import evalkit
    >>> run = evalkit.run("mock", limit=6)
    >>> evalkit.compare(run, run).passed
    True
    """
    wrong = Gathering()
    sides = (wrong.read(None, side_of, run), wrong.read(None, side_of, other))
    return held(*sides, metrics, tolerances or {}, strict, wrong)


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
        return _at(typed(run))
    if run.side is not None:
        return run.side
    assert run.folder is not None, "a run is on the disk, or brings its side along"
    return read_run(run.folder)


def _at(place: Path) -> Record:
    """The run in a folder, or in a file of `evalkit bundle`, under the name of that file."""
    if is_folder(place) or not is_there(place):
        return read_run(place)
    with opened(place) as folder:
        return replace(read_run(folder), source=str(place))
