"""`evalkit check`: hold a run against a baseline file, and fail where it is worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.output import json_option, print_json, print_table, say
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.files import require_place, write_bytes
from evalkit.report.text import figure

if TYPE_CHECKING:
    from evalkit.api.comparisons import Comparisons
    from evalkit.comparison.record import Record
    from evalkit.run.gate import Comparison

_GATE = (
    "Judge this instead of the headline metrics: METRIC<=+2% or METRIC>=-0.01 (a change that is accepted), METRIC<=60 "
    "(a bound). Repeatable."
)
_SUMMARY = "Also append the verdicts to this file as Markdown; where GITHUB_STEP_SUMMARY is set, to that one too."
_HISTORY = "Also append the verdicts to this file as a line of JSON; `evalkit trend FILE` is its page."
_COMMIT = (
    "What the history calls this state of the code; default: GITHUB_SHA or CI_COMMIT_SHA, where they are set, else the "
    "commit of the git repository that this is typed in."
)
_TOLERANCE = "Accept a loss up to VALUE, in the metric's own unit. Repeatable."


def check(
    run: Path = typer.Argument(
        ..., parser=typed, metavar="RUN", help="A run folder, a file of `evalkit bundle`, or a baseline file."
    ),
    baseline: Path | None = typer.Option(
        None,
        "--baseline",
        parser=typed,
        metavar="FILE",
        help="The baseline (a file, a run) to compare with, or to write.",
    ),
    save: bool = typer.Option(False, "--save", help="Write the baseline file from RUN instead of comparing."),
    metric: list[str] = typer.Option(
        [], "--metric", metavar="METRIC", help="Compare this metric only; default: the headline metrics. Repeatable."
    ),
    tolerance: list[str] = typer.Option([], "--tolerance", metavar="METRIC=VALUE", help=_TOLERANCE),
    gate: list[str] = typer.Option([], "--gate", metavar="DEMAND", help=_GATE),
    strict: bool = typer.Option(False, "--strict", help="Fail, too, where the gate is too blind to tell."),
    stop_early: bool = typer.Option(
        False, "--stop-early", help="Judge means of prompts source after source, and say after how many it was decided."
    ),
    junit: Path | None = typer.Option(
        None, "--junit", parser=typed, metavar="FILE", help="Also write the verdicts as a JUnit XML file."
    ),
    summary: Path | None = typer.Option(None, "--summary", parser=typed, metavar="FILE", help=_SUMMARY),
    history: Path | None = typer.Option(None, "--history", parser=typed, metavar="FILE", help=_HISTORY),
    commit: str | None = typer.Option(None, "--commit", help=_COMMIT),
    as_json: bool = json_option(),
) -> None:
    """Compare a run with a baseline; exit 1 where it is worse.

    With --save, RUN becomes the baseline, with the metrics that --metric names or all of them; one that no run could be
    held against is refused.

    A metric is worse where the 95 % interval of its loss lies wholly above the tolerance. A difference that the gate is
    too weak to judge at this n is called inconclusive, and passes unless --strict. What cannot be compared is invalid,
    and so is a run that failed on more sounds than its baseline, or a baseline file that was edited.

    Exit 0: passed; 1: worse or invalid (or inconclusive, with --strict); 2: something to put right. --json prints one
    object: verdict, strict, run, baseline, metrics (each with its verdict, reason and numbers), not_in_baseline, notes.

    RUN and the baseline may each be a run folder, a bundle or a baseline file. Bounds need no baseline. What was made
    on another device, or with another torch, is said.

    With --stop-early a metric that is a mean of prompts is looked at after every source, by intervals that hold
    together, so that a look too many raises no false alarm; a distance of sets is judged at the end.

    \b
    Example:
      evalkit check RUN --baseline reports/baselines/mini/stable-audio-mini.json --save
      evalkit check RUN --baseline reports/baselines/mini/stable-audio-mini.json --tolerance kl_passt=0.05
      evalkit check RUN --baseline OTHER_RUN --gate "fd_openl3<=+2%" --gate "clap_score>=0.15"
    """
    from evalkit.api.check import against
    from evalkit.cli.summary import append_markdown, for_history, places
    from evalkit.cli.summary import junit as junit_of
    from evalkit.report.history import append_history
    from evalkit.run.gates import parse_gates

    wrong = wrong_words()
    if save:
        vain = {"--tolerance": tolerance, "--strict": strict, "--stop-early": stop_early, "--junit": junit}
        vain |= {"--gate": gate, "--summary": summary, "--history": history, "--commit": commit}
        for option in (name for name, given in vain.items() if given):
            wrong.add(UserError(f"{option}: would have no effect beside --save", "it belongs to the comparing"))
        _save(run, baseline, metric, wrong, as_json)
        return
    place, ledger = (wrong.read(None, require_place, each) if each else None for each in (junit, history))
    pages = wrong.read([], places, summary)
    accepted = _tolerances(tolerance, wrong)
    found = against(run, baseline, metric, accepted, strict, wrong, stop_early, wrong.read([], parse_gates, gate))
    if as_json:
        print_json(_as_json(found))
    else:
        _print(found)
    if place is not None:
        write_bytes(place, junit_of(found.comparisons, strict))
    for each in pages:
        append_markdown(found, each)
    if ledger is not None:
        append_history(ledger, for_history(found, commit))
    if not found.passed:
        raise typer.Exit(1)


def _save(run: Path, path: Path | None, metrics: Sequence[str], wrong: Gathering, as_json: bool) -> None:
    """Write the baseline, where nothing was `wrong` with the words and nothing is with the run."""
    from evalkit.api.check import kept_of
    from evalkit.run.baseline import save_baseline

    if path is None:
        wrong.add(UserError("--baseline is missing", "it says which file --save writes"))
    record = wrong.read(None, kept_of, run, metrics)
    place = None if path is None else wrong.read(None, require_place, path)
    wrong.settle()
    assert path is not None and place is not None and record is not None, "what is missing is told"
    replaced, kept = path.exists(), sorted(record.metrics)
    save_baseline(record, place)
    if as_json:
        print_json({"baseline": str(path), "replaced": replaced, "metrics": kept})
    else:
        say(f"baseline {'replaced' if replaced else 'written'}: {path} ({', '.join(kept)})")


def _tolerances(given: Sequence[str], wrong: Gathering) -> dict[str, float]:
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            amount = float(value)
        except ValueError:
            amount = -1.0
        usable = 0 <= amount < float("inf")
        wrong.require(usable, f"--tolerance {text!r} is not METRIC=VALUE with a value of 0 or more")
        found[name] = amount if usable else 0.0
    return found


def _as_json(found: Comparisons) -> dict[str, object]:
    return {
        "verdict": "pass" if found.passed else "fail",
        "strict": found.strict,
        "run": found.run.source,
        "baseline": None if found.alone else found.baseline.source,
        "metrics": {each.metric: asdict(each) for each in found.comparisons},
        "not_in_baseline": list(found.new),
        "notes": list(found.notes),
    }


def _print(found: Comparisons) -> None:
    run, baseline = found.run, found.baseline
    say(f"run       {run.source}  ({run.model.get('name')}, suite {run.suite.get('name')}{_sounds(run)})")
    if found.alone:
        say("baseline  none: bounds alone")
    protocol = f"protocol {baseline.suite.get('protocol')}{_sounds(baseline)}"
    if not found.alone:
        say(f"baseline  {baseline.source}  ({baseline.model.get('name')}, {protocol})")
    say()
    headers = ["metric", "better", "current", "baseline", "difference", "95 % interval", "n", "detectable", "verdict"]
    print_table(headers, [_row(each) for each in found.comparisons], numbers=(2, 3, 4, 5, 6, 7))
    for each in found.comparisons:
        if each.words:
            say(f"{each.metric}: {each.verdict}: {each.words}")
    for note in found.notes:
        say(note)
    say()
    say(f"{'pass' if found.passed else 'FAIL'}{' (strict)' if found.strict else ''}")


def _sounds(side: Record) -> str:
    return f", {side.samples} sounds a prompt" if side.samples > 1 else ""


def _row(each: Comparison) -> list[object]:
    spread = "n/a" if each.low is None else f"[{figure(each.low, 3)}, {figure(each.high, 3)}]"
    numbers = [figure(each.current), figure(each.baseline), figure(each.difference, 3), spread]
    return [each.metric, each.direction or "?", *numbers, each.n or "n/a", figure(each.detectable, 3), each.verdict]
