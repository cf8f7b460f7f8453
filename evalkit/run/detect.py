"""Which way of computing gives a published number? A metric by every known variant of preparation and formula.

Toolkits that print one name differ in what they do to a sound (channel, mean, converter, peak, crop) and in the
formula (ddof, epsilon, direction, splits). Each variant is tried on the same sounds; a sound that two variants prepare
alike is embedded once. The nearest value is no proof: others may be as near, and a reference set or a checkpoint that
is not here is none of the variants.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.decode import decode
from evalkit.audio.folders import sound_files
from evalkit.audio.preparation import Preparation
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.ids import digest_bytes
from evalkit.core.interrupts import heed
from evalkit.core.paths import name_of
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.load import load_embedder
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.metrics.panns_rows import features_of
from evalkit.run.progress import Progress
from evalkit.stats.frechet import Factors, factors_of_blocks, frechet_distance
from evalkit.suites.references import set_from_features

JUDGES = {"fad_vggish": "vggish", "fd_panns": "panns-16k", "kl_panns": "panns-16k", "is_panns": "panns-16k"}
"""Of the metrics whose variants are known, the weights that they are of."""

_FED: Mapping[str, tuple[object, ...]] = {
    "channels": ("first", "mean"),
    "without_mean": (True, False),
    "converter": ("torchaudio.functional", "torchaudio.transforms", "soxr", "julius"),
    "peak": ("", "before"),
    "longest": (0.0, 8.0, 10.0),
}
_FORMULAS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "fad_vggish": {"ddof": ("1", "0")},
    "fd_panns": {"ddof": ("1", "0")},
    "kl_panns": {"epsilon": ("1e-6", "0"), "direction": ("reference||generated", "generated||reference")},
    "is_panns": {"splits": ("10", "1")},
}


class Judge(Protocol):
    """An embedder that takes sound as somebody else prepared it."""

    spec: EmbedderSpec
    preparation: Preparation

    def embed_prepared(self, heard: Sequence[Samples]) -> list[Features]: ...


@dataclass(frozen=True)
class Variant:
    """A preparation, and {choice: value} of the formula."""

    fed: Preparation
    formula: Mapping[str, str]

    @property
    def facts(self) -> dict[str, object]:
        """Each choice with its value, as JSON."""
        return {key: value for key, value in asdict(self.fed).items() if key in _FED} | dict(self.formula)

    @property
    def told(self) -> str:
        """All of it, in words: "channels=first; without_mean=true; …"."""
        return "; ".join(f"{key}={_word(value)}" for key, value in self.facts.items())


@dataclass(frozen=True)
class Match:
    """A variant's value, and how far it is from the published one, as a part of that."""

    variant: Variant
    value: float
    off: float


def detect(
    metric: str,
    published: float,
    sounds: Mapping[str, Path],
    recordings: Mapping[str, Path],
    overrides: Mapping[str, Path],
    progress: Progress,
) -> list[Match]:
    """Every variant's value of the sounds against the recordings, by name, the nearest to `published` first.

    Raises UserError for a metric whose variants are not known, without sounds, and for weights that are not here.
    """
    if metric not in JUDGES:
        raise unknown_name("metric with known variants", metric, JUDGES)
    judge: Judge = load_embedder(JUDGES[metric], overrides=overrides)  # type: ignore[assignment]
    ours, theirs = _decoded(sounds), _decoded(recordings)
    if metric == "kl_panns":
        paired = ours.keys() & theirs.keys()
        ours, theirs = ({key: side[key] for key in sorted(paired)} for side in (ours, theirs))
    if not ours or (not theirs and metric != "is_panns"):
        raise UserError(f"{metric}: there is nothing to compare", "sounds and recordings pair by their names")
    known: dict[str, Features] = {}
    found = []
    preparations = list(_preparations(judge.preparation))
    progress.start("variants", len(preparations), 0)
    for fed in preparations:
        sides = [_embedded(judge, side, fed, known) for side in (ours, theirs)]
        for formula in _formulas(metric):
            value = _value(metric, sorted(ours), sides[0], sides[1], formula)
            found.append(Match(Variant(fed, formula), value, abs(value - published) / max(abs(published), 1e-12)))
        progress.advance("variants")
        heed()
    progress.finish("variants")
    return sorted(found, key=lambda each: each.off)


def named_sounds(folder: Path, limit: int | None) -> dict[str, Path]:
    """{name: file} of the sounds in a folder, or of the first so many. Raises UserError where it has none."""
    return {name_of(path): path for path in sound_files(folder)[:limit]}


def _decoded(files: Mapping[str, Path]) -> dict[str, Clip]:
    return {name: decode(path) for name, path in sorted(files.items())}


def _preparations(usual: Preparation) -> Iterator[Preparation]:
    for values in itertools.product(*_FED.values()):
        yield replace(usual, **dict(zip(_FED, values, strict=True)))  # type: ignore[arg-type]


def _formulas(metric: str) -> Iterator[dict[str, str]]:
    choices = _FORMULAS[metric]
    for values in itertools.product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


def _embedded(judge: Judge, clips: Mapping[str, Clip], fed: Preparation, known: dict[str, Features]) -> list[Features]:
    """The features of each clip; `known` {digest of prepared samples: features} grows by those that are new."""
    found = []
    for clip in clips.values():
        heard = fed(clip)
        key = digest_bytes(heard.tobytes())
        if key not in known:
            known[key] = judge.embed_prepared([heard])[0]
        found.append(known[key])
    return found


def _value(
    metric: str, names: Sequence[str], ours: list[Features], theirs: list[Features], formula: Mapping[str, str]
) -> float:
    if formula.get("direction") == "generated||reference":
        ours, theirs = theirs, ours
    options = {key: value for key, value in formula.items() if key in METRICS.load(metric).card.options}
    inputs = MetricInputs(names, names, ours, options=options)
    if metric in ("fad_vggish", "fd_panns"):
        inputs = replace(inputs, set_reference=set_from_features(theirs))
        if metric == "fd_panns":
            inputs = features_of(metric, inputs)
            theirs = features_of(metric, replace(inputs, ids=range(len(theirs)), features=theirs)).features  # type: ignore[arg-type, assignment]
        return _distance(inputs.features, theirs, int(formula["ddof"]))
    if metric == "kl_panns":
        inputs = replace(inputs, pair_reference={name: rows[0] for name, rows in zip(names, theirs, strict=True)})
    return float(METRICS.load(metric).compute(inputs).value)


def _distance(ours: Sequence[Features], theirs: Sequence[Features], ddof: int) -> float:
    """The Frechet distance with covariances of that `ddof`."""
    return frechet_distance(*(_with_ddof(factors_of_blocks(side), ddof) for side in (ours, theirs)))


def _with_ddof(factors: Factors, ddof: int) -> Factors:
    scale = 1.0 if ddof else np.sqrt((factors.rows - 1) / factors.rows)
    return replace(factors, factor=factors.factor * scale)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) if value != "" else "none"
