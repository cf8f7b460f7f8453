"""The options that describe a suite without a manifest, which `score`, `run` and `generate` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.output import warn
from evalkit.core.errors import UserError

if TYPE_CHECKING:
    from evalkit.suites.base import Suite

SUITE = typer.Option(None, "--suite", help="A suite's name, or the path of its manifest; default mini.")
PROMPTS = typer.Option(
    None,
    "--prompts",
    metavar="FILE",
    help="Your prompts instead of a suite's: csv, tsv, jsonl, json or parquet; `names`: the file names say them.",
)
COLUMNS = typer.Option(
    None, "--columns", metavar="ROLE=NAME,...", help="Which column is id, text, seconds, group or labels."
)
REFERENCE = typer.Option(
    None, "--reference", metavar="PATH", help="A folder of recordings, a statistics file, or a suite's name."
)
JUDGES = typer.Option(None, "--judges", metavar="NAMES", help="full, mini, or names of weights; default: full if here.")
SECONDS = typer.Option(None, "--seconds", help="One length for all prompts.")


def suite_asked(
    suite: str | None,
    prompts: str | None,
    columns: str | None,
    reference: str | None,
    judges: str | None,
    seconds: float | None,
    weights: Sequence[str],
    sounds: Sequence[Path] = (),
    samples: int = 1,
) -> str | Suite:
    """The suite that the options mean, loaded where they describe one, and told. Raises UserError where --suite names
    another one too."""
    from evalkit.api.brief import suite_asked as described
    from evalkit.cli.words import names
    from evalkit.run.config import parse_weights
    from evalkit.suites.base import Suite

    found = described(
        suite,
        prompts=prompts,
        columns=None if columns is None else _roles(columns),
        reference=reference,
        judges=names("--judges", judges) if judges else None,
        seconds=seconds,
        weights=parse_weights(weights),
        sounds=sounds,
        samples=samples,
    )
    for note in found.notes if isinstance(found, Suite) else ():
        warn(note)
    return found


def _roles(columns: str) -> dict[str, str]:
    """`id=ytid,text=caption` as {role: column}."""
    roles = {}
    for pair in columns.split(","):
        role, separator, name = pair.partition("=")
        if not separator or not role.strip() or not name.strip():
            raise UserError(f"--columns {pair!r}: not of the form ROLE=NAME", "e.g. --columns id=ytid,text=caption")
        roles[role.strip()] = name.strip()
    return roles
