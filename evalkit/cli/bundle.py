"""`evalkit bundle`: a finished run as one file, for others to look at and check."""

from __future__ import annotations

from pathlib import Path

import typer

from evalkit.cli.output import json_option, print_json, say
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words
from evalkit.core.files import require_place
from evalkit.core.text import count


def bundle(
    run: Path = typer.Argument(..., parser=typed, metavar="RUN", help="A finished run's folder."),
    out: Path | None = typer.Option(
        None, "--out", parser=typed, metavar="FILE", help="Where to write. Default: MODEL-RUNID.evalkit.zip, here."
    ),
    no_audio: bool = typer.Option(False, "--no-audio", help="The sounds' digests instead of the sounds."),
    as_json: bool = json_option(),
) -> None:
    """Put a finished run into one file: prompts, scores, what made them, and the sounds or their digests.

    `evalkit report` takes it like a run folder and checks every digest in it. That shows that it is whole, not that it
    is true: the numbers in it are those that its maker states. What was typed for the run is in it too, with its paths.

    \b
    Example:
      evalkit bundle runs/mini/stable-audio-mini/3f2a… --out mini.evalkit.zip
      evalkit report mini.evalkit.zip
    """
    from evalkit.report.records import read_run
    from evalkit.store.bundle import SUFFIX, write_bundle

    wrong = wrong_words()
    record = wrong.read(None, read_run, run)
    if out is not None:
        wrong.read(out, require_place, out)
    wrong.settle()
    assert record is not None, "else that is told"
    target = out or Path(f"{_readable(record.model.get('name', 'run'))}-{_readable(record.run_id)}{SUFFIX}")
    require_place(target)
    made = write_bundle(run, target, audio=not no_audio)
    if as_json:
        print_json({"bundle": str(made.path), "rows": made.rows, "sounds": made.sounds})
        return
    sounds = "digests alone" if no_audio else f"{count(made.sounds, 'file')} of audio"
    say(f"bundle: {made.path} ({count(made.rows, 'sound')} of the run; {sounds})")


def _readable(name: str) -> str:
    """A name as a part of a file's, without the digest that would make it the only one of its kind."""
    from evalkit.core.ids import safe_name

    return safe_name(name).partition("~")[0]
