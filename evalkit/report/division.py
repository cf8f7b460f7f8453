"""What prompts can be divided by: their labels, their length in words, their seconds, or a further column of the prompt
file; and which prompts are then in which slice.

Text makes a slice a value, tags one a tag, so that a prompt may be in several; numbers make quantiles, named by their
least and their largest value. Prompts without a value are a slice of their own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evalkit.core.errors import UserError, close_names
from evalkit.core.text import count, one_line
from evalkit.report.records import Item, RunRecord, mapping, texts
from evalkit.store.prompt_columns import name_in

BY = ("labels", "words", "seconds")
BINS = 4
MOST_SLICES = 40
NO_LABEL = "(no label)"
NO_VALUE = "(no value)"

Value = str | float | tuple[str, ...]


@dataclass(frozen=True)
class Division:
    """`parts` {slice: ids of its prompts, as the files have them}, and `notes`, what is to be known of them. `kind` is
    "text", "number" or "tags"."""

    by: str
    kind: str
    parts: Mapping[str, frozenset[str]]
    notes: tuple[str, ...] = ()


def ways(runs: Sequence[RunRecord]) -> list[str]:
    """Everything that these runs' prompts can be divided by: what any run has, the file's columns last."""
    columns = dict.fromkeys(name for run in runs for item in run.items for name in item.columns)
    always = [by for by in BY if by == "words" or any(_ALWAYS[by](item) is not None for r in runs for item in r.items)]
    return [*always, *(name for name in columns if name not in BY)]


def require_known(by: str, runs: Sequence[RunRecord]) -> None:
    """Raises UserError where `by` is nothing that any of the runs' prompts can be divided by, with what there is."""
    known = ways(runs)
    if by in BY or _column(by) in {name for run in runs for item in run.items for name in item.columns}:
        return
    why = next((reason for run in runs for name, reason in _left_out(run).items() if name == one_line(by, 60)), "")
    if why:
        raise UserError(f"--by: the column {by!r} was left out of the run: {why}", f"there are {', '.join(known)}")
    close = close_names(by, [*BY, *known])
    there = "; ".join(filter(None, (f"there are {', '.join(dict.fromkeys([*BY, *known]))}", _way_out(runs))))
    raise UserError(
        f"--by: no column of these runs' prompts is called {by!r}",
        f"did you mean {close}? {there}" if close else there,
    )


def division(runs: Sequence[RunRecord], by: str, most: int = MOST_SLICES) -> Division | None:
    """The prompts of these runs, which are the same ones, divided; None where none of them has that column. What a
    column says is taken from the first run that has it; of more than `most` values the largest have slices."""
    read = _ALWAYS.get(by)
    if read is not None:
        values = {item.key: read(item) for item in runs[0].items}
        return _divided(by, values, NO_LABEL if by == "labels" else NO_VALUE, most)
    name = _column(by)
    told = [{item.key: item.columns.get(name) for item in run.items} for run in runs]
    having = [place for place, each in enumerate(told) if any(value is not None for value in each.values())]
    if not having:
        return None
    first = told[having[0]]
    differing = any(told[place] != first for place in having[1:])
    notes = [f"the runs say different things of {by}: what {runs[having[0]].run_id} says is taken"] if differing else []
    return _divided(by, first, NO_VALUE, most, notes)


def quantiles(values: Mapping[str, float]) -> Mapping[str, frozenset[str]]:
    """At most `BINS` slices of about as many prompts, or one a value where there are no more; equal values are never
    parted. A slice is named by its least and its largest value."""
    ordered = sorted(values.values())
    edges = sorted(set(ordered))
    if len(edges) > BINS:
        edges = sorted({ordered[math.ceil(len(ordered) * part / BINS) - 1] for part in range(1, BINS + 1)})
    found: dict[str, frozenset[str]] = {}
    before = -math.inf
    for edge in edges:
        inside = {key: value for key, value in values.items() if before < value <= edge}
        low, high = min(inside.values()), max(inside.values())
        found[_plain(low) if low == high else f"{_plain(low)} to {_plain(high)}"] = frozenset(inside)
        before = edge
    return found


def _plain(value: float) -> str:
    """Short where that is exact, so that no two values have one name."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _column(by: str) -> str:
    """A column by its name, or by the one that it has in samples.parquet, which nothing else is called."""
    return name_in(by) or by


def _divided(
    by: str, values: Mapping[str, Value | None], nothing: str, most: int, notes: Sequence[str] = ()
) -> Division:
    there = {key: value for key, value in values.items() if value is not None}
    without = frozenset(values.keys() - there.keys())
    numbers = {key: value for key, value in there.items() if isinstance(value, float)}
    told = list(notes)
    if len(numbers) == len(there):
        kind, parts = "number", dict(quantiles(numbers))
        if len(set(numbers.values())) > len(parts):
            told.append(f"slices by {by} are quantiles: at most {BINS}, equal values together")
    else:
        kind = "tags" if any(isinstance(value, tuple) for value in there.values()) else "text"
        parts = _named(there, most, told)
        if kind == "tags" and by == "labels":
            told.append("a prompt with several labels is in the slice of each")
        elif kind == "tags":
            told.append(f"a prompt with several tags in {by} is in the slice of each")
    if without:
        while nothing in parts:
            nothing += " "
        parts[nothing] = without
    return Division(by, kind, parts, tuple(told))


def _named(values: Mapping[str, Value], most: int, notes: list[str]) -> dict[str, frozenset[str]]:
    """A slice a value or tag, by name; of very many the largest, and the rest together."""
    found: dict[str, set[str]] = {}
    for key, value in values.items():
        for name in value if isinstance(value, tuple) else (str(value),):
            found.setdefault(name, set()).add(key)
    sizes = Counter({name: len(ids) for name, ids in found.items()})
    kept = sorted(sizes, key=lambda name: (-sizes[name], name))[:most]
    parts = {name: frozenset(found[name]) for name in sorted(kept)}
    others = [name for name in found if name not in parts]
    if others:
        parts[f"({count(len(others), 'other value')})"] = frozenset().union(*(found[name] for name in others))
        notes.append(f"the {most} values with most prompts have slices of their own, the others one together")
    return parts


def _words(item: Item) -> Value | None:
    return float(len(item.prompt.split()))


def _labels(item: Item) -> Value | None:
    return tuple(label for label in item.labels if label) or None


def _seconds(item: Item) -> Value | None:
    return item.seconds


_ALWAYS: Mapping[str, Callable[[Item], Value | None]] = {"labels": _labels, "words": _words, "seconds": _seconds}


def _left_out(run: RunRecord) -> dict[str, str]:
    return texts(mapping(run.facts.get("columns")).get("left_out"))


def _way_out(runs: Sequence[RunRecord]) -> str:
    """What to do about runs from before columns were kept; "" where there are none."""
    old = [run.run_id for run in runs if "columns" not in run.facts and not run.unfinished]
    if not old:
        return ""
    return (
        f"{', '.join(old[:3])} {'is' if len(old) == 1 else 'are'} from before further columns were kept: type the same "
        "evalkit run again, and they are put beside the sounds, which stay"
    )
