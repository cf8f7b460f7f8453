"""The options that describe a suite without a manifest, which `score`, `run`, `generate` and `suites new` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.output import warn
from evalkit.cli.words import names
from evalkit.core.errors import UserError

if TYPE_CHECKING:
    from evalkit.core.faults import Gathering
    from evalkit.suites.base import Suite
    from evalkit.suites.brief import Brief

SUITE = typer.Option(None, "--suite", help="A suite's name, or the path of its manifest; default mini.")
PROMPTS = typer.Option(
    None,
    "--prompts",
    metavar="FILE",
    help="Your prompts, instead of a suite: csv, tsv, jsonl, json or parquet. `names`: the sounds' file names are the "
    "prompts. Left out beside --reference, --judges or --seconds: a .txt or .json lies beside each sound.",
)
COLUMNS = typer.Option(
    None,
    "--columns",
    metavar="ROLE=NAME,...",
    help="Which column of the prompts is id, text, seconds, group or labels; default: by their names.",
)
REFERENCE = typer.Option(
    None,
    "--reference",
    metavar="PATH",
    help="What to compare with: a folder of recordings, a statistics file, or a suite's name.",
)
JUDGES = typer.Option(
    None,
    "--judges",
    metavar="NAMES",
    help="full, mini, or names of weights (openl3-music,passt,clap); default: full where they are here, else mini.",
)
TABLE = typer.Option(
    None,
    "--table",
    metavar="NAME",
    help="A published table (evalkit tables): exactly its columns, by its judges and rules, instead of --judges.",
)
SECONDS = typer.Option(None, "--seconds", help="One length for all prompts.")


def suite_asked(
    suite: str | None,
    prompts: str | None,
    columns: str | None,
    reference: str | None,
    judges: str | None,
    seconds: float | None,
    table: str | None,
    weights: Mapping[str, Path],
    wrong: Gathering,
    sounds: Sequence[Path] = (),
    samples: int = 1,
    fetching: bool = False,
) -> str | Suite | Brief:
    """The suite that the options mean, loaded where they describe one, and told; `fetching` says that what is
    missing will be fetched. `wrong` gets what is wrong with the words; what is wrong with the suite, its plan says."""
    from evalkit.api.brief import suite_asked as asked
    from evalkit.suites.base import Suite

    found = asked(
        suite,
        prompts=prompts,
        columns=_roles(columns, wrong),
        reference=reference,
        judges=_names(judges, wrong),
        seconds=seconds,
        weights=weights,
        sounds=sounds,
        samples=samples,
        fetching=fetching,
        table=table,
        wrong=wrong,
    )
    for note in found.notes if isinstance(found, Suite) else ():
        warn(note)
    return found


def described(
    prompts: str | None,
    columns: str | None,
    reference: str | None,
    judges: str | None,
    seconds: float | None,
    sounds: Sequence[Path],
    name: str,
    wrong: Gathering,
) -> Brief:
    """The suite that the options describe, under its name and not yet loaded; `wrong` gets what is wrong with the
    words."""
    from evalkit.api.brief import described as as_brief

    return as_brief(
        prompts=prompts,
        columns=_roles(columns, wrong) or {},
        reference=reference,
        judges=_names(judges, wrong),
        seconds=seconds,
        sounds=sounds,
        name=name,
    )


def left_out(suite: Suite) -> dict[str, list[str]]:
    """{reason: metrics} of those that a suite goes without."""
    found: dict[str, list[str]] = {}
    for name, reason in suite.left_out.items():
        found.setdefault(reason, []).append(name)
    return found


def _names(judges: str | None, wrong: Gathering) -> list[str] | None:
    return None if judges is None else names("--judges", judges, wrong)


def _roles(columns: str | None, wrong: Gathering) -> dict[str, str] | None:
    """`id=ytid,text=caption` as {role: column}, as far as it is of that form."""
    if columns is None:
        return None
    roles: dict[str, str] = {}
    for pair in columns.split(","):
        role, _, name = (part.strip() for part in pair.partition("="))
        if not role or not name:
            wrong.add(
                UserError(f"--columns {pair!r}: not of the form ROLE=NAME", "e.g. --columns id=ytid,text=caption")
            )
        elif role in roles:
            wrong.add(UserError(f"--columns {pair!r}: {role} is given twice"))
        else:
            roles[role] = name
    return roles
