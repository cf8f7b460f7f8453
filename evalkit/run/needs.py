"""What a run needs from elsewhere: its model and what that reads prompts with, the judges, the suite's own files.

Nothing is loaded. What was given by a path (`--weights`, `--checkpoint`) and what ships is nothing to bring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.errors import MissingWeights, UserError
from evalkit.core.faults import Gathering
from evalkit.fetch.download import Fetched, Meter, mirrored, origin_of
from evalkit.fetch.environment import is_ready
from evalkit.fetch.parcels import Parcel, Piece, bring, closed, open_weights, out_of_reach, piece_of, require_room
from evalkit.fetch.published import PUBLISHED, TOKENIZERS, VGGISH_PCA, family_names, wants_pca
from evalkit.fetch.weights import locate
from evalkit.generators.folder import PREFIX
from evalkit.generators.worker.generator import Isolated
from evalkit.protocols.base import weights_in
from evalkit.run.config import RunConfig
from evalkit.run.plan import choose_model
from evalkit.suites.base import Outline, Pinned, Suite
from evalkit.suites.load import load_outline, load_suite
from evalkit.suites.obtain import prepare
from evalkit.suites.pinned import LARGEST, pinned_files


@dataclass(frozen=True)
class Needs:
    """What runs need, each once, what is gated first; notes on what a fetch does not bring; and why something that is
    needed cannot be had."""

    parcels: list[Parcel]
    notes: list[str]
    faults: list[str]


def needs_of(configs: Sequence[RunConfig]) -> Needs:
    """Asks the hub, and servers for sizes, of what is not here. Raises UserError, before it asks, for all that is wrong
    with the runs whatever is fetched: words, names, options."""
    names: dict[str, None] = {}
    notes: dict[str, None] = {}
    wrong = Gathering()
    for config in configs:
        for fault in config.wrong:
            wrong.add(fault)
        for name in (*wrong.read([], _of_model, config, notes), *wrong.read([], _judges, config)):
            names.setdefault(name)
    wrong.settle()
    suites = {each.suite if isinstance(each.suite, str) else id(each.suite): each.suite for each in configs}
    parcels: list[Parcel] = []
    faults: list[str] = []
    for name in names:
        try:
            parcels.append(open_weights(name, sizes=True))
        except UserError as error:
            faults.append(str(error))
            parcels.append(out_of_reach(name))
    parcels += [_of_suite(suite, faults) for suite in suites.values()]
    return Needs(sorted(parcels, key=lambda parcel: not parcel.gated), list(notes), faults)


def require_reachable(needs: Needs) -> Mapping[Path, tuple[int, int]]:
    """What is to be brought to which disk, as `require_room` says it. Raises UserError, before the first byte, where
    something cannot be had, is gated and there is no token, or a disk has no room."""
    faults = [*needs.faults, *map(str, closed(needs.parcels))]
    if faults:
        raise UserError("; ".join(faults))
    return require_room(needs.parcels)


def bring_all(parcels: Sequence[Parcel], meter: Meter) -> Iterator[tuple[Parcel, Piece, Fetched]]:
    """Fetch what is not here, and check what is; see `evalkit.fetch.parcels.bring`."""
    for parcel in parcels:
        for piece, fetched in bring(parcel, meter):
            yield parcel, piece, fetched
        if parcel.kind == "suite" and parcel.pieces:
            prepare(load_outline(parcel.name))


def _of_model(config: RunConfig, notes: dict[str, None]) -> list[str]:
    """The published weights that the model is made of; `notes` gets what else it wants."""
    if config.model.startswith(PREFIX):
        return []
    generator = choose_model(config).generator
    isolated = isinstance(generator, Isolated)
    if isinstance(generator, Isolated) and generator.environment and not is_ready(generator.environment):
        family = generator.spec.family
        notes.setdefault(f"{config.model} runs in an environment of its own: evalkit baselines install {family}")
    if config.random_weights:
        return []
    own = () if isolated or config.checkpoint else (config.model,)
    return [name for name in (*own, *generator.spec.needs) if name in PUBLISHED and name not in config.weights]


def _judges(config: RunConfig) -> list[str]:
    given = {each for name in config.weights for each in (name, *family_names(name))}
    suite = config.suite if isinstance(config.suite, Suite | Outline) else _read(config)
    judged = dict.fromkeys(weights_in(plan.weights) for plan in suite.metrics.values())
    used = [name for name in judged if name in PUBLISHED]
    for family, words in TOKENIZERS.items():
        judges = [name for name in used if name in family_names(family)]
        if any(_wants_tokenizer(name, family, config) for name in judges) and words not in config.weights:
            used.append(words)
    if any(wants_pca(plan.weights) for plan in suite.metrics.values()) and VGGISH_PCA not in config.weights:
        used.append(VGGISH_PCA)
    return [name for name in used if name not in given]


def _read(config: RunConfig) -> Outline | Suite:
    if isinstance(config.suite, str):
        return load_outline(config.suite)
    return config.suite if isinstance(config.suite, Suite) else load_suite(config.suite, config.weights)


def _wants_tokenizer(name: str, family: str, config: RunConfig) -> bool:
    """Comes this CLAP without its words, as LAION's and Microsoft's files do? A folder of the hub has them."""
    given = {**config.weights, **({name: config.weights[family]} if family in config.weights else {})}
    try:
        return locate(name, given).is_file()
    except MissingWeights:
        return True


def _of_suite(suite: object, faults: list[str]) -> Parcel:
    """The suite's prompts and references, as far as it takes them from a pinned source; `faults` gets why a file of
    them cannot be had."""
    if isinstance(suite, str):
        outline = load_outline(suite)
        return _suite_parcel(suite, outline.licence, pinned_files(outline), faults)
    plans = suite.metrics.values() if isinstance(suite, Suite) else ()
    files = [plan.pinned for plan in plans if plan.pinned is not None]
    told = suite if isinstance(suite, Suite) else None
    name, licence = files[0].suite if files else told.name if told else "", told.licence if told else ""
    return _suite_parcel(name, licence, files, faults)


def _suite_parcel(name: str, licence: str, files: Sequence[Pinned], faults: list[str]) -> Parcel:
    pieces: list[Piece] = []
    wrong = Gathering()
    for file in files:
        with wrong.look():
            pieces.append(piece_of(file.path.name, file.source, file.path, sizes=True, own=True, largest=LARGEST))
    faults += map(str, wrong.errors)
    origins = ", ".join(dict.fromkeys(_server(file) for file in files))
    return Parcel("suite", name, origins, licence, False, tuple(pieces), reachable=not wrong.errors)


def _server(file: Pinned) -> str:
    return mirrored() or "/".join(origin_of(file.source).split("/")[2:5])
