"""`evalkit suites`: the suites at hand, or one of them in full."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli import brief
from evalkit.cli import run as options
from evalkit.cli.output import json_option, print_json, print_table, say, warn
from evalkit.cli.paths import typed
from evalkit.cli.scales import compute_anchors
from evalkit.cli.words import wrong_words
from evalkit.core.errors import UserError
from evalkit.core.paths import is_file
from evalkit.core.text import count as counted

if TYPE_CHECKING:
    from evalkit.core.faults import Gathering
    from evalkit.suites.base import MetricPlan, Outline, Suite
    from evalkit.suites.brief import Brief
    from evalkit.suites.counts import Counts

_SHOWN_PROMPTS = 200


_NAME = typer.Argument(
    None, metavar="NAME|new|anchors", help="A suite's name, the path of a manifest, `new`, or `anchors`."
)
_NEW = typer.Argument(
    None, metavar="NAME", help="With `new`: what the suite is to be called. With `anchors`: the suite."
)
_DEVICE = typer.Option("auto", "--device", help="With `anchors`: where the judges run: auto, cpu or cuda.")
_FROM = typer.Option(None, "--from", metavar="FILE", help="With `new`: the prompts, as --prompts of `score`.")
_SOUNDS = typer.Option([], "--sounds", metavar="FOLDER", parser=typed, help="With `new`: sounds that it is to fit.")


def suites(
    name: str | None = _NAME,
    new: str | None = _NEW,
    from_: str | None = _FROM,
    reference: str | None = brief.REFERENCE,
    columns: str | None = brief.COLUMNS,
    judges: str | None = brief.JUDGES,
    seconds: float | None = brief.SECONDS,
    sounds: list[Path] = _SOUNDS,
    weights: list[str] = options.WEIGHTS,
    device: str = _DEVICE,
    as_json: bool = json_option(),
) -> None:
    """List the suites, show one in full, or write one of your own.

    In full are prompts, metrics, references, licence and digest. A suite that is not fetched yet shows what its
    manifest states (`evalkit fetch suite NAME` gets the rest).

    `evalkit suites new NAME --from captions.csv` writes NAME.toml and NAME.jsonl here: the suite that `score` makes of
    the same options, to be kept and shared, with the same numbers.

    `evalkit suites anchors NAME` computes the marks on the scales of a suite's metrics: its recordings against each
    other, under wrong captions, low-passed, noise, silence. It says the cost first; tables and pages show them from
    then on.

    \b
    Example:
      evalkit suites
      evalkit suites audiocaps
      evalkit suites new foley --from captions.csv --reference recordings/
      evalkit suites anchors foley.toml
    """
    if name == "anchors":
        compute_anchors(new, weights, device, as_json)
        return
    wrong = wrong_words()
    of_anchors = "--weights and --device are of `evalkit suites anchors NAME`"
    wrong.require(not weights and device == "auto", of_anchors, "leave them out")
    if name == "new":
        if new is None:
            raise UserError("evalkit suites new: which name?", "evalkit suites new NAME --from FILE")
        if from_ is None and not sounds:
            raise UserError(f"evalkit suites new {new}: from which prompts?", "--from FILE, or --sounds FOLDER")
        described = brief.described(from_, columns, reference, judges, seconds, sounds, new, wrong)
        _write(described, wrong, as_json)
        return
    wrong.settle()
    if new is not None or from_ is not None:
        raise UserError("evalkit suites shows one suite", "evalkit suites new NAME --from FILE writes one")
    from evalkit.api.suites import every_suite
    from evalkit.suites.load import load_outline

    if name is not None:
        _show(load_outline(name), name, as_json)
        return
    listed, broken = every_suite()
    found = [asdict(each) for each in listed]
    if as_json:
        print_json([*found, *({"name": each, "error": reason} for each, reason in broken.items())])
        return
    keys = ("name", "version", "size", "protocol", "prompts", "seconds", "metrics", "state", "title")
    rows = []
    for facts in found:
        figures = {"prompts": f"{facts['prompts']:,}", "seconds": _seconds(facts["seconds"])}
        rows.append([{**facts, **figures, "metrics": len(facts["metrics"])}[key] for key in keys])
    print_table(keys, rows, numbers=(4, 5, 6))
    for reason in broken.values():
        warn(reason)
    say()
    say("its prompts, metrics and references: evalkit suites NAME")


def _write(described: Brief, wrong: Gathering, as_json: bool) -> None:
    """Write the suite that is described, under its name, into the working folder; `wrong` is what was wrong with the
    words, which is told with what is wrong with the suite."""
    from evalkit.suites.keep import keep
    from evalkit.suites.load import load_suite

    with wrong.look():
        suite = load_suite(described)
    wrong.settle()
    for note in suite.notes:
        warn(note)
    manifest, prompts = keep(suite, Path())
    if as_json:
        print_json({"name": suite.name, "digest": suite.digest, "manifest": str(manifest), "prompts": str(prompts)})
        return
    held = f"{counted(len(suite.prompts), 'prompt')}, {counted(len(suite.metrics), 'metric')}"
    say(f"written: {manifest}, {prompts}: {held}, {suite.size}")
    for reason, names in brief.left_out(suite).items():
        say(f"left out: {', '.join(names)}: {reason}")
    say(f"evalkit score FOLDER --suite {shlex.quote(str(manifest))}")


def _seconds(stated: float | None) -> str:
    return "" if stated is None else f"{stated:,.0f}"


def _show(outline: Outline, name: str, as_json: bool) -> None:
    from evalkit.api.suites import fetched, suite_facts
    from evalkit.suites.counts import count

    suite = fetched(outline, name)
    counts = count(outline, suite)
    summary = asdict(suite_facts(outline, suite))
    plans = {metric: _plan(plan) for metric, plan in outline.metrics.items()}
    audio = None if outline.reference_audio is None else str(outline.reference_audio)
    digest = None if suite is None else suite.digest
    more = {"licence": outline.licence, "citation": outline.citation, "digest": digest, "reference_audio": audio}
    prompts = [] if suite is None else suite.prompts
    if as_json:
        items = [{"id": p.id, "text": p.text, "seconds": p.seconds, "labels": list(p.labels)} for p in prompts]
        print_json({**summary, **more, "counts": _counts(counts), "metrics": plans, "items": items})
        return
    facts = {key: value for key, value in {**summary, **more}.items() if key not in ("name", "metrics") and value}
    print_table(["suite", outline.name], [[key, value] for key, value in facts.items()])
    say()
    say(f"{_sentence(counts)}")
    if summary["state"] != "here":
        say(f"not all of it is here: evalkit fetch suite {name}")
    say()
    print_table(["metric", "weights", "reference", ""], [_row(metric, plan) for metric, plan in plans.items()])
    if suite is not None:
        _print_prompts(suite)


def _row(metric: str, plan: dict[str, Any]) -> list[object]:
    notes = [] if plan["reference_here"] else ["MISSING"]
    notes += [f"as {plan['like']}"] if "like" in plan else []
    for key, told in (("code", "code of its own"), ("embedder", "embedder's code")):
        notes += [f"{told}, not imported here: {plan[key] or 'no such module'}"] if key in plan else []
    return [metric, plan["weights"], plan["reference"], "; ".join(notes)]


def _plan(plan: MetricPlan) -> dict[str, Any]:
    """A reference is here where its own file is, or the pickle that it is made of at the first use."""
    from evalkit.suites.pinned import is_here

    here = plan.reference is None or is_file(plan.reference) or (plan.pinned is not None and is_here(plan.pinned))
    shown = plan.reference if plan.pinned is None else plan.pinned.path
    return {
        "weights": plan.weights,
        "reference": None if shown is None else str(shown),
        "reference_here": here,
        **({"like": plan.like} if plan.like else {}),
        **({"options": dict(plan.options)} if plan.options else {}),
        **_code(plan),
    }


def _code(plan: MetricPlan) -> dict[str, str]:
    """The files that a run would import for what the suite names by its code: the metric, and what embeds for it."""
    from evalkit.core.own_code import module_file
    from evalkit.embed.base import EMBEDDERS
    from evalkit.metrics.base import METRICS

    found = {}
    for key, registry, name in (("code", METRICS, plan.computed_by), ("embedder", EMBEDDERS, plan.embedded_by)):
        if registry.is_code(name):
            found[key] = ""
            with suppress(UserError):
                found[key] = module_file(registry.module(name))
    return found


def _counts(counts: Counts) -> dict[str, Any]:
    named = {"prompts": counts.prompts, "sources": counts.sources, "reference_clips": counts.reference_clips}
    return {**named, "scored": counts.scored, "stated": sorted(counts.stated)}


def _sentence(counts: Counts) -> str:
    """`4,875 prompts over 975 clips, 881 reference clips, 4,405 scored by KL`."""
    parts = [f"{counted(counts.prompts, 'prompt')} over {counted(counts.sources, 'clip')}"]
    if counts.reference_clips is not None:
        parts.append(counted(counts.reference_clips, "reference clip"))
    short = {"kl_passt": "KL"}
    parts += [f"{n:,} scored by {short.get(key, key)}" for key, n in counts.scored.items() if n is not None]
    return ", ".join(parts)


def _print_prompts(suite: Suite) -> None:
    say()
    first = suite.prompts[:_SHOWN_PROMPTS]
    shown = [[p.id, f"{p.seconds:g}", p.text if len(p.text) <= 100 else p.text[:99] + "…"] for p in first]
    print_table(["prompt", "s", "text"], shown, numbers=(1,))
    if len(suite.prompts) > len(shown):
        say(f"... and {len(suite.prompts) - len(shown)} more (--json lists them all)")
