"""`evalkit compare`: two or more runs held against one another, metric by metric and prompt by prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.output import json_option, print_json, print_table, say
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words
from evalkit.core.errors import UserError
from evalkit.core.files import require_place
from evalkit.core.text import one_line
from evalkit.report.text import MISSING, figure

if TYPE_CHECKING:
    from evalkit.comparison.pairs import Pair
    from evalkit.comparison.parts import PartPair
    from evalkit.comparison.record import Record
    from evalkit.report.division import Division
    from evalkit.report.entrants import Entrant
    from evalkit.report.records import RunRecord

_SHOWN = 3
_MOST = 50
"""Prompts that moved most, each way, in --json."""

_LONGEST = 44


def compare(
    runs: list[Path] = typer.Argument(
        ..., parser=typed, metavar="RUN", help="Two or more: run folders, files of `evalkit bundle`, baseline files."
    ),
    metric: list[str] = typer.Option(
        [], "--metric", metavar="METRIC", help="Compare this metric only; default: the headline metrics. Repeatable."
    ),
    out: Path | None = typer.Option(
        None, "--out", parser=typed, metavar="FILE", help="Also write a page, with the prompts that moved most to hear."
    ),
    by: str | None = typer.Option(
        None,
        "--by",
        metavar="COLUMN",
        help="Compare in each slice of the prompts instead: by labels, words, seconds, or a further column of the "
        "prompt file.",
    ),
    as_json: bool = json_option(),
) -> None:
    """Hold runs against one another: which differences are real, and on which prompts.

    The runs are called A, B, C in the order in which they are typed; `B - A` is what B has more than A. Means are
    compared prompt by prompt, distances of sets by the folds that both leave out, so what the prompts alone decide
    cancels. p is adjusted for all comparisons of the table (Holm). Whatever is found, the exit code is 0; `check` is
    the gate. --json prints one object: runs, comparisons (each with first, second, difference, low, high, p,
    p_adjusted, better, the prompts that moved most, or the reason why there are none of these), page.

    With --by the runs are compared in each slice, over the prompts of which both have a value; p is adjusted for all
    slices, metrics and pairs together. Distances of sets move with n, and are not compared so.

    \b
    Example:
      evalkit compare runs/mini/stable-audio-mini/* runs/mini/mock/*
      evalkit compare A B C --metric clap_score --out compare.html
      evalkit compare A B --by genre --json
    """
    from evalkit.api.compare import metrics_of
    from evalkit.comparison.pairs import pairs
    from evalkit.report.entrants import entrants_of

    wrong = wrong_words()
    wrong.require(len(runs) > 1, "one run has nothing to be compared with", "name two or more")
    place = None if out is None else wrong.read(None, require_place, out)
    with ExitStack() as bundles:
        typed_once = list({run.resolve(): run for run in runs}.values())
        wrong.require(len(typed_once) > 1 or len(runs) < 2, "all of these are one run", "name two or more")
        records: list[RunRecord] = []
        sides: list[Record] = []
        for run in typed_once:
            with wrong.look():
                records.append(_record(run, bundles))
                sides.append(_side(records[-1], run))
        names = metrics_of(sides, metric, wrong) if sides else []
        if by is not None and records:
            with wrong.look():
                _require_column(records, by)
        wrong.settle()
        entrants = entrants_of(records)
        found = _Found(entrants, typed_once, sides, [] if by is not None else pairs(sides, names))
        sliced = None if by is None else _sliced(records, sides, names, by)
        if place is not None:
            from evalkit.report.comparison import write_comparison

            write_comparison(entrants, found.pairs or pairs(sides, names), place)
    if as_json:
        print_json(_as_json(found, out) | ({} if sliced is None else _sliced_json(found, sliced)))
        return
    if sliced is None:
        _print(found)
    else:
        _print_sliced(found, sliced)
    if out is not None:
        say(f"page: {out}")


@dataclass(frozen=True)
class _Found:
    entrants: Sequence[Entrant]
    places: Sequence[Path]
    sides: Sequence[Record]
    pairs: Sequence[Pair]

    def name(self, place: int) -> str:
        return self.entrants[place].key

    def prompts(self) -> Mapping[str, str]:
        items = [item for entrant in self.entrants for item in entrant.record.items]
        return {item.id: item.prompt for item in items if item.prompt}


def _record(run: Path, bundles: ExitStack) -> RunRecord:
    """What a page shows of a run's folder, a bundle (unpacked for as long as `bundles` lasts) or a baseline file."""
    from evalkit.report.records import read_run, record_of_side
    from evalkit.run.baseline import read_side
    from evalkit.store.bundle import folder_of, is_bundle

    if run.is_dir() or is_bundle(run):
        return read_run(bundles.enter_context(folder_of(run)))
    return record_of_side(read_side(run))


def _side(record: RunRecord, run: Path) -> Record:
    if record.unfinished:
        raise UserError(f"{run}: is {record.unfinished}", "type the same evalkit run again to finish it")
    if record.side is None:
        raise UserError(f"{run}: its files do not say which prompts were scored", "score it again")
    return record.side


@dataclass(frozen=True)
class _Sliced:
    """The runs in each slice; `whole` are metrics that cannot be compared so."""

    division: Division
    pairs: Sequence[PartPair]
    whole: Sequence[str]


def _require_column(records: Sequence[RunRecord], by: str) -> None:
    """Raises UserError where none of the runs' prompts have such a column, or the runs are of several suites."""
    from evalkit.report.division import require_known

    require_known(by, records)
    if len({each.suite.digest for each in records}) > 1:
        raise UserError("--by: these runs are of several suites, whose prompts are not the same", "name runs of one")


def _sliced(records: Sequence[RunRecord], sides: Sequence[Record], metrics: Sequence[str], by: str) -> _Sliced:
    from evalkit.comparison.parts import can_be_parted, pairs_by_part
    from evalkit.report.division import division

    divided = division(records, by)
    assert divided is not None, "one of the runs has it"
    whole = [name for name in metrics if sum(can_be_parted(side, name) for side in sides) < 2]
    return _Sliced(divided, pairs_by_part(sides, metrics, divided.parts), whole)


def _print_runs(found: _Found) -> None:
    for entrant, place in zip(found.entrants, found.places, strict=True):
        detail = f"  {entrant.detail}" if entrant.detail else ""
        say(f"{entrant.key}  {entrant.name}{detail}  ({place})")
    say()


def _print_sliced(found: _Found, sliced: _Sliced) -> None:
    _print_runs(found)
    rows: list[list[object]] = []
    for each in sliced.pairs:
        metric, better, between, *numbers, finding = _row(found, each.pair)
        rows.append([metric, better, one_line(each.part, _LONGEST), between, *numbers, each.n, finding])
    head = ["metric", "better", sliced.division.by, "", "difference", "95 % interval", "p (adj.)", "n", "finding"]
    print_table(head, rows, numbers=(4, 5, 6, 7))
    unlike: dict[tuple[str, str, str], list[str]] = {}
    for each in sliced.pairs:
        if each.pair.reason:
            key = each.pair.metric, _between(found, each.pair), each.pair.reason
            unlike.setdefault(key, []).append(one_line(each.part, _LONGEST))
    for (metric, between, reason), parts in unlike.items():
        more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        say(f"{metric}, {between}: not comparable: {reason} ({', '.join(parts[:_SHOWN])}{more})")
    for note in _sliced_notes(sliced):
        say(note)


def _sliced_notes(sliced: _Sliced) -> list[str]:
    whole = f"not compared by slice, as no mean of prompts: {', '.join(sliced.whole)}" if sliced.whole else ""
    return [
        *filter(None, (whole,)),
        *sliced.division.notes,
        "n: the prompts of which both runs have a value; under 5 sources no interval can be had",
        f"p is adjusted by Holm for all {len(sliced.pairs)} comparisons of this table",
    ]


def _sliced_json(found: _Found, sliced: _Sliced) -> dict[str, object]:
    return {
        "by": sliced.division.by,
        "kind": sliced.division.kind,
        "comparisons": [
            {"slice": each.part, "n": each.n, **_pair_json(found, each.pair, prompts=False)} for each in sliced.pairs
        ],
        "notes": _sliced_notes(sliced),
    }


def _print(found: _Found) -> None:
    _print_runs(found)
    rows = [_row(found, pair) for pair in found.pairs]
    print_table(["metric", "better", "", "difference", "95 % interval", "p (adj.)", "finding"], rows, numbers=(3, 4, 5))
    for pair in found.pairs:
        if pair.reason:
            say(f"{pair.metric}, {_between(found, pair)}: not comparable: {pair.reason}")
        if pair.told:
            say(f"{pair.metric}, {_between(found, pair)}: {pair.told}")
    for pair in found.pairs:
        _print_moved(found, pair)


def _between(found: _Found, pair: Pair) -> str:
    return f"{found.name(pair.second)} − {found.name(pair.first)}"


def _finding(found: _Found, pair: Pair) -> str:
    if pair.found is None:
        return "not comparable"
    return "not separated" if pair.better is None else f"{found.name(pair.better)} is better"


def _row(found: _Found, pair: Pair) -> list[object]:
    head = [pair.metric, pair.direction or "?", _between(found, pair)]
    if pair.found is None:
        return [*head, MISSING, MISSING, MISSING, _finding(found, pair)]
    low, high = pair.found.low, pair.found.high
    spread = MISSING if low is None or high is None else f"[{figure(low, 3)}, {figure(high, 3)}]"
    p = MISSING if pair.found.p is None or pair.adjusted is None else f"{pair.adjusted:.2g}"
    return [*head, figure(pair.found.value, 3), spread, p, _finding(found, pair)]


def _print_moved(found: _Found, pair: Pair) -> None:
    """The prompts that moved most between two runs, each way."""
    from evalkit.comparison.pairs import moved

    steps = moved(found.sides[pair.first], found.sides[pair.second], pair.metric) if pair.found is not None else []
    if not steps:
        return
    texts = found.prompts()
    say()
    say(f"{pair.metric}, {_between(found, pair)}: the prompts that moved most ({pair.direction} is better)")
    shown = [*steps[:_SHOWN], *(step for step in steps[-_SHOWN:] if step not in steps[:_SHOWN])]
    rows = [[figure(step, 3), key, one_line(texts.get(key, ""), _LONGEST)] for key, step in shown]
    print_table(["", "prompt", ""], rows, numbers=(0,))


def _as_json(found: _Found, out: Path | None) -> dict[str, object]:
    return {
        "runs": [
            {"key": each.key, "name": each.name, "detail": each.detail, "run": str(place)}
            for each, place in zip(found.entrants, found.places, strict=True)
        ],
        "comparisons": [_pair_json(found, pair) for pair in found.pairs],
        "page": None if out is None else str(out),
    }


def _pair_json(found: _Found, pair: Pair, prompts: bool = True) -> dict[str, object]:
    """`prompts` asks for those that moved most."""
    from evalkit.comparison.pairs import moved

    told: dict[str, object] = {"metric": pair.metric, "direction": pair.direction}
    told |= {
        "first": found.name(pair.first),
        "second": found.name(pair.second),
        "reason": pair.reason,
        "told": pair.told,
    }
    if pair.found is None:
        return told
    told |= {
        "difference": pair.found.value,
        "low": pair.found.low,
        "high": pair.found.high,
        "method": pair.found.method,
        "p": pair.found.p,
        "p_adjusted": pair.adjusted,
        "better": None if pair.better is None else found.name(pair.better),
    }
    if not prompts:
        return told
    steps = moved(found.sides[pair.first], found.sides[pair.second], pair.metric)
    return told | {"most_fallen": dict(steps[:_MOST]), "most_risen": dict(reversed(steps[-_MOST:]))}
