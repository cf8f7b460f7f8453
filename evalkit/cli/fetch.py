"""`evalkit fetch`: get what is published elsewhere: a suite's files, or a network's weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli import brief
from evalkit.cli import run as options
from evalkit.cli.bring import YES, bring_for, require_consent
from evalkit.cli.output import json_option, print_json, print_table, say
from evalkit.cli.transfer import megabytes, transfer_for_this_terminal
from evalkit.cli.words import wrong_words
from evalkit.core.errors import UserError, unknown_name

if TYPE_CHECKING:
    from evalkit.core.faults import Gathering
    from evalkit.fetch.download import Fetched, Meter
    from evalkit.fetch.sources import Source
    from evalkit.suites.base import Outline, Suite
    from evalkit.suites.brief import Brief

_CHECKED = {
    "stated": "the published digest",
    "recorded": "the first download",
    "first": "nothing: first download, now recorded",
    "nothing": "nothing: put there by hand",
}


def fetch(
    what: str = typer.Argument(..., metavar="suite|weights|for", help="What to get; `for run`: all that a run needs."),
    names: list[str] | None = typer.Argument(None, metavar="NAME", help="Which; none lists what there is."),
    model: str = options.MODEL,
    suite: str | None = brief.SUITE,
    prompts: str | None = brief.PROMPTS,
    reference: str | None = brief.REFERENCE,
    columns: str | None = brief.COLUMNS,
    judges: str | None = brief.JUDGES,
    seconds: float | None = brief.SECONDS,
    table: str | None = brief.TABLE,
    weights: list[str] = options.WEIGHTS,
    checkpoint: Path | None = options.CHECKPOINT,
    yes: bool = YES,
    as_json: bool = json_option(),
) -> None:
    """Get a suite's published files, a network's weights, or all that a run needs.

    `fetch for run --model M --suite S` lists what that run needs (from where, how large, under which licence), asks
    where a licence wants consent, and brings the model, its text towers, the judges and the suite's files. The options
    are for this alone, --yes apart, and describe a suite as they do for `run`. `evalkit run --fetch` does the same
    before it runs.

    A suite's files are its prompts and reference statistics. Files go under EVALKIT_HOME, those of the Hugging Face hub
    into its cache, where other tools find them, each checked against its published digest, or against that of the first
    download where none is published. Typed again after a break, it goes on from there. HF_ENDPOINT, HF_HOME, HF_TOKEN
    (or `hf auth login`) and HF_HUB_OFFLINE hold. EVALKIT_MIRROR names a folder or an address to take files from
    instead; EVALKIT_OFFLINE=1 forbids the network.

    \b
    Example:
      evalkit fetch for run --model stable-audio --suite audiocaps
      evalkit fetch suite audiocaps
      evalkit fetch weights openl3 passt clap
      evalkit fetch weights
    """
    wrong = wrong_words()
    if what == "for":
        from evalkit.run.config import parse_weights

        told = "evalkit fetch for run --model M --suite S"
        wrong.require(names == ["run"], "evalkit fetch for: for what?", told)
        given = wrong.read({}, parse_weights, weights)
        asked = brief.suite_asked(
            suite, prompts, columns, reference, judges, seconds, table, given, wrong, fetching=True
        )
        _fetch_for(model, asked, given, checkpoint, wrong, yes, as_json)
        return
    wrong.settle()
    described = [suite, prompts, reference, columns, judges, seconds, checkpoint]
    if weights or any(each is not None for each in described):
        raise UserError("--weights, --checkpoint and what describes a suite go with `fetch for run`")
    kinds: dict[str, tuple[Callable[[bool], None], Callable[[str, Meter, bool], dict[str, Any]]]] = {
        "suite": (_list_suites, _fetch_suite),
        "weights": (_list_weights, partial(_fetch_weights, yes=yes)),
    }
    if what not in kinds:
        raise unknown_name("thing to fetch", what, (*kinds, "for run"))
    listing, fetching = kinds[what]
    if not names:
        listing(as_json)
        return
    with transfer_for_this_terminal() as meter:
        found = [fetching(name, meter, as_json) for name in dict.fromkeys(names)]
    if as_json:
        print_json({"fetched": found})
        return
    for each in found:
        _print(each)


def _fetch_for(
    model: str,
    suite: str | Suite | Brief,
    weights: Mapping[str, Path],
    checkpoint: Path | None,
    wrong: Gathering,
    yes: bool,
    as_json: bool,
) -> None:
    from evalkit.api.request import request

    models = options.models_of(model, checkpoint, wrong)
    configs = [request(each, suite, weights=weights, checkpoint=checkpoint, wrong=wrong) for each in models]
    done = bring_for(configs, yes, quiet=as_json)
    if as_json:
        print_json(done)
    else:
        words = f"--model {model} --suite {suite}" if isinstance(suite, str) else "with the same options"
        say(f"all of it is here: evalkit run {words}")


def _fetch_suite(name: str, meter: Meter, quiet: bool) -> dict[str, Any]:
    from evalkit.suites.counts import count, disagreements
    from evalkit.suites.load import load_outline, load_suite
    from evalkit.suites.obtain import obtain
    from evalkit.suites.pinned import pinned_files

    outline = load_outline(name)
    pinned = pinned_files(outline)
    if not quiet:
        _announce(f"suite {outline.name}", outline.licence, [(file.path.name, file.source) for file in pinned])
    files = [_file(each.file.path.name, each.file.source, each.fetched) for each in obtain(outline, meter)]
    suite = load_suite(name)
    counts = count(outline, suite)
    return {
        "kind": "suite",
        "name": outline.name,
        "licence": outline.licence,
        "files": files,
        "prompts": counts.prompts,
        "sources": counts.sources,
        "reference_clips": counts.reference_clips,
        "scored": counts.scored,
        "digest": suite.digest,
        "warnings": disagreements(outline, suite),
    }


def _fetch_weights(name: str, meter: Meter, quiet: bool, yes: bool) -> dict[str, Any]:
    from evalkit.fetch.parcels import bring, closed, licences, open_weights, require_room
    from evalkit.fetch.published import GROUPS

    _require_known(name)
    parcels = [open_weights(each) for each in GROUPS.get(name, (name,))]
    if not quiet:
        pieces = [(piece.name, piece.source) for parcel in parcels for piece in parcel.pieces]
        _announce(f"weights {name}", licences(parcels), pieces)
    for error in closed(parcels):
        raise error
    require_room(parcels)
    require_consent(parcels, yes)
    files = [
        {**_file(piece.name, piece.source, fetched), "licence": parcel.licence}
        for parcel in parcels
        for piece, fetched in bring(parcel, meter)
    ]
    return {"kind": "weights", "name": name, "licence": licences(parcels), "files": files, "warnings": []}


def _require_known(name: str) -> None:
    """Raises UserError for a name that is not known, or one that needs no fetching."""
    from evalkit.fetch.published import GROUPS, PUBLISHED
    from evalkit.fetch.weights import MINIS

    if name in MINIS:
        raise UserError(f"the weights {name} ship with evalkit: there is nothing to fetch")
    if name not in (*PUBLISHED, *GROUPS):
        raise unknown_name("weights file", name, (*PUBLISHED, *GROUPS))


def _announce(what: str, licence: str, files: Sequence[tuple[str, Source]]) -> None:
    """Before anything is fetched: under which licence, from where, and what it must be."""
    from evalkit.fetch.download import origin_of
    from evalkit.fetch.sources import pinned

    say(f"{what}: licence: {licence or 'none stated'}")
    for name, source in files:
        digest = pinned(source)
        must = "no digest published" if digest is None else f"{digest.kind} {digest.value}"
        say(f"  {name} ({must}) from {origin_of(source)}")
    say(flush=True)


def _file(name: str, source: Source, fetched: Fetched) -> dict[str, Any]:
    from evalkit.fetch.sources import address

    return {
        "name": name,
        "state": fetched.state,
        "size": fetched.size,
        "digest": {"kind": fetched.digest.kind, "value": fetched.digest.value},
        "checked_against": fetched.basis,
        "path": str(fetched.path),
        "source": address(source),
    }


def _print(found: dict[str, Any]) -> None:
    if not found["files"]:
        say(f"{found['kind']} {found['name']}: all of it ships with evalkit, or lies beside its manifest")
        return
    say(f"{found['kind']} {found['name']}: licence: {found['licence'] or 'none stated'}")
    for each in found["files"]:
        digest = f"{each['digest']['kind']} {each['digest']['value']}"
        say(f"  {each['state']:<7} {each['name']} ({megabytes(each['size'])}, {digest})")
        say(f"          checked against {_CHECKED[each['checked_against']]}; at {each['path']}")
    if found["kind"] == "suite":
        scored = "".join(f", {n:,} scored by {metric}" for metric, n in found["scored"].items() if n is not None)
        clips = "" if found["reference_clips"] is None else f", {found['reference_clips']:,} reference clips"
        say(f"  {found['prompts']:,} prompts over {found['sources']:,} clips{clips}{scored}")
    for warning in found["warnings"]:
        say(f"  note: {warning}")


def _list_suites(as_json: bool) -> None:
    from evalkit.suites.load import load_outline, suite_names
    from evalkit.suites.pinned import is_here, pinned_files

    def facts(outline: Outline) -> dict[str, Any]:
        files = pinned_files(outline)
        here = sum(is_here(file) for file in files)
        return {"name": outline.name, "files": len(files), "here": here, "licence": outline.licence}

    _print_list([facts(load_outline(name)) for name in suite_names()], as_json)


def _list_weights(as_json: bool) -> None:
    from evalkit.core.errors import MissingWeights
    from evalkit.fetch.hub_cache import is_cached
    from evalkit.fetch.published import PUBLISHED
    from evalkit.fetch.weights import locate

    def here(name: str) -> str:
        try:
            found = locate(name, {})
            return f"in the cache: {found}" if is_cached(found) else str(found)
        except MissingWeights:
            return "not here" if PUBLISHED[name].fetchable else f"not here: {PUBLISHED[name].why_not}"

    rows = [{"name": n, "here": here(n), "licence": p.licence, "from": p.source} for n, p in PUBLISHED.items()]
    _print_list(rows, as_json)


def _print_list(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
