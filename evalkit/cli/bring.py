"""What `fetch for run` and `run --fetch` share: the list of what there is to bring, consent, and bringing it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli.output import print_table, say, warn
from evalkit.cli.transfer import megabytes, transfer_for_this_terminal
from evalkit.core.errors import UserError
from evalkit.core.text import count

if TYPE_CHECKING:
    from evalkit.fetch.parcels import Parcel
    from evalkit.run.config import RunConfig

YES = typer.Option(False, "--yes", help="With what is fetched: agree to its licences, without being asked.")


def bring_for(configs: Sequence[RunConfig], yes: bool, quiet: bool) -> dict[str, Any]:
    """Print what these runs need and do not have, ask where a licence wants it, and bring it; `quiet` prints no list.

    Raises UserError where consent is missing and nobody can be asked, something is gated and there is no token, or the
    disk has no room: before the first byte. Returns what was found and done, for --json.
    """
    from evalkit.run.needs import bring_all, needs_of, require_reachable

    needs = needs_of(configs)
    parcels = needs.parcels
    if parcels and not quiet:
        _print(parcels)
    for note in needs.notes:
        warn(note)
    room = require_reachable(needs)
    if not quiet:
        _print_total(parcels, room)
    require_consent(parcels, yes)
    facts = [_facts(parcel) for parcel in parcels]
    with transfer_for_this_terminal() as meter:
        fetched = sum(done.state == "fetched" for _, _, done in bring_all(parcels, meter))
    if not quiet and fetched:
        say(f"{count(fetched, 'file')} fetched, checked by digest")
    return {"needs": facts, "files_fetched": fetched, "notes": needs.notes}


def _print(parcels: Sequence[Parcel]) -> None:
    rows = [
        [
            f"{parcel.kind} {parcel.name}",
            parcel.origin,
            "?" if parcel.size is None else megabytes(parcel.size) if parcel.pieces else "",
            parcel.licence or "none stated",
            "yes" if parcel.gated else "",
            state(parcel),
        ]
        for parcel in parcels
    ]
    print_table(["what", "from", "size", "licence", "gated", ""], rows, numbers=(2,))


def state(parcel: Parcel) -> str:
    """Where a parcel is, in words."""
    if not parcel.reachable:
        return "not here"
    if not parcel.to_bring:
        return "in the Hugging Face cache" if any(each.state == "cached" for each in parcel.pieces) else "here"
    left = len(parcel.to_bring)
    return "to bring" if left == len(parcel.pieces) else f"to bring: {left} of {len(parcel.pieces)} files"


def _print_total(parcels: Sequence[Parcel], room: Mapping[Path, tuple[int, int]]) -> None:
    unknown = [piece.name for parcel in parcels for piece in parcel.to_bring if piece.size is None]
    if not room:
        say("nothing to bring", flush=True)
    for folder, (size, free) in room.items():
        more = f" and {count(len(unknown), 'file')} of unknown size" if unknown else ""
        say(f"to bring: {megabytes(size)}{more}; free: {megabytes(free)} at {folder}", flush=True)


def require_consent(parcels: Sequence[Parcel], yes: bool) -> None:
    """Ask where a licence of what is to be brought wants it. Raises UserError where nobody can be asked, or says no."""
    from evalkit.fetch.parcels import consent, refuse_without_consent

    told = consent(parcels)
    if not told or yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        refuse_without_consent(told)
    if not typer.confirm(f"licences that want your consent: {told}\nfetch these under them?", err=True):
        raise UserError("nothing was fetched: the licences were not agreed to")


def _facts(parcel: Parcel) -> dict[str, Any]:
    return {
        "kind": parcel.kind,
        "name": parcel.name,
        "from": parcel.origin,
        "licence": parcel.licence,
        "gated": parcel.gated,
        "size": parcel.size,
        "state": state(parcel),
        "files": [{"name": each.name, "size": each.size, "state": each.state} for each in parcel.pieces],
    }
