"""`evalkit metrics`: the metrics at hand, or the manual of one."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli import brief
from evalkit.cli import run as options
from evalkit.cli.findings import checked_name, tell
from evalkit.cli.output import json_option, print_json, print_table, say, warn
from evalkit.cli.paths import typed
from evalkit.cli.sensitivity import print_shipped, try_metrics
from evalkit.cli.words import wrong_words
from evalkit.core.errors import UserError

if TYPE_CHECKING:
    from evalkit.metrics.base import MetricCard


_NAMES = typer.Argument(
    None, metavar="NAME", help="With `check`: the metric to check, also file.py:NAME. With `test`: one or several."
)
_DATA = typer.Option(
    None, "--data", parser=typed, metavar="FOLDER", help="With `test`: recordings of your own; default what ships."
)
_LADDERS = typer.Option([], "--ladder", metavar="LADDER", help="With `test`: this ladder only. Repeatable.")
_OUT = typer.Option(None, "--out", parser=typed, metavar="FOLDER", help="With `test`: where NAME.json and .svg go.")


def metrics(
    name: str | None = typer.Argument(None, metavar="NAME|check|test", help="A metric's name, `check` or `test`."),
    names: list[str] | None = _NAMES,
    data: Path | None = _DATA,
    prompts: str | None = brief.PROMPTS,
    columns: str | None = brief.COLUMNS,
    reference: str | None = brief.REFERENCE,
    judges: str | None = brief.JUDGES,
    ladder: list[str] = _LADDERS,
    weights: list[str] = options.WEIGHTS,
    limit: int | None = typer.Option(None, "--limit", help="With `test`: only the first N recordings."),
    device: str = typer.Option("auto", "--device", help="With `test`: where the judges run: auto, cpu or cuda."),
    out: Path | None = _OUT,
    as_json: bool = json_option(),
) -> None:
    """List the metrics, print the manual of one, check one against the rules, or test what it hears.

    A manual has the formula, the unit, the range, what the metric cannot hear, and the marks on its scale (recordings
    against each other, wrong captions, noise, silence) for each suite that has them here. `evalkit metrics check NAME`
    tries one on features of noise (the same again, in another order, without each fold, one clip, none, broken ones;
    that its interval holds the value and that it changes nothing of what it is given) and says which rule it breaks:
    exit 1.

    `evalkit metrics test NAME` damages recordings step by step (noise, low-pass, MP3, cropping, wrong captions ...) and
    says along which of these ladders the metric moves, beyond what its noise explains: its sensitivity card. Metrics of
    your own may say what they hear (`hears`, `deaf_to` on the card); where that is not so: exit 1.

    \b
    Example:
      evalkit metrics
      evalkit metrics fd_openl3
      evalkit metrics check mine.py:METRIC
      evalkit metrics test clap_score kl_passt
      evalkit metrics test mine.py:METRIC --data recordings/ --out cards/
    """
    wrong = wrong_words()
    if name == "test":
        described = brief.described(prompts, columns, reference, judges, None, [data] if data else [], "", wrong)
        try_metrics(names or [], described, ladder, weights, limit, device, out, wrong, as_json)
        return
    asked = (data, prompts, columns, reference, judges, limit, out, *ladder, *weights)
    alone = not any(each is not None for each in asked) and device == "auto"
    wrong.require(alone, "evalkit metrics: only --json is not about `test`", "evalkit metrics test NAME ...")
    wrong.settle()
    checked = names[0] if names else None
    if names and len(names) > 1:
        raise UserError(f"evalkit metrics {name} {' '.join(names)}: one name at a time", "test takes several")
    if checked_name(name, checked, "metric"):
        from evalkit.run.metric_rules import check_metric

        tell("metric", str(checked), check_metric(str(checked)), as_json)
        return
    if name is not None:
        _show(name, as_json)
        return
    _list(as_json)


def _list(as_json: bool) -> None:
    from evalkit.metrics.base import METRICS
    from evalkit.metrics.contract import load_metric

    cards: list[MetricCard] = []
    broken: dict[str, str] = {}
    for each in METRICS.names():
        try:
            cards.append(load_metric(each).card)
        except UserError as error:  # of an installed package; the others are listed
            broken[each] = str(error)
    if as_json:
        print_json([*map(_as_json, cards), *({"name": each, "error": reason} for each, reason in broken.items())])
        return
    kinds = {"set": "set of clips", "pair": "clip per prompt", "": "none"}
    further = sorted((card for card in cards if not card.headline), key=lambda card: card.family)
    for title, group in (
        ("", [card for card in cards if card.headline]),
        ("Further measures, which rank nothing:", further),
    ):
        rows = [[c.name, _better(c), c.family, kinds[c.reference], "yes" if c.text else "no", c.title] for c in group]
        if rows:
            if title:
                say()
                say(title)
            print_table(["name", "better", "embedder", "reference", "text", "title"], rows)
    for reason in broken.values():
        warn(reason)


def _as_json(card: MetricCard) -> dict[str, object]:
    """The card as strict JSON: an end that a range does not have is null."""
    return {**asdict(card), "bounds": [end if math.isfinite(end) else None for end in card.bounds]}


def _better(card: MetricCard) -> str:
    return "neither" if card.direction == "none" else card.direction


def _show(name: str, as_json: bool) -> None:
    import inspect
    import sys

    from evalkit.cli.scales import print_scale
    from evalkit.metrics.base import METRICS
    from evalkit.metrics.contract import load_metric
    from evalkit.metrics.results import SEVERAL_SOUNDS
    from evalkit.metrics.sensitivity import as_json as plain
    from evalkit.metrics.sensitivity import shipped
    from evalkit.suites.anchors import every_anchor

    card: MetricCard = load_metric(name, typed=True).card
    module = sys.modules[METRICS.module(name, typed=True)]
    manual = "\n\n".join((inspect.cleandoc(module.__doc__ or "This metric has no manual."), SEVERAL_SOUNDS))
    if as_json:
        marks = [
            {"suite": dict(suite), "anchors": [asdict(a) for a in found]} for suite, found in every_anchor(card.name)
        ]
        known = shipped(card.name)
        print_json(
            {**_as_json(card), "manual": manual, "scales": marks, "sensitivity": plain(known) if known else None}
        )
        return
    say(f"{card.name}: {card.title}")
    say()
    facts = {"better": _better(card), "unit": card.unit, "embedder": card.family, "reference": card.reference}
    facts |= {"citation": card.citation, "cannot hear": card.blind_to}
    print_table(["", ""], [[key, value or "none"] for key, value in facts.items()])
    say()
    print_scale(card.name)
    print_shipped(card.name)
    for line in manual.splitlines():
        say(line)
