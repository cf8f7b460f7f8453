"""Which way of computing gives a published number? A metric by every known variant, held against it.

Toolkits that print one name differ in what they do to a sound, in what they take of the network, and in the formula
(`evalkit.run.variants`); people in the checkpoint, the reference set and the number of sounds. Sounds are read one
after another, and one that two variants prepare alike is embedded once; what is taken of the network and the formula
need no network. The nearest value is no proof: others may be as near, and what is not here is none of the variants.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from evalkit.audio.decode import decode
from evalkit.audio.folders import sound_files
from evalkit.checkpoints.vggish_pca import Pca
from evalkit.core.errors import UserError
from evalkit.core.interrupts import heed
from evalkit.core.paths import name_of
from evalkit.embed.base import Features
from evalkit.fetch.home import evalkit_home
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.metrics.panns_rows import features_of
from evalkit.run.hearing.base import Fed, Hearing, Network
from evalkit.run.progress import Progress
from evalkit.run.variants import FRECHET, SAME, Variant, formulas, hearing_of, known_as, named, options_of
from evalkit.stats.frechet import Factors, factors_of_blocks, frechet_distance
from evalkit.store.spill import Pile

_OURS = ""
"""The side that is scored; the references have their labels."""


@dataclass(frozen=True)
class Asked:
    """What is to be tried: `sounds` {name: file}; `references` {label: {name: file}}, none where the metric needs none;
    `checkpoints` {label: (weights, file or None where evalkit knows it)}; `counts` of sounds beside all of them; the
    PCA of VGGish, where it is here; `texts` {name: prompt} for a metric that needs them; files that lie `beside` the
    checkpoints; loudnesses in LUFS to which sounds are brought too."""

    metric: str
    sounds: Mapping[str, Path]
    references: Mapping[str, Mapping[str, Path]]
    checkpoints: Mapping[str, tuple[str, Path | None]]
    counts: Sequence[int] = ()
    pca: Pca | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, Path] = field(default_factory=dict)
    loudness: Sequence[float] = ()


@dataclass(frozen=True)
class Match:
    """A variant's value, and how far it is from the published one, as a part of that."""

    variant: Variant
    value: float
    off: float = 0.0


@dataclass(frozen=True)
class Tried:
    """The value of every variant, in the order of trying, and {file: reason} of sounds that are in none."""

    matches: tuple[Match, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def ranked(self, published: float) -> list[list[Match]]:
        """Variants of one value together, the nearest to `published` first; in each the protocols by name, then as they
        were tried."""
        scale = max(abs(published), 1e-12)
        finite = [each for each in self.matches if math.isfinite(each.value)]
        held = sorted((replace(each, off=abs(each.value - published) / scale) for each in finite), key=_value)
        groups: list[list[Match]] = []
        for each in held:
            if groups and each.value - groups[-1][0].value <= SAME * max(abs(each.value), scale):
                groups[-1].append(each)
            else:
                groups.append([each])
        order = {id(each.variant): place for place, each in enumerate(self.matches)}
        for group in groups:
            group.sort(key=lambda each: (not each.variant.protocols, order[id(each.variant)]))
        return sorted(groups, key=lambda group: min(each.off for each in group))


def _value(match: Match) -> float:
    return match.value


def named_sounds(folder: Path) -> dict[str, Path]:
    """{name: file} of the sounds in a folder, by their stems, so that a.flac pairs with a.wav; by whole names where two
    have one stem. Raises UserError where it has none."""
    files = {name_of(path): path for path in sound_files(folder)}
    stems = {Path(name).stem: path for name, path in files.items()}
    return stems if len(stems) == len(files) else files


def detect(asked: Asked, progress: Progress) -> Tried:
    """Every variant's value. Raises UserError where nothing is left to compare, for weights that are not here, or
    where they are of another network."""
    matches: list[Match] = []
    left_out: dict[str, str] = {}
    for label, (weights, path) in asked.checkpoints.items():
        network = Network(weights, path, asked.beside, asked.pca, asked.loudness)
        hearing = hearing_of(asked.metric, network)
        heard = _heard(hearing, asked, progress)
        left_out |= heard.left_out
        matches += [_with_label(each, label) for each in _values(asked, weights, hearing, heard)]
    if not any(math.isfinite(each.value) for each in matches):
        told = f"{asked.metric}: there is nothing to compare"
        raise UserError(told, _first(left_out) or "sounds and recordings pair by their names")
    return Tried(tuple(matches), left_out)


def _with_label(match: Match, label: str) -> Match:
    return replace(match, variant=replace(match.variant, checkpoint=label))


def _first(left_out: Mapping[str, str]) -> str:
    return next((f"{file}: {reason}" for file, reason in left_out.items()), "")


@dataclass
class _Heard:
    """What one network made of all sounds: {(side, name): the key of its rows for each way}, with the place of each way
    of feeding and part, as thousands of sounds have hundreds of ways; and of their prompts {name: (d,)}."""

    places: Mapping[tuple[Fed, Hashable], int]
    keys: dict[tuple[str, str], tuple[str, ...]]
    rows: Mapping[str, Features]
    texts: Mapping[str, Features]
    left_out: dict[str, str]
    short: bool


def _heard(hearing: Hearing, asked: Asked, progress: Progress) -> _Heard:
    sides = {_OURS: asked.sounds, **asked.references}
    files = [(side, name, path) for side, named_files in sides.items() for name, path in named_files.items()]
    ways = dict.fromkeys(itertools.product(hearing.feeds(True), (taken.part for taken in hearing.takes())))
    places = {way: place for place, way in enumerate(ways)}
    pile, heard = Pile(evalkit_home() / "features"), _Heard(places, {}, {}, {}, {}, False)
    stage = f"sounds by {hearing.name}"
    progress.start(stage, len(files), 0)
    for side, name, path in files:
        try:
            if asked.texts and name not in asked.texts:
                raise UserError("no prompt has this name", "")
            clip = decode(path)
            found, same = hearing.embedded(clip, pile), dict[str, str]()
            heard.keys[side, name] = tuple(same.setdefault(found[way], found[way]) for way in places)
            heard.short = heard.short or hearing.is_short(clip)
        except UserError as error:
            heard.left_out[str(path)] = error.message
        progress.advance(stage)
        heed()
    progress.finish(stage)
    heard.rows = pile.arrays()
    if asked.texts:
        heard.texts = dict(zip(asked.texts, hearing.embed_text(list(asked.texts.values())), strict=True))
    return heard


def _values(asked: Asked, weights: str, hearing: Hearing, heard: _Heard) -> Iterator[Match]:
    """The value of every variant of one checkpoint; those of equal rows are computed once."""
    known: dict[object, float] = {}
    protocols = known_as(asked.metric, hearing, heard.short)
    for reference, fed, taken in itertools.product(
        asked.references or (_OURS,), hearing.feeds(heard.short), hearing.takes()
    ):
        for told, *names in _sets(asked, heard, reference):
            keys = [
                tuple(heard.keys[side, name][heard.places[fed, taken.part]] for name in part)
                for side, part in zip((_OURS, reference), names, strict=True)
            ]
            ours, theirs = ([hearing.finished(heard.rows[key], taken) for key in part] for part in keys)
            texts = np.stack([heard.texts[name] for name in names[0]]) if heard.texts else None
            value = _Formula(asked.metric, names[0], ours, theirs, texts)
            for formula in formulas(asked.metric):
                which = (*keys, taken.after, *formula.items())
                if which not in known:
                    known[which] = value(formula)
                yield Match(named(Variant(weights, fed, taken, formula, reference, told), protocols), known[which])
        heed()


def _sets(asked: Asked, heard: _Heard, reference: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """What is scored in words, and the names on both sides: all, the first so many, those that the sides share."""
    ours, theirs = (
        [name for name in sorted(files) if (side, name) in heard.keys]
        for side, files in ((_OURS, asked.sounds), (reference, asked.references.get(reference, asked.sounds)))
    )
    both = sorted(set(ours) & set(theirs))
    if asked.metric.startswith("kl_"):
        ours = theirs = both
    for count in (None, *(each for each in asked.counts if each < len(ours))):
        told = "all" if count is None else f"the first {count}"
        if ours and theirs:
            yield told, ours[:count], both[:count] if ours == both == theirs else theirs
        if both and not ours == both == theirs:
            yield f"{told} of both sides", both[:count], both[:count]


class _Formula:
    """The metric of one set of rows, by each formula."""

    def __init__(
        self,
        metric: str,
        names: Sequence[str],
        ours: Sequence[Features],
        theirs: Sequence[Features],
        texts: Features | None,
    ) -> None:
        self._metric, self._names, self._ours, self._theirs, self._texts = metric, names, ours, theirs, texts

    def __call__(self, formula: Mapping[str, str]) -> float:
        """NaN where there are too few sounds for it."""
        if self._metric in FRECHET:
            sides = self._gaussians
            return float("nan") if sides is None else frechet_distance(*(_with_ddof(each, formula) for each in sides))
        options = options_of(formula, self._metric)
        inputs = MetricInputs(self._names, self._names, self._ours, self._texts, options=options)
        if self._metric.startswith("kl_"):
            theirs = zip(self._names, self._theirs, strict=True)
            pairs = {name: each[0] if len(each) == 1 else each for name, each in theirs}
            inputs = replace(inputs, pair_reference=pairs)
        try:
            return float(METRICS.load(self._metric).compute(inputs).value)
        except UserError:
            return float("nan")

    @cached_property
    def _gaussians(self) -> tuple[Factors, Factors] | None:
        sides = self._ours, self._theirs
        if min(sum(map(len, side)) for side in sides) < 2:
            return None
        if self._metric in ("fd_panns", "fd_passt"):
            every = (MetricInputs([str(place) for place in range(len(side))], (), side) for side in sides)
            sides = tuple(features_of(self._metric, each).features for each in every)  # type: ignore[assignment]
        return factors_of_blocks(sides[0]), factors_of_blocks(sides[1])


def _with_ddof(factors: Factors, formula: Mapping[str, str]) -> Factors:
    scale = 1.0 if formula["ddof"] == "1" else np.sqrt((factors.rows - 1) / factors.rows)
    return replace(factors, factor=factors.factor * scale)
