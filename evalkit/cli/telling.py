"""How much a verb tells, and where else it is kept: `--quiet` and `--log FILE`, which every verb has.

What a verb says goes to the log as it is said, each line with its time: results, warnings, errors and, with `--quiet`
too, the progress. The file is appended to, so that one log may hold a night's work.
"""

from __future__ import annotations

import inspect
import os
import stat
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from evalkit.cli.paths import typed
from evalkit.core.errors import UserError
from evalkit.core.text import visible


class _Manner:
    """Of this process."""

    quiet = False
    log: int | None = None


def _be_quiet(wanted: bool) -> None:
    _Manner.quiet = wanted


def _open_log(path: Path | None) -> None:
    """Raises UserError where the file cannot be appended to, or is no regular file."""
    _Manner.log = None
    if path is None:
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        told = f"--log {path}: cannot be written: {error.strerror}"
        raise UserError(told, "name a file in a folder that there is") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UserError(f"--log {path}: is no file", "name a file to append to")
    _Manner.log = handle


def is_quiet() -> bool:
    """Is only the result to be told, and what is to be known of it?"""
    return _Manner.quiet


def keep(line: str) -> None:
    """Append a line to the log, where there is one. A disk that refuses it ends the log, not the work."""
    if _Manner.log is None:
        return
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = visible(" ".join(line.splitlines()))
    try:
        os.write(_Manner.log, f"{stamp} {text}\n".encode("utf-8", "replace"))
    except OSError:
        _Manner.log = None


QUIET = typer.Option(False, "--quiet", help="No progress: the result, warnings and errors.", callback=_be_quiet)
LOG = typer.Option(
    None,
    "--log",
    metavar="FILE",
    parser=typed,
    help="Append all that is said to this file, with times.",
    callback=_open_log,
)


def with_telling(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb's function with the two options that all of them have; it is not told of them."""

    @wraps(verb)
    def told(*given: Any, quiet: bool, log: Path | None, **named: Any) -> None:
        verb(*given, **named)

    kind = inspect.Parameter.KEYWORD_ONLY
    more = [
        inspect.Parameter("quiet", kind, default=QUIET, annotation=bool),
        inspect.Parameter("log", kind, default=LOG, annotation=Path | None),
    ]
    signature = inspect.signature(verb, eval_str=True)
    told.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *more])  # type: ignore[attr-defined]
    told.__annotations__ = {name: each.annotation for name, each in told.__signature__.parameters.items()}  # type: ignore[attr-defined]
    return told
