"""The suite that is asked for: one by its name, or one that is described by prompts, references and judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.paths import typed
from evalkit.run.config import DEFAULT_SUITE
from evalkit.suites.base import Suite
from evalkit.suites.brief import Brief, Prompts
from evalkit.suites.load import load_suite


def suite_asked(
    suite: str | None = None,
    *,
    prompts: str | Path | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    reference: str | Path | None = None,
    judges: str | Sequence[str] | None = None,
    seconds: float | None = None,
    weights: Mapping[str, str | Path] | None = None,
    sounds: Sequence[Path] = (),
    samples: int = 1,
    fetching: bool = False,
    table: str | None = None,
    wrong: Gathering,
) -> str | Suite | Brief:
    """A suite's name, or the suite that the others describe, with `notes` to be told; the parameters are those of
    `evalkit.score`. Where what is missing will be fetched (`fetching`), a suite that is described is judged by the full
    judges, if nothing else is said.

    One that something is wrong with stays the Brief that it was: the plan of the run says what it is. That a suite is
    named and described is added to `wrong`, with what is wrong with the description.
    """
    given = {
        "--prompts": prompts, "--columns": columns, "--reference": reference, "--judges": judges, "--seconds": seconds,
        "--table": table,
    }  # fmt: skip
    options = [option for option, value in given.items() if value is not None]
    if not options:
        return DEFAULT_SUITE if suite is None else suite
    if suite is not None:
        told = f"--suite {suite} has its prompts, references and judges, and goes without {', '.join(options)}"
        wrong.add(UserError(told, f"--reference {suite} compares other prompts with its references"))
    brief = described(
        prompts=prompts,
        columns=columns,
        reference=reference,
        judges="full" if fetching and judges is None and table is None else judges,
        seconds=seconds,
        sounds=sounds,
        samples=samples,
        table=table or "",
    )
    paths = {name: typed(path) for name, path in (weights or {}).items()}
    if suite is not None:
        wrong.read(None, load_suite, brief, paths)
        return suite
    try:
        return load_suite(brief, paths)
    except UserError:
        return brief


def described(
    *,
    prompts: str | Path | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    reference: str | Path | None = None,
    judges: str | Sequence[str] | None = None,
    seconds: float | None = None,
    sounds: Sequence[Path] = (),
    samples: int = 1,
    name: str = "",
    table: str = "",
) -> Brief:
    """The Brief of a suite, which `name` is to be called. Raises UserError for an empty path."""
    return Brief(
        prompts=_prompts(prompts),
        columns=columns or {},
        reference=reference,
        judges=(judges,) if isinstance(judges, str) else judges or (),
        seconds=seconds,
        name=name,
        table=table,
        sounds=sounds,
        samples=samples,
    )


def _prompts(asked: str | Path | Mapping[str, str] | None) -> Prompts:
    if asked is None or asked == "names" or isinstance(asked, Mapping):
        return asked  # type: ignore[return-value]
    return typed(asked)
