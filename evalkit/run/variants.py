"""The ways of computing that are known under one metric's name: how a sound is fed and what is taken of the network
(`evalkit.run.hearing`), and by which formula. Each choice has a name and values, and a variant is one value of each.

Which of them toolkits make is in `evalkit.protocols`; a variant that is one of these has its name, and so has that of
the Stable Audio papers, which `score` has where no table is asked for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module

from evalkit.core.errors import UserError, unknown_name
from evalkit.fetch.published import TOKENIZER, VGGISH_PCA
from evalkit.metrics.base import METRICS
from evalkit.metrics.kl_passt import JOINED
from evalkit.protocols.base import judge_called, load_protocol, protocol_names
from evalkit.run.hearing.base import Fed, Hearing, Load, Network, Taken

FRECHET = ("fad_vggish", "fd_panns", "fd_passt", "fd_openl3")
_FORMULAS: Mapping[str, Mapping[str, tuple[str, ...]]] = {name: {"ddof": ("1", "0")} for name in FRECHET} | {
    name: {key: values for key, values in METRICS.load(name).card.options.items() if key != "rows"}
    for name in ("kl_panns", "is_panns", "kl_passt", "is_passt", "clap_score")
}
"""By metric: its options; and ddof, of which `score` has the one alone that all toolkits read have."""

SAME = 1e-5
"""Values that differ by less, as a part of themselves, are one: rounding of a network in float32."""

_ROUNDED = 0.01
"""By which a printed number may lie outside of its metric's range: epsilons, and square roots of matrices, round so."""

OWN = "stable-audio-metrics"
"""What the first variant of these is: every choice as the Stable Audio papers have it, on the first checkpoint."""
_HAVE_OWN = ("fd_openl3", "kl_passt", "clap_score")

_PANNS = ("panns-16k", "panns-32k")
_CLAP = ("clap", "clap-audioset", "clap-music", "clap-music-speech", "clap-music-speech-audioset")
CHECKPOINTS: Mapping[str, tuple[str, ...]] = {
    "fad_vggish": ("vggish",),
    **{f"{kind}_panns": _PANNS for kind in ("fd", "kl", "is")},
    **{f"{kind}_passt": ("passt",) for kind in ("fd", "kl", "is")},
    "fd_openl3": ("openl3-env", "openl3-music"),
    "clap_score": _CLAP,
}
"""The metrics whose variants are known, and of each the weights that it may be of, evalkit's own choice first."""

BESIDE: Mapping[str, tuple[str, ...]] = {"fad_vggish": (VGGISH_PCA,), "clap_score": (TOKENIZER,)}
"""Of a metric: files that `--weights` may name beside its checkpoints."""


@dataclass(frozen=True)
class Variant:
    """A checkpoint, how it is fed, what is taken of the network, {choice: value} of the formula, and what was scored:
    which reference, how many sounds."""

    checkpoint: str
    fed: Fed
    rows: Taken
    formula: Mapping[str, str]
    reference: str = ""
    sounds: str = "all"
    protocols: tuple[str, ...] = field(default=(), compare=False)

    @property
    def facts(self) -> dict[str, object]:
        """Each choice with its value, as JSON."""
        scored = {"checkpoint": self.checkpoint, "reference": self.reference, "sounds": self.sounds}
        return {**self.fed.facts, **self.rows.facts, **self.formula, **scored}


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


def check_published(metric: str, value: float) -> None:
    """Raises UserError for a number that the metric cannot have, whichever way it is computed."""
    low, high = METRICS.load(metric).card.bounds
    if not low - _ROUNDED <= value <= high + _ROUNDED:
        least = f"is {low:g} at the least" + ("" if high == math.inf else f", {high:g} at the most")
        raise UserError(f"--published {value:g}: {metric} {least}", "is it in other units, as per cent?")


def needs_reference(name: str) -> bool:
    """Whether the metric compares with recordings."""
    return METRICS.load(name).card.reference != ""


def needs_text(name: str) -> bool:
    """Whether the metric compares with the prompts."""
    return METRICS.load(name).card.text


def hearing_of(metric: str, network: Network) -> Hearing:
    """The network of these weights, with the ways that are known of its family. Raises as `load_embedder` does."""
    family = METRICS.load(metric).card.family.removesuffix("_rows")
    load: Load = import_module(f"evalkit.run.hearing.{family}").load
    return load(network)


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


def known_as(metric: str, hearing: Hearing, short: bool) -> list[tuple[str, str, Variant]]:
    """(protocol, weights, variant) of every protocol that has the metric by a judge of its own, and of `OWN`."""
    usual, first = formulas(metric)[0], CHECKPOINTS[metric][0]
    found = []
    if metric in _HAVE_OWN:
        own = Variant(first, hearing.feeds(short)[0], hearing.takes()[0], usual)
        found.append((OWN, first, own))
    for name in protocol_names():
        for heading in load_protocol(name).columns:
            judge = judge_called(heading.judge) if heading.metric == metric else None
            if judge is not None and judge.name.endswith(f"@{name}"):
                formula = usual | {key: value for key, value in heading.options.items() if key in usual}
                made = hearing.of_protocol(judge.settings, short)
                found.append((name, judge.weights, Variant(judge.weights, *made, formula)))
    return found


def options_of(formula: Mapping[str, str], metric: str) -> dict[str, str]:
    """The metric's options, as `MetricInputs` has them."""
    card = METRICS.load(metric).card
    rows = {"rows": JOINED} if "rows" in card.options else {}
    return {key: value for key, value in formula.items() if key in card.options} | rows
