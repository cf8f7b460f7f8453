"""`evalkit listen`: a listening test from run folders, as a page that needs no server."""

from __future__ import annotations

import math
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.collecting import USUAL, collect_answers, sorted_out
from evalkit.cli.output import json_option, print_json, say, warn
from evalkit.cli.paths import typed
from evalkit.cli.words import names, wrong_words

if TYPE_CHECKING:
    from evalkit.listening.make import Made


class Kind(StrEnum):
    """What listeners do: the names of `evalkit.listening.study.KINDS`."""

    mos = "mos"
    ab = "ab"
    mushra = "mushra"


class Loudness(StrEnum):
    """What is done to the levels."""

    matched = "matched"
    as_is = "as-is"


def listen(
    runs: list[Path] | None = typer.Argument(
        None, parser=typed, metavar="RUN", help="Run folders of one suite, or bundles."
    ),
    kind: Kind = typer.Option(
        Kind.mos, "--kind", help="Rate sounds one by one, prefer one of two, or rate all beside a reference (mushra)."
    ),
    scales: str | None = typer.Option(
        None,
        "--scales",
        metavar="NAMES",
        help="What is asked: quality, alignment, musicality, stereo, structure. Default: quality,alignment.",
    ),
    prompts: int | None = typer.Option(None, "--prompts", metavar="N", help="How many prompts, drawn. Default: 24."),
    listeners: int | None = typer.Option(None, "--listeners", metavar="N", help="For how many. Default: 20."),
    ratings_per_clip: int | None = typer.Option(
        None, "--ratings-per-clip", metavar="K", help="Listeners of each clip. Default: as 60 screens each give."
    ),
    detect: float | None = typer.Option(
        None, "--detect", metavar="D", help="Say how many listeners see a difference of D (points; per cent for ab)."
    ),
    seed: int = typer.Option(0, "--seed", help="Draws the prompts and each listener's order."),
    out: Path | None = typer.Option(
        None,
        "--out",
        parser=typed,
        metavar="PLACE",
        help="A folder, or one FILE.html. Default: listen. With --collect: ratings.json.",
    ),
    post: str = typer.Option("", "--post", metavar="URL", help="Answers may also be sent there. Default: nowhere."),
    loudness: Loudness = typer.Option(Loudness.matched, "--loudness", help="Bring a prompt's sounds to one loudness."),
    collect: list[Path] = typer.Option(
        [],
        "--collect",
        parser=typed,
        metavar="ANSWERS...",
        help="Read what listeners sent: files, or a folder of them.",
    ),
    key: Path | None = typer.Option(
        None, "--key", parser=typed, metavar="FILE", help="The study's PLACE.key.json, for --collect."
    ),
    of_runs: list[Path] = typer.Option(
        [], "--runs", parser=typed, metavar="RUN...", help="With --collect: refuse answers that are not of these."
    ),
    keep_failed: bool = typer.Option(
        False, "--keep-failed", help="With --collect: count listeners who failed a check, too."
    ),
    as_json: bool = json_option(),
) -> None:
    """Build a listening test: a folder, or one HTML file, that opens from a double click or any host of files.

    Listeners hear sounds without names, in an order of their own, and send back one JSON file each. Whose sound is
    whose stands in PLACE.key.json beside it: keep that, and share the rest. Sounds of a prompt are brought to one
    loudness. A headphone check and attention checks are part of it. Give each listener a number: PLACE/index.html#1.

    With --collect, answers are read with that key: means with intervals by listener and prompt, scores of preferences,
    ranks, how far listeners agree. Who failed a check is left out, and named. It writes one file of ratings, for
    `evalkit report --listeners` and `evalkit agree`.

    \b
    Example:
      evalkit listen runs/mini/stable-audio-mini/* runs/mini/audioldm-mini/* --listeners 12
      evalkit listen RUN RUN --kind ab --scales quality --prompts 10 --out study.html
      evalkit listen --collect answers/ --key listen.key.json --out ratings.json
    """
    from evalkit.listening.build import Wish, outline, told
    from evalkit.listening.make import make, place_of

    if collect:
        answers, heard = sorted_out([*collect, *(runs or [])], of_runs)
        collect_answers(answers, key, heard, out or USUAL, keep_failed, as_json, wrong_words())
        return
    wrong = wrong_words()
    wrong.require(bool(runs), "no run is named", "name run folders, or --collect what listeners sent")
    alone = key is None and not of_runs and not keep_failed
    wrong.require(alone, "--key, --runs and --keep-failed are of --collect", "name the answers: --collect FILE")
    wish = Wish(
        kind.value,
        None if scales is None else tuple(names("--scales", scales, wrong)),
        prompts,
        listeners,
        ratings_per_clip,
        seed,
        loudness is Loudness.matched,
        post,
    )
    wrong.require(detect is None or 0 < detect < math.inf, f"--detect is {detect}, expected a difference above 0")
    place = wrong.read(None, place_of, out or Path("listen"))
    with ExitStack() as open_bundles:
        folders = [wrong.read(run, _unpacked, run, open_bundles) for run in runs or ()]
        plan = outline(folders, wish, wrong)
        assert place is not None, "else that is told"
        made = make(plan, place)
    _tell(made, told(plan, made.study, detect), as_json)


def _tell(made: Made, lines: list[str], as_json: bool) -> None:
    place, design = made.place, made.study.design
    if as_json:
        facts = {"study": made.study.id, "page": str(place.page), "key": str(place.key), "bytes": made.size}
        told = {"seed": design.seed, "listeners": len(design.seats), "told": lines, "notes": list(made.notes)}
        print_json(facts | told)
        return
    for line in lines:
        say(line)
    for note in made.notes:
        warn(note)
    say(f"seed: {design.seed}")
    say(f"page: {place.index} ({made.size / 1e6:.1f} MB); listener 1 opens {place.index}#1")
    say(f"key:  {place.key}, which tells whose sounds these are: keep it, and give nobody a copy")


def _unpacked(run: Path, open_bundles: ExitStack) -> Path:
    from evalkit.store.bundle import opened

    return run if run.is_dir() else open_bundles.enter_context(opened(run))
