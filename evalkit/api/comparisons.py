"""What `evalkit.check` and `evalkit.compare` give: runs held against one another, as a notebook wants them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from evalkit.api.frames import data_frame
from evalkit.api.html import Html, table
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.comparison.pairs import Pair, moved
from evalkit.comparison.record import Record
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.letters import letters
from evalkit.core.text import one_line
from evalkit.report.text import MISSING, figure
from evalkit.run.gate import Comparison, passes, unjudged, unlike_machines, without_spread

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
            parts.line(f"{each.metric}: {each.words}" if each.words else "")
        return str(parts)


def _row(each: Comparison) -> list[object]:
    spread = MISSING if each.low is None else f"[{figure(each.low, 3)}, {figure(each.high, 3)}]"
    numbers = [figure(each.current), figure(each.baseline), figure(each.difference, 3), spread]
    return [each.metric, each.direction, *numbers, each.n, each.verdict]


@dataclass(frozen=True, eq=False, repr=False)
class Compared(Comparisons):
    """Two or more runs held against one another: every two of them, and the first against each of the others.

    As a mapping it is `Comparisons`: by metric, the first run against the other, its differences being the first minus
    that. Of more than two runs a key says which are meant: "clap_score, A − C". `passed` asks for all of them.

    Parameters
    ----------
    held : sequence of Comparisons
        The first run against each of the others, by the gate.
    pairs : sequence of Pair
        Every two of the runs in every metric, with p adjusted for all of these (Holm): `first` and `second` are places
        in `sides`, `found` is the second minus the first, with `value`, `low`, `high` and `p`; `better` is the place of
        the better one, None where they are not separated. Where they cannot be compared `reason` says why.

    Examples
    --------
    >>> import evalkit
    >>> runs = [evalkit.run("mock", limit=6, seed=seed) for seed in range(3)]
    >>> found = evalkit.compare(*runs)
    >>> [(pair.first, pair.second) for pair in found.pairs if pair.metric == "clap_score"]
    [(0, 1), (0, 2), (1, 2)]
    >>> prompt, rise = found.moved("clap_score", 0, 2)[-1]
    """

    held: Sequence[Comparisons] = ()
    pairs: Sequence[Pair] = ()

    @property
    def sides(self) -> Sequence[Record]:
        """The runs in the order in which they were named; tables call them A, B, C."""
        return [self.run, *(each.baseline for each in self.held)]

    @property
    def notes(self) -> Sequence[str]:
        """What is to be known of the comparisons, each sentence once."""
        return list(dict.fromkeys(note for each in self.held for note in each.notes))

    @property
    def new(self) -> Sequence[str]:
        """Metrics of the first run that one of the others does not have."""
        return sorted({name for each in self.held for name in each.new})

    @property
    def apart(self) -> Sequence[str]:
        """Further measures, which are judged only where they are named."""
        return sorted({name for each in self.held for name in each.apart})

    @parameters_checked
    @parameters_named()
    def moved(self, metric: str, first: int = 0, second: int = 1) -> Sequence[tuple[str, float]]:
        """(prompt id, the second run's value minus the first's) from the largest fall to the largest rise.

        Parameters
        ----------
        metric : str
            A metric with a value per prompt; of any other there is nothing.
        first, second : int
            Places in `sides`.

        Raises
        ------
        UserError
            For a place at which there is no run.
        """
        for name, place in (("first", first), ("second", second)):
            if not 0 <= place < len(self.sides):
                raise UserError(f"{name} is {place}", f"there are {len(self.sides)} runs: 0 to {len(self.sides) - 1}")
        return moved(self.sides[first], self.sides[second], metric)

    @parameters_checked
    @parameters_named()
    def table(self, of: Literal["verdicts", "pairs"] = "verdicts") -> DataFrame:
        """A pandas table: a row per verdict, or per pair and metric. Raises UserError where pandas is not installed."""
        if of not in ("verdicts", "pairs"):
            raise UserError(f"of is {of!r}", "it takes 'verdicts' or 'pairs'")
        return super().table() if of == "verdicts" else data_frame("metric", [_pair(each) for each in self.pairs])

    def _repr_html_(self) -> str:
        """A small table of the pairs; every text is escaped."""
        parts = Html()
        for place, side in enumerate(self.sides):
            parts.line(f"{letters(place)}: {one_line(side.model.get('name'), 100)} ({one_line(side.source, 100)})")
        headers = ("metric", "better", "", "difference", "95 % interval", "p (adj.)", "finding")
        parts.add(table(headers, [_pair_row(each) for each in self.pairs]))
        for note in self.notes:
            parts.line(note)
        return str(parts)


def _pair(each: Pair) -> dict[str, object]:
    found = each.found
    ends = dict.fromkeys(("difference", "low", "high", "p")) if found is None else {
        "difference": found.value, "low": found.low, "high": found.high, "p": found.p
    }  # fmt: skip
    named = {"metric": each.metric, "direction": each.direction, "first": letters(each.first)}
    better = None if each.better is None else letters(each.better)
    told = {"p_adjusted": each.adjusted, "better": better, "reason": each.reason or each.told}
    return {**named, "second": letters(each.second), **ends, **told}


def _pair_row(each: Pair) -> list[object]:
    row = _pair(each)
    between = f"{row['second']} − {row['first']}"
    if each.found is None:
        return [each.metric, each.direction, between, MISSING, MISSING, MISSING, f"not comparable: {each.reason}"]
    low, high = each.found.low, each.found.high
    spread = MISSING if low is None or high is None else f"[{figure(low, 3)}, {figure(high, 3)}]"
    finding = "not separated" if each.better is None else f"{row['better']} is better"
    p = MISSING if each.adjusted is None else f"{each.adjusted:.2g}"
    return [each.metric, each.direction, between, figure(each.found.value, 3), spread, p, finding]
