"""The ways of computing that are known under one metric's name: how a sound is fed, what is taken of the network, and
by which formula. Each choice has a name and values, and a variant is one value of each.

Which of them toolkits make is in `evalkit.protocols`; a variant that is one of these has its name.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import get_args

from evalkit.audio.preparation import Converter, Preparation
from evalkit.core.errors import UserError, unknown_name
from evalkit.embed.vggish import Rows
from evalkit.metrics.base import METRICS
from evalkit.metrics.kl_passt import JOINED
from evalkit.protocols.base import Heading, judge_called, load_protocol, protocol_names

SHORTEST = 32000
"""Samples up to which audioldm_eval fills a sound with zeros."""

FED: Mapping[str, tuple[object, ...]] = {
    "channels": ("first", "mean"),
    "without_mean": (True, False),
    "converter": get_args(Converter),
    "peak": ("", "before"),
    "longest": (0.0, 8.0, 10.0),
    "shortest": (SHORTEST, 0),
}
"""Of `audio.preparation.Preparation`: what is done to a sound, whichever the network."""

_ROWS: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "vggish": {"relu": (False, True), "pca": (False, True), "chunk": (0.0, 1.0)}
}
"""By family: what is taken of the network (`embed.vggish.Rows`)."""

FRECHET = ("fad_vggish", "fd_panns", "fd_passt")
_FORMULAS: Mapping[str, Mapping[str, tuple[str, ...]]] = {name: {"ddof": ("1", "0")} for name in FRECHET} | {
    name: {key: values for key, values in METRICS.load(name).card.options.items() if key != "rows"}
    for name in ("kl_panns", "is_panns", "kl_passt", "is_passt")
}
"""By metric: its options; and ddof, of which `score` has the one alone that all toolkits read have."""

_PANNS, _PASST = ("panns-16k", "panns-32k"), ("passt",)
CHECKPOINTS: Mapping[str, tuple[str, ...]] = {
    "fad_vggish": ("vggish",),
    **{f"{kind}_panns": _PANNS for kind in ("fd", "kl", "is")},
    **{f"{kind}_passt": _PASST for kind in ("fd", "kl", "is")},
}
"""The metrics whose variants are known, and of each the weights that it may be of, evalkit's own choice first."""

_EMBEDDERS = {"passt": "passt@av-benchmark"}
"""Where the weights' own name is an embedder whose rows these metrics do not read: one that has them."""


@dataclass(frozen=True)
class Variant:
    """A checkpoint, a preparation, what is taken of the network, {choice: value} of the formula, and what was scored:
    which reference, how many sounds."""

    checkpoint: str
    fed: Preparation
    rows: Rows
    formula: Mapping[str, str]
    reference: str = ""
    sounds: str = "all"
    protocols: tuple[str, ...] = field(default=(), compare=False)

    @property
    def facts(self) -> dict[str, object]:
        """Each choice with its value, as JSON."""
        fed = {key: getattr(self.fed, key) for key in FED}
        rows = {each.name: getattr(self.rows, each.name) for each in fields(Rows)}
        scored = {"checkpoint": self.checkpoint, "reference": self.reference, "sounds": self.sounds}
        return {**fed, **rows, **dict(self.formula), **scored}


def check_metric(name: str) -> tuple[str, ...]:
    """The weights that it may be of. Raises UserError for a metric whose variants are not known."""
    if name not in CHECKPOINTS:
        hint = f"they are known of {', '.join(CHECKPOINTS)}" if name in METRICS.names() else ""
        raise (
            unknown_name("metric with known variants", name, CHECKPOINTS)
            if not hint
            else UserError(f"--metric {name}: its variants are not known", hint)
        )
    return CHECKPOINTS[name]


def needs_reference(name: str) -> bool:
    """Whether the metric compares with recordings."""
    return METRICS.load(name).card.reference != ""


def embedder_of(weights: str) -> str:
    """The embedder's name by which the rows of these weights are had."""
    return _EMBEDDERS.get(weights, weights)


def preparations(rate: int, shortest: bool) -> Iterator[Preparation]:
    """Every known preparation, the one that `score` has first; with and without zeros after a `shortest` sound."""
    choices = FED if shortest else {**FED, "shortest": (SHORTEST,)}
    for values in itertools.product(*choices.values()):
        yield replace(Preparation(rate), **dict(zip(choices, values, strict=True)))  # type: ignore[arg-type]


def rows_of(metric: str, pca: bool) -> list[Rows]:
    """What may be taken of the metric's network; with PCA only where its file is here."""
    choices = dict(_ROWS.get(CHECKPOINTS[metric][0], {}))
    if choices and not pca:
        choices["pca"] = (False,)
    return [Rows(**dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())]  # type: ignore[arg-type]


def formulas(metric: str) -> list[dict[str, str]]:
    """Every known formula, the default first."""
    choices = _FORMULAS[metric]
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


def named(variant: Variant, known: Sequence[tuple[str, str, Variant]]) -> Variant:
    """The variant with the names of the protocols (:func:`known_as`) that it is."""
    same = (variant.fed, variant.rows, variant.formula)
    names = [
        name for name, weights, each in known
        if weights == variant.checkpoint and (each.fed, each.rows, each.formula) == same
    ]  # fmt: skip
    return replace(variant, protocols=tuple(names))


def known_as(metric: str, rate: int, shortest: bool) -> list[tuple[str, str, Variant]]:
    """(protocol, weights, variant) of every protocol that has the metric, at a network's rate."""
    found = []
    for name in protocol_names():
        for heading in load_protocol(name).columns:
            judge = judge_called(heading.judge) if heading.metric == metric else None
            if judge is not None and judge.name.endswith(f"@{name}"):
                made = _made(metric, heading, judge.settings, rate, shortest)
                found.append((name, judge.weights, Variant(judge.weights, *made)))
    return found


def _made(
    metric: str, heading: Heading, settings: Mapping[str, object], rate: int, shortest: bool
) -> tuple[Preparation, Rows, dict[str, str]]:
    fed = {key: settings[key] for key in FED if key in settings}
    preparation = replace(Preparation(rate), **fed)  # type: ignore[arg-type]
    if not shortest:
        preparation = replace(preparation, shortest=SHORTEST)
    taken = Rows(**{key: each for key, each in settings.items() if key in {one.name for one in fields(Rows)}})  # type: ignore[arg-type]
    usual = formulas(metric)[0]
    return preparation, taken, usual | {key: value for key, value in heading.options.items() if key in usual}


def options_of(formula: Mapping[str, str], metric: str) -> dict[str, str]:
    """The metric's options, as `MetricInputs` has them."""
    card = METRICS.load(metric).card
    rows = {"rows": JOINED} if "rows" in card.options else {}
    return {key: value for key, value in formula.items() if key in card.options} | rows
