"""How `metrics test` runs and tells, and how `metrics NAME` shows the card that ships."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.output import explain, print_json, print_table, say

if TYPE_CHECKING:
    from evalkit.core.faults import Gathering
    from evalkit.metrics.sensitivity import Sensitivity
    from evalkit.suites.brief import Brief


def try_metrics(
    names: Sequence[str],
    brief: Brief,
    ladders: Sequence[str],
    weights: Sequence[str],
    limit: int | None,
    device: str,
    out: Path | None,
    wrong: Gathering,
    as_json: bool,
) -> None:
    """Measure, print the cards, write them where that is asked; exit code 1 where a metric does not what it claims,
    or gives no number on any ladder."""
    from evalkit.api.sensitivity import trial_of
    from evalkit.cli.progress import for_this_terminal
    from evalkit.metrics.sensitivity import as_json as plain
    from evalkit.metrics.sensitivity import broken_told
    from evalkit.run.config import parse_weights
    from evalkit.run.ladders import measure

    given = wrong.read({}, parse_weights, weights)
    trial = trial_of(names, brief, ladders, given, limit, device, wrong)
    with for_this_terminal() as progress:
        cards = measure(trial, progress)
    written = [path for card in cards for path in write(card, out)] if out is not None else []
    if as_json:
        print_json({"cards": [plain(card) for card in cards], "files": [str(path) for path in written]})
    else:
        for card in cards:
            print_card(card)
        for path in written:
            say(f"written: {path}")
    broken = broken_told(cards)
    for sentence in broken if not as_json else ():
        say(sentence)
    if broken or not all(any(each.verdict for each in card.ladders) for card in cards):
        raise typer.Exit(1)


def write(card: Sensitivity, folder: Path) -> list[Path]:
    """The card as NAME.json and NAME.svg."""
    from evalkit.core.files import write_bytes
    from evalkit.metrics.sensitivity import keep
    from evalkit.report.sensitivity import picture

    paths = [folder / f"{card.metric}.{suffix}" for suffix in ("json", "svg")]
    keep(paths[0], card)
    write_bytes(paths[1], picture(card))
    return paths


def print_card(card: Sensitivity) -> None:
    """A table of the ladders, and of what it is made."""
    from evalkit.report.sensitivity import HEADS, LEGEND, made_of, rows

    explain("", f"{card.title} ({card.metric}), {made_of(card)}")
    print_table(HEADS, rows(card))
    for note in card.notes:
        explain("", note)
    explain("", LEGEND)
    say()


def print_shipped(metric: str) -> None:
    """The card that ships, in short; how to have one where none does."""
    from evalkit.metrics.sensitivity import shipped
    from evalkit.report.sensitivity import brief_told

    card = shipped(metric)
    say("What it hears")
    if card is None:
        say(f"    no card ships with it: evalkit metrics test {metric} makes one")
    for line in brief_told(card) if card is not None else ():
        explain("    ", line)
    say()
