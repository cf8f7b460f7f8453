"""`evalkit verify`: does this installation compute what is known of it?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli import run as options
from evalkit.cli.originals import against_originals
from evalkit.cli.output import json_option, print_json, print_table, say, warn
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words
from evalkit.core.errors import UserError, unknown_name

if TYPE_CHECKING:
    from evalkit.verify.known import Request
    from evalkit.verify.verdict import Verdict

_NAMES = typer.Argument(None, metavar="NAME", help="Weights, or a file of answers; `minis`; none: everything.")
_ANSWERS = typer.Option([], "--answers", parser=typed, metavar="FILE", help="Compare with this record too. Repeatable.")
_RECORD = typer.Option(False, "--record", help="Leave a record of what the weights compute here; compare nothing.")
_OUT = typer.Option(
    None, "--out", parser=typed, metavar="FOLDER", help="With --record: where to; default EVALKIT_HOME/answers."
)
_AGAINST = typer.Option(
    None, "--against", metavar="originals", help="Score the same clips by the packages that the papers used."
)
_CLIPS = typer.Option(None, "--clips", parser=typed, metavar="DIR", help="With --against: the clips; default: ours.")


def verify(
    names: list[str] | None = _NAMES,
    weights: list[str] = options.WEIGHTS,
    device: str = options.DEVICE,
    answers: list[Path] = _ANSWERS,
    record: bool = _RECORD,
    out: Path | None = _OUT,
    against: str | None = _AGAINST,
    clips: Path | None = _CLIPS,
    as_json: bool = json_option(),
) -> None:
    """Compute what is known of this installation, and say: equal, near (by how much), or wrong.

    Where weights are here, what public test suites state of them is computed; what evalkit brings along (`minis`) is
    held against committed answers, so that there is something to verify on every machine. One weight that is changed
    anywhere shows in the digest, and where it matters in the outputs. Where nobody has published an answer, --record
    leaves one: your own installation is held against it from then on, and with --answers anybody's.

    --against originals makes an environment for each package that the papers used (openl3, hear21passt, laion-clap;
    2 GB each, once), has it score the same clips from the same weights files, on a CPU, and prints how far evalkit is
    from it. Names are judges or packages. Where a published file is not here, weights are drawn from a seed.

    Exit 1: something is wrong; 2: something to put right, or nothing could be computed of what was named.

    \b
    Example:
      evalkit verify
      evalkit verify minis openl3-music
      evalkit verify passt --record
      evalkit verify --against originals --clips recordings/
    """
    faults = wrong_words()
    if against is not None:
        if against != "originals":
            faults.add(unknown_name("comparison", against, ["originals"]))
        recorded = answers or record or out
        faults.require(not recorded, "--against goes without --answers, --record and --out", "type one after the other")
        faults.require(
            device in ("auto", "cpu"), f"--device {device}: --against computes on a CPU, as the originals do"
        )
        against_originals(names or [], clips, weights, as_json, faults)
        return
    faults.require(clips is None, "--clips goes with --against", "evalkit verify --against originals --clips DIR")
    faults.require(out is None or record, "--out goes with --record", "evalkit verify NAME --record --out FOLDER")
    from evalkit.fetch.published import by_own_names
    from evalkit.run.config import parse_weights, require_device, resolve_device
    from evalkit.verify.known import Request

    where, paths = resolve_device(device), faults.read({}, parse_weights, weights)
    faults.read(None, require_device, where)
    given = faults.read({}, by_own_names, paths, names or ())
    faults.settle()
    request = Request(tuple(names or ()), given, tuple(answers), where)
    if record:
        _record(request, out, as_json)
        return
    _verify(request, as_json)


def _verify(request: Request, as_json: bool) -> None:
    from evalkit.verify.known import nothing_known, verify_all

    began = time.perf_counter()
    found = list(verify_all(request))
    seconds = time.perf_counter() - began
    wrong = any(each.result == "wrong" for each in found)
    unverified = _unverified(found, bool(request.names))
    unknown = [] if request.names else nothing_known()
    if as_json:
        verdicts = [asdict(each) for each in found]
        facts = {"seconds": round(seconds, 1), "verdicts": verdicts, "nothing_known": unknown}
        print_json({"ok": not wrong and not unverified, **facts, "unverified": unverified})
    else:
        _tell(found, unknown, seconds)
    if unverified:
        warn(f"nothing could be verified of {', '.join(unverified)}: the reasons are given under `skipped`")
    if wrong or unverified:
        raise typer.Exit(1 if wrong else 2)


def _unverified(found: Sequence[Verdict], named: bool) -> list[str]:
    """Of what was asked for, the names of which nothing was computed: none of them may pass for verified. Where nothing
    was named, whatever is not here may be skipped, as long as something was computed."""
    computed = {each.name for each in found if each.result != "skipped"}
    return sorted({each.name for each in found} - computed) if named or not computed else []


def _tell(found: Sequence[Verdict], unknown: Sequence[str], seconds: float) -> None:
    """What was computed, then why anything is wrong or must be known, then what was not computed."""
    computed = [each for each in found if each.result != "skipped"]
    if computed:
        words = {"wrong": "WRONG"}
        rows = [
            [
                each.name,
                each.what,
                words.get(each.result, each.result),
                *map(_number, (each.difference, each.tolerance)),
            ]
            for each in computed
        ]
        print_table(["name", "what", "result", "difference", "tolerance"], rows, numbers=(3, 4))
        for each in computed:
            if each.reason:
                say(f"{each.name}, {each.what}: {each.reason}")
        say()
    left_out = [[each.name, each.what, each.reason] for each in found if each.result == "skipped"]
    if left_out:
        print_table(["skipped", "what", "reason"], left_out)
        say()
    if unknown:
        say(f"nobody has published an answer for {', '.join(unknown)}: --record leaves yours")
    count = Counter(each.result for each in found)
    say(f"{', '.join(f'{count[each]} {each}' for each in ('equal', 'near', 'wrong', 'skipped'))} in {seconds:.1f} s")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


def _record(request: Request, out: Path | None, as_json: bool) -> None:
    """Leave a record for each name, or for each judge that is here and has no answer."""
    from evalkit.fetch.home import writable_home
    from evalkit.verify.known import spelt_out, unanswered
    from evalkit.verify.record import kind_of, write_record

    names = spelt_out(request.names) or tuple(unanswered(request))
    if not names:
        raise UserError("every judge whose weights are here has an answer already", "evalkit verify NAME --record")
    for name in names:
        kind_of(name)
    folder = writable_home("answers") if out is None else out
    written = {name: str(write_record(name, request, folder)) for name in names}
    if as_json:
        print_json({"recorded": written})
        return
    for name, path in written.items():
        say(f"{name}: {path}")
