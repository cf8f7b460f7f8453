"""The command line: `evalkit VERB`, each verb in the file of its name.

A verb's module holds one function of the verb's name, whose docstring is its help; every import that costs
time stays inside that function, so that `evalkit --help` starts no torch. Only the module of the verb that
was typed is imported, all of them for the list of verbs.

Exit codes: 0 done; 1 the gate says worse, more items failed than allowed, or a metric or the closing of a model did; 2
something the person can put right, told in one line, be it one model of several that could not be run; 130 interrupted.
Anything else is a bug and keeps its traceback. Whoever reads the output
may go away before its end (`| head`): the code is what it would have been.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from typing import NoReturn

import typer

from evalkit.cli.complaints import complain
from evalkit.cli.output import flush, say, tolerant_streams, warn
from evalkit.cli.telling import with_telling
from evalkit.cli.words import Verb
from evalkit.core import interrupts, threads
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.files import refusal

VERBS = (
    "run",
    "generate",
    "score",
    "codec",
    "plan",
    "report",
    "bundle",
    "compare",
    "agree",
    "detect",
    "check",
    "trend",
    "listen",
    "models",
    "baselines",
    "suites",
    "metrics",
    "tables",
    "embedders",
    "new",
    "fetch",
    "doctor",
    "verify",
)
_OWN_OPTIONS = ("--version", "--help", "-h", "--install-completion", "--show-completion")
_GOES_ON = ("run", "generate", "score", "fetch", "baselines")
"""Verbs that keep what they have done when they are stopped."""


def build(verbs: tuple[str, ...] = VERBS) -> typer.Typer:
    """The application with these verbs; a verb's function may be typed `def run(...)` with typer options."""
    app = typer.Typer(
        name="evalkit",
        help="Generate, score, compare and gate text-to-audio models.",
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_top)
    for verb in verbs:
        function = getattr(importlib.import_module(f"evalkit.cli.{verb}"), verb)
        app.command(name=verb, cls=Verb)(with_telling(function))
    return app


def _version(wanted: bool) -> None:
    if wanted:
        import evalkit

        say(evalkit.__version__)
        raise typer.Exit


def _top(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
) -> None:
    """Generate, score, compare and gate text-to-audio models."""


def script() -> None:
    """What the console script and `python -m evalkit` call: `main` in a process of its own."""
    interrupts.entering()
    threads.settle()
    code: object = 1
    try:
        main()
    except SystemExit as ended:
        code = ended.code
        raise
    finally:
        interrupts.leaving(code if isinstance(code, int) else int(code is not None))


def main() -> None:
    """Run the verb that was typed, and turn a UserError into one line on stderr and exit code 2."""
    tolerant_streams()
    typed = sys.argv[1] if len(sys.argv) > 1 else ""
    with interrupts.heeded():
        try:
            try:
                _require_known(typed)
                build((typed,) if typed in VERBS else VERBS)()
            finally:
                flush()
        except (Exception, KeyboardInterrupt, SystemExit) as ended:  # noqa: BLE001 - a bug is raised again
            _end(ended, typed)


def _require_known(typed: str) -> None:
    """Raises UserError for a word that is no verb, and for an option of a verb in front of it."""
    if typed.startswith("-"):
        if typed not in _OWN_OPTIONS:
            raise UserError(f"evalkit has no option {typed}", "an option stands behind its verb: evalkit run --limit 8")
    elif typed and typed not in VERBS:
        raise unknown_name("verb", typed, VERBS)


def _end(ended: BaseException, verb: str) -> NoReturn:
    """Leave with the exit code of what ended a verb. After a stop was asked for, whatever came of it is the stop."""
    finished = isinstance(ended, SystemExit) and ended.code in (0, None)
    if isinstance(ended, KeyboardInterrupt) or (interrupts.asked() and not finished):
        how = "and it goes on from here" if verb in _GOES_ON else "to begin anew"
        with suppress(OSError):  # the terminal may be gone
            warn(f"interrupted; type the same command again {how}")
        sys.exit(interrupts.EXIT_CODE)
    if isinstance(ended, OSError):
        ended = refusal(ended) or ended
    if isinstance(ended, UserError):
        complain(ended)
        sys.exit(ended.exit_code)
    raise ended
