"""`evalkit.plan`: how many prompts a comparison takes, before it is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.api.compare import side_of
from evalkit.api.frames import data_frame
from evalkit.api.html import Html, table
from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.comparison.foresight import Foresight, foresee
from evalkit.comparison.record import Record, number
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.text import one_line
from evalkit.report.text import figure
from evalkit.run.config import at_least_one

if TYPE_CHECKING:
    from evalkit.api.frames import DataFrame


@dataclass(frozen=True, eq=False, repr=False)
class Foreseen(Mapping[str, Foresight]):
    """What a comparison with a baseline will see: by metric, a `Foresight`.

    Parameters
    ----------
    baseline : evalkit.comparison.record.Record
        The run that is to be compared with.
    foresights : sequence of Foresight
        Of each metric: the `change` that is to be seen, four times of five at 95 %; how many prompts are `needed` for
        it (None: over ten million); the smallest change that the baseline's own `prompts` see (`sees`); the `error` of
        the difference at these; and on what `ground` its spread from seed to seed is known ("assumed", or measured).

    Examples
    --------
    >>> import evalkit
    >>> found = evalkit.plan(evalkit.run("mock", limit=8), {"clap_score": "10%"})
    >>> found["clap_score"].kind, found["clap_score"].ground
    ('mean of prompts', 'assumed')
    """

    baseline: Record
    foresights: Sequence[Foresight]

    def table(self) -> DataFrame:
        """A pandas table, a row per metric. Raises UserError where pandas is not installed."""
        return data_frame("metric", [asdict(each) for each in self.foresights])

    def __getitem__(self, metric: str) -> Foresight:
        for each in self.foresights:
            if each.metric == metric:
                return each
        raise KeyError(str(unknown_name("metric that was asked for", metric, self)))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(each.metric for each in self.foresights))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return f"<Foreseen {', '.join(f'{each.metric} {_needed(each)}' for each in self.foresights)}>"

    def _repr_html_(self) -> str:
        """A small table; every text is escaped."""
        headers = ("metric", "baseline", "to be seen", "prompts needed", "seen by the baseline's", "from seed to seed")
        rows = [
            [each.metric, figure(each.value), figure(each.change, 3), _needed(each), figure(each.sees, 3), each.ground]
            for each in self.foresights
        ]
        return str(Html().line(f"against {one_line(self.baseline.source, 200)}").add(table(headers, rows)))


def _needed(each: Foresight) -> str:
    return "over 10 million" if each.needed is None else f"{each.needed:,}"


@parameters_checked
@parameters_named()
def plan(
    baseline: Run | str | Path,
    detect: Mapping[str, str | float],
    *,
    twin: Run | str | Path | None = None,
    samples: int | None = None,
    correlation: float = 0.0,
) -> Foreseen:
    """Say how many prompts see a change, four times of five, at 95 %.

    It is the gate of `evalkit.check` that is foreseen: two runs on the same prompts, compared prompt by prompt. A model
    that has changed is taken to be better or worse on all prompts alike.

    Parameters
    ----------
    baseline : Run, str or Path
        What is going to be compared with: a run, its folder, a bundle of it, or a baseline file.
    detect : mapping of str to str or float
        By metric, the change that is to be seen: "5%" of the baseline's value, or one in its own unit.
    twin : Run, str or Path, optional
        A second run of the baseline's model with another seed: what its figures differ by is then measured.
    samples : int, optional
        Sounds per prompt, on both sides; by default the baseline's.
    correlation : float
        Where it is not measured: how alike two sounds of one prompt score, from 0 to under 1; 0 asks for the most.

    Returns
    -------
    Foreseen
        By metric, with `table()` and a table in a notebook.

    Raises
    ------
    UserError
        For what is no change, a metric that the baseline does not have or whose spread it does not hold, or a twin that
        cannot be compared with it.

    Examples
    --------
    >>> import evalkit
    >>> run = evalkit.run("mock", limit=8)
    >>> few, many = (evalkit.plan(run, {"clap_score": change})["clap_score"].needed for change in ("50%", "5%"))
    >>> few < many
    True
    """
    wrong = Gathering()
    side = wrong.read(None, side_of, baseline)
    other = None if twin is None else wrong.read(None, side_of, twin)
    wanted = [(metric, str(change)) for metric, change in detect.items()]
    return foreseen(side, wanted, other, samples, correlation, wrong)


def foreseen(
    baseline: Record | None,
    wanted: Sequence[tuple[str, str]],
    twin: Record | None,
    samples: int | None,
    correlation: float,
    wrong: Gathering,
) -> Foreseen:
    """As `plan`, of (metric, change as it was typed); `wrong` is what is wrong with the sides (None, where
    one cannot be read). Raises UserError with that and with everything that is mistyped."""
    wrong.require(bool(wanted), "--detect is missing", "say which change is to be seen: fd_openl3=5%")
    wrong.require(0 <= correlation < 1, f"--correlation {correlation:g}: a value from 0 to under 1 is needed")
    samples = wrong.read(None, at_least_one, "--samples", samples)
    changes = [wrong.read(0.0, _change, metric, told, baseline) for metric, told in wanted]
    wrong.settle()
    assert baseline is not None, "a baseline that cannot be read is told"
    found = [
        foresee(metric, change, baseline, samples, correlation, twin)
        for (metric, _), change in zip(wanted, changes, strict=True)
    ]
    return Foreseen(baseline, found)


def _change(metric: str, told: str, side: Record | None) -> float:
    """The change in the metric's own unit, of 5% or 0.01. Raises UserError."""
    text, share = f"{metric}={told}" if told else metric, told.strip().endswith("%")
    try:
        change = float(told.strip().removesuffix("%"))
    except ValueError:
        change = -1.0
    if not 0 < change < float("inf"):
        raise UserError(f"--detect {text!r} is not METRIC=CHANGE", "say fd_openl3=5% or clap_score=0.01")
    if side is None:  # which is told by itself
        return change
    if metric not in side.metrics:
        raise unknown_name("metric of this baseline", metric, side.metrics)
    value = number(side.metrics[metric].get("value"))
    if share and not value:
        of = f"--detect {text}: the baseline's {metric} is {value}, of which there is no part"
        raise UserError(of, "give a value")
    return change / 100 * abs(value or 0.0) if share else change
