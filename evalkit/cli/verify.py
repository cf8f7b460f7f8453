"""`evalkit verify`: does this installation compute what is known of it?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.output import json_option, print_json, print_table, say
from evalkit.cli.paths import typed
from evalkit.core.errors import UserError, unknown_name

if TYPE_CHECKING:
    from evalkit.verify.verdict import Verdict

_AGAINST = typer.Option(
    None, "--against", metavar="originals", help="Score the same clips by the packages that the papers used."
)
_CLIPS = typer.Option(None, "--clips", parser=typed, metavar="DIR", help="With --against: the clips; default: ours.")


def verify(
    names: list[str] | None = typer.Argument(None, metavar="NAME", help="Which weights or formula; none: all."),
    against: str | None = _AGAINST,
    clips: Path | None = _CLIPS,
    as_json: bool = json_option(),
) -> None:
    """Compute what is known of this installation, and say whether it comes out.

    Exit 1: something is wrong; 2: something to put right.

    \b
    Example:
      evalkit verify
      evalkit verify kl_formula
    """
    if against is not None:
        _against(against, names or [], clips, as_json)
        return
    if clips is not None:
        raise UserError("--clips goes with --against", "evalkit verify --against originals --clips DIR")
    from evalkit.verify.known import verify_all
    from evalkit.verify.verdict import is_wrong

    began = time.perf_counter()
    found = verify_all(names or [])
    _tell(found, time.perf_counter() - began, as_json)
    if is_wrong(found):
        raise typer.Exit(1)


def _against(what: str, names: Sequence[str], clips: Path | None, as_json: bool) -> None:
    """`--against originals`: evalkit beside the original packages, on the same clips."""
    if what != "originals":
        raise unknown_name("comparison", what, ["originals"])
    raise UserError("--against originals: not in this version")


def _tell(found: Sequence[Verdict], seconds: float, as_json: bool) -> None:
    if as_json:
        ok = not any(each.result == "wrong" for each in found)
        print_json({"ok": ok, "seconds": round(seconds, 1), "verdicts": [asdict(each) for each in found]})
        return
    print_table(
        ["name", "what", "result", "difference", "tolerance", "reason"],
        [
            [each.name, each.what, each.result, _number(each.difference), _number(each.tolerance), each.reason]
            for each in found
        ],
        numbers=(3, 4),
    )
    count = Counter(each.result for each in found)
    say(f"{', '.join(f'{count[each]} {each}' for each in ('equal', 'near', 'wrong', 'skipped'))} in {seconds:.1f} s")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"
