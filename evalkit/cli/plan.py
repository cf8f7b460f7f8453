"""`evalkit plan`: how many prompts and sounds a comparison takes, before it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.output import json_option, print_json, print_table, say
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words
from evalkit.core.text import count
from evalkit.report.text import figure

if TYPE_CHECKING:
    from evalkit.comparison.foresight import Foresight
    from evalkit.comparison.record import Record

_DETECT = "The change to see: 5% of the baseline's, or a value. Repeatable."
_TWIN = "A second run of the baseline's model, with another seed: what its figures differ by is then measured."
_CORRELATION = (
    "Where it is not measured: how alike two sounds of one prompt score, 0 to 1; 0 asks for the most prompts."
)


def plan(
    detect: list[str] = typer.Option(
        ...,
        "--detect",
        metavar="METRIC=CHANGE",
        help="The change to see: 5% of the baseline's, or a value. Repeatable.",
    ),
    baseline: Path = typer.Option(
        ..., "--baseline", parser=typed, metavar="FILE", help="A baseline file, run folder or bundle, for its spread."
    ),
    twin: Path | None = typer.Option(None, "--twin", parser=typed, metavar="RUN", help=_TWIN),
    samples: int | None = typer.Option(
        None, "--samples", metavar="K", help="Sounds per prompt, on both sides; default: the baseline's."
    ),
    correlation: float = typer.Option(0.0, "--correlation", metavar="R", help=_CORRELATION),
    as_json: bool = json_option(),
) -> None:
    """Say how many prompts and sounds see a change, four times of five, at 95 %.

    It is the gate of `evalkit check` that is foreseen: two runs on the same prompts, compared prompt by prompt. What of
    it was measured, and what is assumed, is said.

    \b
    Example:
      evalkit plan --detect fd_openl3=5% --baseline reports/baselines/mini/stable-audio-mini.json
      evalkit plan --detect clap_score=0.01 --baseline RUN --twin RUN_WITH_ANOTHER_SEED --samples 2
    """
    from evalkit.api.plan import foreseen
    from evalkit.run.baseline import read_side

    wrong = wrong_words()
    side, other = wrong.read(None, read_side, baseline), wrong.read(None, read_side, twin) if twin else None
    wanted = [(metric, told) for metric, _, told in (text.partition("=") for text in detect)]
    both = foreseen(side, wanted, other, samples, correlation, wrong)
    side, found = both.baseline, both.foresights
    if as_json:
        print_json({"baseline": side.source, "power": 0.8, "level": 0.95, "metrics": [asdict(each) for each in found]})
        return
    _print(found, side, correlation)


def _print(found: Sequence[Foresight], side: Record, correlation: float) -> None:
    suite = f"suite {side.suite.get('name')}, {count(len(side.groups), 'prompt')}"
    say(f"baseline  {side.source}  ({side.model.get('name')}, {suite})")
    say()
    headers = ["metric", "baseline", "to be seen", "prompts needed", "seen by these", "from seed to seed"]
    print_table(headers, [_row(each) for each in found], numbers=(1, 2, 3, 4))
    say()
    for each in found:
        say(_sentence(each))
    if any(each.kind == "distance of sets" and each.needed != each.prompts for each in found):
        say("a distance of other numbers of prompts is another value: the baseline has to be made with as many")
    if any(each.samples != side.samples for each in found):
        say(
            f"the baseline has {count(side.samples, 'sound')} a prompt: it has to be made again with {found[0].samples}"
        )
    if any(each.ground == "assumed" for each in found):
        alike = f"two sounds of one prompt correlate by {correlation:g} (--correlation)"
        way = (
            "--twin RUN, the same model with another seed, measures it; for means so does a baseline run of --samples 2"
        )
        say(f"assumed: {alike}; {way}")
    say(
        "assumed: a changed model is better or worse on all prompts alike; what differs from one to the next adds to it"
    )


def _row(each: Foresight) -> list[object]:
    needed = "over 10 million" if each.needed is None else f"{each.needed:,}"
    return [each.metric, figure(each.value), figure(each.change, 3), needed, figure(each.sees, 3), each.ground]


def _sentence(each: Foresight) -> str:
    sounds = "one sound each" if each.samples == 1 else f"{each.samples} sounds each"
    these = f"{each.metric}: {count(each.prompts, 'prompt')} of {sounds} see {figure(each.sees, 3)}"
    enough = "enough" if each.sees <= each.change else f"too few for {figure(each.change, 3)}"
    more = "; more sounds a prompt are not counted on" if each.kind == "distance of sets" and each.samples > 1 else ""
    return f"{these}: {enough}{more}"
