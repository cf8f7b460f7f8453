"""`evalkit detect`: which way of computing gives a published number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli.output import explain, json_option, print_json, print_table, say
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words
from evalkit.core.errors import UserError
from evalkit.core.text import count

if TYPE_CHECKING:
    from evalkit.checkpoints.vggish_pca import Pca
    from evalkit.core.faults import Gathering
    from evalkit.run.detect import Asked, Match, Tried

_SHOWN = 10
_NEAR = 0.01


def detect(
    folder: Path = typer.Argument(..., parser=typed, metavar="FOLDER", help="The sounds that were scored."),
    published: str = typer.Option(
        ..., "--published", metavar="VALUE", help="The number that is to be explained, as it is printed: 4.47."
    ),
    metric: str = typer.Option(
        ...,
        "--metric",
        help="fad_vggish; fd_panns, kl_panns, is_panns; fd_passt, kl_passt, is_passt; fd_openl3 or clap_score.",
    ),
    reference: list[Path] = typer.Option(
        [],
        "--reference",
        parser=typed,
        metavar="FOLDER",
        help="The recordings that they were compared with. Repeatable: each is tried.",
    ),
    suite: str | None = typer.Option(
        None, "--suite", help="In place of --reference and --prompts: a suite that has recordings."
    ),
    prompts: Path | None = typer.Option(
        None, "--prompts", parser=typed, metavar="FILE", help="Of clap_score: the prompts, as `score` reads them."
    ),
    limit: list[int] = typer.Option([], "--limit", metavar="N", help="Try the first N sounds by name too. Repeatable."),
    loudness: list[float] = typer.Option(
        [], "--loudness", metavar="LUFS", help="Try the sounds brought to this loudness too. Repeatable."
    ),
    weights: list[str] = typer.Option(
        [],
        "--weights",
        metavar="NAME=PATH",
        help="This file or folder for weights of that name. Repeatable, also for one name: each is tried.",
    ),
    as_json: bool = json_option(),
) -> None:
    """Find which protocol gives a published number: every known variant of preparation and formula, ranked.

    Tried are the channel (first, mean), whether a clip's mean is taken off, the converter, the peak, what is cropped
    and filled; of VGGish the last ReLU, the PCA (with --weights vggish_pca=FILE) and pieces of a second; of PaSST
    windows; of OpenL3 channels side by side or mixed, and frames; of CLAP 16 bits; and by metric ddof, epsilon,
    direction, sigmoid, splits. A protocol of `evalkit tables` has its name. Further references, checkpoints,
    loudnesses and numbers of sounds are tried where they are named. A sound that two variants prepare alike is embedded
    once. The nearest is no proof: how near the next ones are is told.

    \b
    Example:
      evalkit detect my-outputs --published 4.47 --metric fad_vggish --reference recordings/
    """
    from evalkit.cli.progress import for_this_terminal
    from evalkit.run.detect import detect as find

    compared = _Compared(tuple(reference), suite, prompts)
    value, asked = _asked(folder, published, metric, compared, _Tried(limit, loudness, weights))
    with for_this_terminal() as progress:
        tried = find(asked, progress)
    groups = tried.ranked(float(value))
    if as_json:
        print_json(_record(metric, value, tried, groups))
    else:
        _print(metric, value, tried, groups)


@dataclass(frozen=True)
class _Compared:
    """What the sounds are compared with: recordings, a suite in their place, prompts."""

    reference: Sequence[Path]
    suite: str | None
    prompts: Path | None


@dataclass(frozen=True)
class _Tried:
    """What is tried beside the known choices."""

    limit: Sequence[int]
    loudness: Sequence[float]
    weights: Sequence[str]


def _asked(folder: Path, published: str, metric: str, compared: _Compared, tried: _Tried) -> tuple[Decimal, Asked]:
    """The number and what is to be tried. Raises UserError with all that is wrong with what was typed."""
    from evalkit.run.config import at_least_one
    from evalkit.run.detect import Asked, named_sounds
    from evalkit.run.variants import check_metric, check_published

    wrong = wrong_words()
    value = wrong.read(Decimal(0), _number, published)
    known = wrong.read(None, check_metric, metric)
    if known is not None and not wrong.errors:
        wrong.read(None, check_published, metric, float(value))
    for each in tried.limit:
        wrong.read(None, at_least_one, "--limit", each)
    for lufs in tried.loudness:
        wrong.require(-70 <= lufs <= 0, f"--loudness {lufs:g}: a loudness is between -70 and 0 LUFS", "as in -23")
    level = f"{metric} hears no level: --loudness would change nothing"
    wrong.require(metric != "fd_openl3" or not tried.loudness, level, "leave it out")
    sounds = wrong.read({}, named_sounds, folder)
    references = _references(metric if known else "", compared, wrong)
    texts = wrong.read({}, _texts, metric if known else "", compared, sounds)
    checkpoints, beside = wrong.read(({}, {}), _checkpoints, metric if known else "", tried.weights)
    pca = wrong.read(None, _pca, metric if known else "", beside)
    wrong.settle()
    counts = tuple(dict.fromkeys(tried.limit))
    loudness = tuple(dict.fromkeys(tried.loudness))
    return value, Asked(metric, sounds, references, checkpoints, counts, pca, texts, beside, loudness)


def _references(metric: str, compared: _Compared, wrong: Gathering) -> dict[str, Mapping[str, Path]]:
    """{label: {name: file}}; none for a metric that needs none. Gathers what is wrong with them."""
    from evalkit.run.detect import named_sounds
    from evalkit.run.variants import needs_reference

    both = "--reference and --suite both say what is compared with"
    wrong.require(compared.suite is None or not compared.reference, both, "say one")
    if metric and not needs_reference(metric):
        return {}
    places = list(compared.reference)
    if not places and compared.suite is not None:
        places = wrong.read([], _of_suite, compared.suite)
    elif metric:
        wrong.require(bool(places), f"{metric}: compared with what?", "--reference FOLDER, or --suite NAME")
    return {label: wrong.read({}, named_sounds, place) for label, place in _labelled(places).items()}


def _texts(metric: str, compared: _Compared, sounds: Mapping[str, Path]) -> dict[str, str]:
    """{name of a sound: its prompt}, for a metric that compares with prompts. Raises UserError without any."""
    from evalkit.run.variants import needs_text
    from evalkit.suites.brief import Brief
    from evalkit.suites.listing import list_prompts
    from evalkit.suites.load import load_suite
    from evalkit.suites.recordings import belonging

    if not metric or not needs_text(metric):
        if compared.prompts is not None:
            raise UserError(f"--prompts: {metric or 'this metric'} compares with no prompts", "leave it out")
        return {}
    if compared.prompts is not None:
        folders = {path.parent for path in list(sounds.values())[:1]}
        prompts = list_prompts(Brief(compared.prompts, sounds=tuple(folders))).prompts
    elif compared.suite is not None:
        prompts = load_suite(compared.suite).prompts
    else:
        raise UserError(f"{metric}: compared with which prompts?", "--prompts FILE, or --suite NAME")
    if not sounds:
        return {}  # which is told already
    names = belonging("the sounds", prompts, sounds).names
    found = {names[each.id]: each.text for each in prompts if each.id in names}
    if not found:
        raise UserError(f"{metric}: no sound is named as a prompt is", "name each by its prompt's id")
    return found


def _number(text: str) -> Decimal:
    try:
        found = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or not float("-inf") < float(found) < float("inf"):
        raise UserError(f"--published {text}: is no number", "the number as it is printed: 4.47")
    return found


def _of_suite(name: str) -> list[Path]:
    from evalkit.suites.load import load_suite

    found = load_suite(name).reference_audio
    if found is None:
        raise UserError(f"--suite {name}: it has statistics and no recordings", "say --reference FOLDER")
    return [found]


def _labelled(places: Iterable[Path]) -> dict[str, Path]:
    """{what tells them apart: place}: the last part of each, or all of it where that is another's too."""
    every = list(dict.fromkeys(places))
    names = [each.name for each in every]
    return {str(each) if names.count(each.name) > 1 or not each.name else each.name: each for each in every}


def _checkpoints(metric: str, weights: Sequence[str]) -> tuple[dict[str, tuple[str, Path | None]], dict[str, Path]]:
    """{label: (weights, file)} of what was typed, or of the metric's first weights where nothing was; and {name: file}
    of what lies beside them. Raises UserError for weights that are none of the metric's, MissingWeights where they are
    not here."""
    from evalkit.core.errors import unknown_name
    from evalkit.fetch.weights import locate
    from evalkit.run.config import parse_weights
    from evalkit.run.variants import BESIDE, CHECKPOINTS

    given = [pair for word in weights for pair in parse_weights([word]).items()]
    if not metric:
        return {}, {}
    known, more = CHECKPOINTS[metric], BESIDE.get(metric, ())
    for name, _ in given:
        if name not in (*known, *more):
            raise unknown_name("weights file of this metric", name, (*known, *more))
    named = [(name, path) for name, path in given if name in known]
    alone = len({name for name, _ in named}) == len(named)
    found: dict[str, tuple[str, Path | None]] = {
        name if alone else f"{name}={path}": (name, path) for name, path in named
    }
    if not found:
        locate(known[0], {})
        found = {known[0]: (known[0], None)}
    return found, {name: path for name, path in given if name in more}


def _pca(metric: str, beside: Mapping[str, Path]) -> Pca | None:
    """VGGish's, of the file that was typed, or where evalkit has it; None without."""
    from evalkit.checkpoints.vggish_pca import read_pca
    from evalkit.core.errors import MissingWeights
    from evalkit.fetch.published import VGGISH_PCA
    from evalkit.fetch.weights import locate
    from evalkit.run.variants import BESIDE

    if VGGISH_PCA not in BESIDE.get(metric, ()):
        return None
    try:
        return read_pca(locate(VGGISH_PCA, beside))
    except MissingWeights:
        if VGGISH_PCA in beside:
            raise
        return None


def _record(metric: str, value: Decimal, tried: Tried, groups: Sequence[Sequence[Match]]) -> dict[str, Any]:
    variants = [
        {
            "rank": rank,
            "value": each.value,
            "off": each.off,
            "protocols": list(each.variant.protocols),
            **each.variant.facts,
        }
        for rank, group in enumerate(groups, start=1)
        for each in group
    ]
    shown = {"metric": metric, "published": float(value), "tried": len(tried.matches)}
    return {**shown, "left_out": dict(tried.left_out), "variants": variants}


def _print(metric: str, value: Decimal, tried: Tried, groups: Sequence[Sequence[Match]]) -> None:
    usual, choices = tried.matches[0].variant.facts, _choices(tried)
    rows = [
        [f"{rank}", f"{group[0].value:.6g}", _percent(group[0].off), _told(group, usual, choices)]
        for rank, group in enumerate(groups[:_SHOWN], start=1)
    ]
    print_table(["", metric, "off by", "which"], rows, numbers=(0, 1, 2))
    say(f"{count(len(tried.matches), 'variant')} tried, of {count(len(groups), 'different value')}")
    if tried.left_out:
        file, reason = next(iter(tried.left_out.items()))
        say(f"{count(len(tried.left_out), 'sound')} in none of them: {file}: {reason}")
    half = Decimal(1).scaleb(int(value.as_tuple().exponent)) / 2
    printed = sum(abs(group[0].value - float(value)) <= float(half) * (1 + 1e-9) for group in groups)
    say(f"{printed or 'none'} of these values would be printed as {value}")
    if groups[0][0].off > _NEAR and not printed:
        explain(
            "",
            f"none is within {100 * _NEAR:g} %: another checkpoint, reference set, number of sounds, or other sounds",
        )


def _percent(off: float) -> str:
    from evalkit.run.variants import SAME

    return f"{100 * off:.2g} %" if off >= SAME else f"< {100 * SAME:g} %"


def _choices(tried: Tried) -> list[str]:
    """The choices of which more than one value was tried."""
    every = [each.variant.facts for each in tried.matches]
    return [key for key in every[0] if len({str(facts[key]) for facts in every}) > 1]


def _told(group: Sequence[Match], usual: Mapping[str, object], choices: Sequence[str]) -> str:
    """The protocols that it is; else the choices in which it is not what `score` prints; and how many are alike."""
    names = dict.fromkeys(name for each in group for name in each.variant.protocols)
    least = min((_others(each, usual, choices) for each in group), key=len)
    told = ", ".join(names) or "; ".join(least) or "as score has it"
    return f"{told} (and {len(group) - 1} alike)" if len(group) > 1 else told


def _others(match: Match, usual: Mapping[str, object], choices: Sequence[str]) -> list[str]:
    facts = match.variant.facts
    return [f"{key}={_word(facts[key])}" for key in choices if facts[key] != usual[key]]


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value) if value != "" else "none"
