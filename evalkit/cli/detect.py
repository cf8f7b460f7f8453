"""`evalkit detect`: which way of computing gives a published number."""

from __future__ import annotations

from pathlib import Path

import typer

from evalkit.cli import run as options
from evalkit.cli.output import explain, json_option, print_json, print_table, say
from evalkit.cli.paths import typed
from evalkit.core.errors import UserError

_SHOWN = 10


def detect(
    folder: Path = typer.Argument(..., parser=typed, metavar="FOLDER", help="The sounds that were scored."),
    published: float = typer.Option(..., "--published", metavar="VALUE", help="The number that is to be explained."),
    metric: str = typer.Option(..., "--metric", help="fad_vggish, fd_panns, kl_panns or is_panns."),
    reference: Path | None = typer.Option(
        None, "--reference", parser=typed, metavar="FOLDER", help="The recordings that they were compared with."
    ),
    suite: str | None = typer.Option(None, "--suite", help="In place of --reference: a suite that has recordings."),
    limit: int | None = options.LIMIT,
    weights: list[str] = options.WEIGHTS,
    as_json: bool = json_option(),
) -> None:
    """Find which protocol gives a published number: every known variant of preparation and formula, ranked.

    Tried are the channel (first, mean), whether a clip's mean is taken off, four converters, the peak, what is cropped,
    and by metric ddof, epsilon, direction and splits. A sound that two variants prepare alike is embedded once. The
    nearest is no proof: how near the next ones are is told, and another checkpoint, reference set or number of clips is
    none of the variants (--limit tries fewer clips).

    \b
    Example:
      evalkit detect my-outputs --published 4.47 --metric fad_vggish --reference recordings/
    """
    from evalkit.cli.progress import for_this_terminal
    from evalkit.run.config import parse_weights
    from evalkit.run.detect import detect as find
    from evalkit.run.detect import named_sounds

    if (reference is None) == (suite is None) and metric != "is_panns":
        raise UserError("evalkit detect: compared with what?", "--reference FOLDER, or --suite NAME")
    place = reference or (None if suite is None else _of_suite(suite))
    recordings = {} if place is None else named_sounds(place, None)
    with for_this_terminal() as progress:
        found = find(metric, published, named_sounds(folder, limit), recordings, parse_weights(weights), progress)
    records = [{"value": each.value, "off": each.off, **each.variant.facts} for each in found]
    if as_json:
        print_json({"metric": metric, "published": published, "variants": records})
        return
    rows = [
        [place, f"{each.value:.6g}", f"{100 * each.off:.3g} %", each.variant.told]
        for place, each in enumerate(found[:_SHOWN], start=1)
    ]
    print_table(["", metric, "off by", "variant"], rows, numbers=(1, 2))
    best = [each for each in found if each.off <= found[0].off * (1 + 1e-9) + 1e-9]
    say(f"{len(found)} variants were tried; {len(best)} of them give the nearest value")
    if found[0].off > 0.01:
        explain("", "none is within 1 %: another checkpoint, reference set, number of clips, or other sounds")


def _of_suite(name: str) -> Path:
    from evalkit.suites.load import load_suite

    found = load_suite(name).reference_audio
    if found is None:
        raise UserError(f"--suite {name}: it has statistics and no recordings", "say --reference FOLDER")
    return found
