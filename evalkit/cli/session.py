"""What `run`, `generate` and `score` share: doing the work, and telling how it went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from evalkit.cli.attempts import Lost, attempt_all
from evalkit.cli.brief import left_out
from evalkit.cli.decided import ended_early, is_worse, sentences
from evalkit.cli.output import explain, print_boards, print_json, print_table, say
from evalkit.core.errors import UserError
from evalkit.core.text import one_line, part_of
from evalkit.report.text import estimate

if TYPE_CHECKING:
    from evalkit.run.config import RunConfig
    from evalkit.run.pipeline import Outcome
    from evalkit.suites.base import Suite

_ARROWS = {"lower": "↓", "higher": "↑"}
_LABELS = {"mini": "  [mini]", "random": "  [random weights: says nothing about the model]"}
_SHOWN_FAILURES = 5


@dataclass(frozen=True)
class Manner:
    """How a verb works and tells: its last `stage`, its output, and what it makes of failures."""

    stage: Literal["generate", "score"]
    as_json: bool
    report: bool
    max_failures: int | None


def conduct(configs: Sequence[RunConfig], manner: Manner, board: Path | None = None) -> None:
    """Do the runs one after the other, tell of them, and leave with the right exit code.

    `board` is where several runs get one page together. Exit 1: more failed items than `max_failures`, no item at all,
    a headline metric without a number, or code of somebody's own that failed; 2: a model that could not be run.
    """
    page = board if manner.report and len(configs) > 1 else None
    attempts = attempt_all(configs, manner.stage, page)
    outcomes = [each for each in attempts if not isinstance(each, Lost)]
    refusals: list[Exception] = []
    reports = [_kept(partial(_report, each, manner), refusals) for each in attempts]
    joint = _kept(partial(_joint_report, outcomes, manner, board), refusals)
    if manner.as_json:
        runs = [_as_json(each, path) for each, path in zip(attempts, reports, strict=True)]
        print_json(runs[0] if len(runs) == 1 else {"runs": runs, "report": None if joint is None else str(joint)})
    else:
        _print_all(attempts, reports)
        if joint is not None:
            say(f"all of them: {joint}")
    if refusals:
        raise refusals[0]
    code = max(each.exit_code if isinstance(each, Lost) else int(_fails(each, manner)) for each in attempts)
    if code:
        raise typer.Exit(code)


def _kept(page: Callable[[], Path | None], refusals: list[Exception]) -> Path | None:
    """A page, or None where the disk refuses it: the scores are there, and are told before the refusal is."""
    try:
        return page()
    except (UserError, OSError) as error:
        refusals.append(error)
        return None


def _report(attempt: Outcome | Lost, manner: Manner) -> Path | None:
    if isinstance(attempt, Lost) or not manner.report or ended_early(attempt):
        return None
    folder = attempt.plan.folder
    return _page([folder.root], folder.report)


def _joint_report(outcomes: Sequence[Outcome], manner: Manner, board: Path | None) -> Path | None:
    if not manner.report or len(outcomes) < 2 or board is None:
        return None
    return _page([outcome.plan.folder.root for outcome in outcomes], board)


def _page(folders: Sequence[Path], target: Path) -> Path:
    """The page of these runs; one that lies there is kept where it was made of what they are now."""
    from evalkit.report.made_of import made_of_runs, named_in

    if named_in(target) != made_of_runs(folders):
        from evalkit.cli.progress import for_this_terminal
        from evalkit.report.page import write_report

        with for_this_terminal() as progress, progress.step(f"report {target}"):
            write_report(folders, target)
    return target


def _fails(outcome: Outcome, manner: Manner) -> bool:
    too_many = manner.max_failures is not None and len(outcome.failures) > manner.max_failures
    numberless = any(entry["value"] is None for entry in outcome.scores.values() if _is_headline(entry))
    broken = outcome.unclosed or any(entry.get("error") for entry in outcome.scores.values())
    return is_worse(outcome) or too_many or outcome.n_ok == 0 or numberless or bool(broken)


def _as_json(attempt: Outcome | Lost, report: Path | None) -> dict[str, Any]:
    if isinstance(attempt, Lost):
        return {"model": attempt.model, "seed": attempt.seed, "error": attempt.error}
    outcome, plan = attempt, attempt.plan
    return {
        "run": str(plan.folder.root),
        "run_id": plan.run_id,
        "model": plan.model.name,
        "suite": plan.suite.name,
        "size": plan.size,
        "seed": plan.config.seed,
        "samples_per_prompt": plan.config.samples,
        "n_items": len(plan.items),
        "n_ok": outcome.n_ok,
        "n_failed": len(outcome.failures),
        "failures": dict(outcome.failures),
        "unclosed": outcome.unclosed or None,
        "decided": dict(outcome.decided) or None,
        "reused": outcome.reused,
        "scores": dict(outcome.scores),
        "left_out": dict(plan.suite.left_out),
        "report": None if report is None else str(report),
    }


def _print_all(attempts: Sequence[Outcome | Lost], reports: Sequence[Path | None]) -> None:
    """Each run by itself; the scores of several in one leaderboard after them, rather than table by table."""
    alone = len(attempts) == 1
    seeds = len({each.seed if isinstance(each, Lost) else each.plan.config.seed for each in attempts}) > 1
    for each, path in zip(attempts, reports, strict=True):
        if not isinstance(each, Lost):
            _print(each, path, alone, seeds)
        elif not alone:
            say(f"{each.model}{f', seed {each.seed}' if seeds else ''}: no run: {each.error}")
        if not alone:
            say()
    scored = [each.plan.folder.root for each in attempts if not isinstance(each, Lost) and each.scores]
    if not alone and scored:
        from evalkit.report.board import boards
        from evalkit.report.records import read_runs

        print_boards(boards(read_runs(scored)))


def _print(outcome: Outcome, report: Path | None, with_scores: bool, with_seed: bool) -> None:
    plan = outcome.plan
    label = _LABELS.get(plan.size, "")
    model = f"{plan.model.name}, seed {plan.config.seed}," if with_seed and plan.generator else plan.model.name
    samples = plan.config.samples
    counts = part_of(outcome.n_ok, len(plan.items), "prompt", "has audio", "have audio")
    if samples > 1:
        counts = f"{part_of(outcome.n_ok, len(plan.items), 'sound', 'is', 'are')} there, {samples} for each prompt"
    say(f"{model} on suite {plan.suite.name} {plan.suite.version}{label}: {counts}")
    _print_failures(outcome)
    # A finished run's scores come back from its file, in the file's order; the tables keep the suite's.
    ordered = {name: outcome.scores[name] for name in plan.suite.metrics if name in outcome.scores}
    headline = {name: entry for name, entry in ordered.items() if _is_headline(entry)}
    if with_scores:
        _print_scores(headline, plan.size)
    _print_variance(headline)
    if with_scores:
        _print_further({name: entry for name, entry in ordered.items() if not _is_headline(entry)}, outcome.n_ok)
        _print_left_out(plan.suite)
    for sentence in sentences(outcome):
        say(sentence)
    if outcome.unclosed:
        say(f"  {outcome.unclosed}")
    if outcome.reused:
        say("nothing to do: all of it was there already")
        if outcome.failures and plan.generator is not None:
            say(f"  failed items stay as they are ({len(outcome.failures)}); --retry-failed tries each of them again")
    say(f"run:    {plan.folder.root}")
    if plan.suite.columns and with_scores:
        say(f"slices: evalkit report {plan.folder.root} --by COLUMN: {', '.join(map(one_line, plan.suite.columns))}")
    for note in plan.model.notes:
        explain("note:   ", note)
    speed = _speed(outcome)
    if speed:
        explain("speed:  ", speed)
    if outcome.scores and not outcome.reused:
        explain("memory: ", _memory(outcome))
    if report is not None:
        say(f"report: {report}")


def _memory(outcome: Outcome) -> str:
    """The most that this process had in use up to the end of the run, as run.json has it."""
    from evalkit.core.jsonio import read_json
    from evalkit.report.speed import size_told, workers_told

    facts = read_json(outcome.plan.folder.run_json)
    told = facts["memory"]
    device = f", {size_told(told['device'])} of the device" if "device" in told else ""
    whose = " in this process; its workers have theirs" if workers_told(facts["work"]) else ""
    return f"{size_told(told['process'])} at the most{device}{whose}"


def _speed(outcome: Outcome) -> str:
    """How fast the sounds were made, as run.json has it; "" for audio made elsewhere and runs of before."""
    from evalkit.core.jsonio import read_json
    from evalkit.report.speed import summary

    return summary(read_json(outcome.plan.folder.run_json).get("speed"))


def _is_headline(entry: Mapping[str, Any]) -> bool:
    """Scores from before there were further measures are all headline ones."""
    return entry.get("headline") is not False


def _print_scores(scores: Mapping[str, Mapping[str, Any]], size: str) -> None:
    if not scores:
        return
    rows = [[*_row(name, entry), entry["n_failed"], entry["protocol"], size] for name, entry in scores.items()]
    print_table(["metric", "", "value", "interval", "n", "failed", "protocol", "size"], rows, numbers=(2, 3, 4, 5))
    for name, entry in scores.items():
        for warning in entry["warnings"]:
            explain(f"  {name}: ", warning)


def _print_variance(scores: Mapping[str, Mapping[str, Any]]) -> None:
    """Where the variance lies, of runs with several sounds a prompt, and what more of either would buy."""
    from evalkit.report.records import mapping, read_split
    from evalkit.report.variance import sentence

    for name, entry in scores.items():
        split = read_split(mapping(entry.get("variance")))
        told = "" if split is None else sentence(split, entry["se"])
        if told:
            say(f"  {name}: {told}")


def _print_further(scores: Mapping[str, Mapping[str, Any]], n_ok: int) -> None:
    """The measures that rank nothing, in a smaller table; what the headline's says of the run is not said again."""
    if not scores:
        return
    say()
    say("further measures, which rank nothing (`evalkit metrics NAME` explains each):")
    rows = [_row(name, entry) for name, entry in scores.items()]
    shown = 5 if any(entry["n"] != n_ok for entry in scores.values()) else 4
    headers = ["measure", "", "value", "interval", "n"][:shown]
    print_table(headers, [row[:shown] for row in rows], numbers=(2, 3, 4)[: shown - 2])
    said: dict[str, list[str]] = {}
    for name, entry in scores.items():
        for warning in entry["warnings"]:
            said.setdefault(warning, []).append(name)
    for warning, names in said.items():
        say(f"  {', '.join(names)}: {warning}")
    say()


def _print_left_out(suite: Suite) -> None:
    for reason, names in left_out(suite).items():
        say(f"left out: {', '.join(names)}: {reason}")


def _row(name: str, entry: Mapping[str, Any]) -> list[object]:
    value, spread = estimate(entry["value"], entry["low"], entry["high"], entry["level"])
    return [name, _ARROWS.get(entry["direction"], ""), value, spread, entry["n"]]


def _print_failures(outcome: Outcome) -> None:
    shown = list(outcome.failures.items())[:_SHOWN_FAILURES]
    for prompt_id, reason in shown:
        say(f"  failed {prompt_id!r}: {reason}")
    if len(outcome.failures) > len(shown):
        say(f"  and {len(outcome.failures) - len(shown)} more; samples.parquet has them all")
