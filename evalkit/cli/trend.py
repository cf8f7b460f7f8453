"""`evalkit trend`: the page of a gate's history, each metric over the checks."""

from __future__ import annotations

from pathlib import Path

import typer

from evalkit.cli.output import json_option, print_json, say, warn
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words
from evalkit.core.files import require_place


def trend(
    history: Path = typer.Argument(
        ..., parser=typed, metavar="FILE", help="What `evalkit check --history FILE` appended."
    ),
    out: Path = typer.Option(
        Path("trend.html"), "--out", parser=typed, metavar="FILE", help="Where to write. Default: trend.html, here."
    ),
    as_json: bool = json_option(),
) -> None:
    """Write one HTML page of a gate's history: each metric over the checks, with baselines and verdicts.

    \b
    Example:
      evalkit check RUN --baseline baseline.json --history gate.jsonl
      evalkit trend gate.jsonl
    """
    from evalkit.report.history import read_history
    from evalkit.report.trend import write_trend

    wrong = wrong_words()
    place = wrong.read(out, require_place, out)
    if wrong.errors:
        wrong.read(None, read_history, history)
        wrong.settle()
    found = write_trend(history, place)
    if found.strange:
        warn(f"{history}: {found.strange} lines are no records and were passed over")
    if as_json:
        print_json({"page": str(out), "checks": len(found.checks), "strange": found.strange})
    else:
        say(f"page: {out} ({len(found.checks)} checks)")
