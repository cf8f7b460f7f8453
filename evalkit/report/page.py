"""One self-contained HTML file from one or many run folders.

The file opens from file:// with the network off. Its content security policy allows no source but data:
pictures and sounds and the one style and one script whose hashes it names, so nothing that came in with a
prompt or a file name can run or load, even if escaping were to fail. Equal input gives equal bytes.

A page names what it was made of (`made_of`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import evalkit
from evalkit.audio.pictures import FRAME
from evalkit.core.files import write_bytes
from evalkit.report import variance
from evalkit.report.board import Board
from evalkit.report.formats import FORMATS
from evalkit.report.latex import Style
from evalkit.report.made_of import ASSETS, made_of, made_of_runs
from evalkit.report.published import Figure, shipped
from evalkit.report.records import RunRecord, read_runs
from evalkit.report.sampling import Audio
from evalkit.report.scales import marks, marks_told, value_told
from evalkit.report.shelf import WITHIN, Beside, clear
from evalkit.report.speed import HEADINGS
from evalkit.report.tables import ARROWS, further_title
from evalkit.report.view import MINI, RANDOM_WEIGHTS, ReportView, build

if TYPE_CHECKING:
    from jinja2 import Environment

    from evalkit.report.ears import Ears

STYLES = ("style.css", "player.css", "slices.css")
EARLY = "sort.js"
SCRIPTS = ("theme.js", "script.js", "turns.js", "player.js", "shown.js", "export.js", "slices.js")
"""Files of `assets` that become the page's one style and its script at the end, in this order; `EARLY` stands behind
the first table, before the sounds."""

_TRIES = 5


def write_report(
    run_dirs: Sequence[Path],
    out: Path,
    audio: Audio = "sample",
    published: Sequence[Figure] | None = None,
    reference: bool = True,
) -> Path:
    """Write the report of `run_dirs` to `out` and return `out`; the rest is as in `publish`."""
    publish(run_dirs, out, audio, published, reference)
    return out


def publish(
    run_dirs: Sequence[Path],
    out: Path,
    audio: Audio = "sample",
    published: Sequence[Figure] | None = None,
    reference: bool = True,
    ears: Ears | None = None,
) -> tuple[RunRecord, ...]:
    """Write the report of `run_dirs` to `out`, and return the runs as they stand in it.

    `audio`: "sample" shows the sound of every prompt of a small report and of a spread of prompts of a large one; "all"
    of every prompt, in a folder beside the page (`shelf`); "none" of no prompt. `published` are figures of papers, None
    for those that come with evalkit. `reference` puts the suite's recordings beside the sounds, where a run says which
    they are. `ears` are what listeners said of the runs. Raises UserError where a folder is not a run folder.

    Pictures and players take their time. Where a run has changed meanwhile the page is written once more, so that a
    run which ended while it was told of does not keep a page of before.
    """
    figures = shipped() if published is None else published
    beside = Beside(out) if audio == "all" else None
    shelf = beside or WITHIN
    for _ in range(_TRIES):
        records = read_runs(run_dirs)
        told = made_of((record.digest for record in records), (record.suite.digest for record in records))
        view = build(records, audio, figures, None, reference, ears, shelf)
        write_bytes(out, render(view, told, media=shelf.sources).encode("utf-8"))
        if made_of_runs(run_dirs) == told:
            break
    clear(out, beside.names if beside else frozenset())
    return records


def render(view: ReportView, told: str, differences: object = None, media: str = "data:") -> str:
    """The page as text; `told` is what it was made of, `differences` a comparison's table (`comparison.Table`), and
    `media` where its sounds and pictures come from."""
    style, early, script = "".join(map(asset, STYLES)), asset(EARLY), "".join(map(asset, SCRIPTS))
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            view=view,
            differences=differences,
            made_of=told,
            style=style,
            early=early,
            script=script,
            policy=policy(style, script, early, media),
            exports=_exports([section.board for section in view.sections]),
            arrows=ARROWS,
            frame=FRAME,
            further_title=further_title,
            marks=marks,
            marks_told=marks_told,
            value_told=value_told,
            speed_headings=HEADINGS,
            split_headings=variance.HEADINGS,
            mini_note=MINI,
            random_note=RANDOM_WEIGHTS,
            version=evalkit.__version__,
        )
    )


def policy(style: str, script: str, early: str = "", media: str = "data:", sent_to: str = "") -> str:
    """The content security policy of a page with exactly this style and this script, and one that runs `early` where it
    has one. `media` is where sounds and pictures come from, `sent_to` the one address that the script may reach ("" for
    none)."""
    scripts = " ".join(f"'{_hash(each)}'" for each in (early, script) if each)
    return (
        f"default-src 'none'; img-src {media}; media-src {media}; style-src '{_hash(style)}'; "
        f"script-src {scripts}; {f'connect-src {sent_to}; ' if sent_to else ''}base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def asset(name: str) -> str:
    """A style, script or template of the page, as text."""
    return (ASSETS / name).read_text(encoding="utf-8")


def _exports(boards: Sequence[Board]) -> list[tuple[str, str, str]]:
    """(title, file name, data: link) of the tables in each format."""
    return [
        (kind.title, f"leaderboard.{kind.ending}", _link(kind.media, kind.write(boards, Style())))
        for kind in FORMATS.values()
    ]


def _link(media: str, text: str) -> str:
    return f"data:{media};charset=utf-8;base64,{base64.b64encode(text.encode('utf-8')).decode('ascii')}"


def environment(folder: Path = ASSETS) -> Environment:
    """The template engine, which escapes whatever it is given; `folder` has the templates."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
