"""The rules of a metric, tried on one: `evalkit metrics check`.

On features of noise: a metric is a pure function of what it is given, whatever the order, and says of few clips, of
none and of broken ones what it can; what stands beside its number must belong to it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.core.errors import UserError
from evalkit.core.interrupts import heed
from evalkit.core.plugins import BrokenPlugin
from evalkit.embed.base import Features
from evalkit.embed.sound import SoundEmbedder
from evalkit.metrics.base import Metric, MetricInputs, MetricResult
from evalkit.metrics.contract import computed, load_metric
from evalkit.metrics.kl_passt import JOINED
from evalkit.metrics.panns_rows import CLASSES
from evalkit.run.findings import Finding, not_tried
from evalkit.stats.intervals import assign_folds
from evalkit.suites.references import set_from_features

RULES = (
    "card",
    "runs",
    "repeats",
    "inputs",
    "order",
    "interval",
    "leave-outs",
    "options",
    "one",
    "none",
    "broken",
    "speed",
)
CLIPS = 18
_CLOSE = 1e-6
"""Of the value: what the order of sums may change."""

_FORMS = {
    "openl3": (5, 16),
    "passt": (1, 12),
    "clap": (1, 16),
    "panns": (1, 16 + CLASSES),
    "passt_rows": (1, 16 + CLASSES),
    "audiobox": (1, 4),
    "msclap": (3, 16),
}
"""(frames, dimensions) of the noise that stands for a family's features; of another's, (3, 16)."""


def check_metric(name: str) -> list[Finding]:
    """One finding per rule for the metric of that name, or behind a `module:attribute` or `file.py:attribute`.

    Raises UserError for a name that is none.
    """
    try:
        metric = load_metric(name, typed=True)
    except BrokenPlugin as error:
        return [Finding("card", False, error.message), *not_tried(RULES[1:])]
    return check_rules(metric, name)


def check_rules(metric: Metric, name: str) -> list[Finding]:
    """One finding per rule."""
    card = metric.card
    found = [Finding("card", True, f"{card.name}, {card.direction}, of {card.family}'s features")]
    inputs = _inputs(metric)
    bits = _bits(inputs)
    try:
        started = time.perf_counter()
        first = computed(metric, name, inputs)
        wall = time.perf_counter() - started
    except UserError as error:
        return [*found, Finding("runs", False, error.message), *not_tried(RULES[2:])]
    if not math.isfinite(first.value):
        return [*found, Finding("runs", False, f"{CLIPS} clips gave {first.value}"), *not_tried(RULES[2:])]
    told = f"{CLIPS} clips gave {first.value:.6g}"
    found.append(Finding("runs", first.n == CLIPS, told if first.n == CLIPS else f"{told}, and n is {first.n}"))
    tries: tuple[tuple[str, Callable[[], str]], ...] = (
        ("repeats", lambda: _other(first, computed(metric, name, inputs), exact=True)),
        ("inputs", lambda: "" if _bits(inputs) == bits else "it changes the features that it is given"),
        ("order", lambda: _other(first, computed(metric, name, _chosen(inputs, range(CLIPS)[::-1])))),
        ("interval", lambda: _interval_fault(metric, first)),
        ("leave-outs", lambda: _leave_outs_fault(metric, name, inputs, first)),
        ("options", lambda: _options_fault(metric, name, inputs)),
        ("one", lambda: _few_fault(metric, name, _chosen(inputs, [0]))),
        ("none", lambda: _few_fault(metric, name, _chosen(inputs, []), nothing=True)),
        ("broken", lambda: _number_of_nan(metric, name, inputs)),
    )
    found += [_tried(rule, fault) for rule, fault in tries]
    return [*found, Finding("speed", True, f"{1000 * wall:.2g} ms for {CLIPS} clips")]


_KEPT = {
    "repeats": "the same features give the same number",
    "inputs": "the features are left as they were",
    "order": "the order of clips changes nothing",
    "interval": "holds the value, within the measure's range",
    "leave-outs": "are the values without each fold, or there are none",
    "options": "each value of each gives a number, or there are none",
    "one": "one clip gives a number, or a reason",
    "none": "no clips give none",
    "broken": "features that are not finite give none",
}


def _tried(rule: str, look: Callable[[], str]) -> Finding:
    try:
        fault = look()
    except UserError as error:
        fault = error.message
    heed()
    return Finding(rule, not fault, fault or _KEPT[rule])


def _inputs(metric: Metric, family: str = "") -> MetricInputs:
    """Features of the metric's family, or of another one of the same network."""
    card, places = metric.card, range(CLIPS)
    ids = [f"p{place}" for place in places]
    features = _features(family or card.family, CLIPS, 0)
    others = _features(family or card.family, CLIPS, 1000)
    texts = np.random.default_rng(7).normal(0, 1, (CLIPS, features[0].shape[1])).astype(np.float32)
    return MetricInputs(
        ids=ids,
        groups=[f"g{place // 2}" for place in places],
        features=features,
        texts=texts if card.text else None,
        set_reference=set_from_features(others) if card.reference == "set" else None,
        pair_reference={key: each.mean(axis=0) for key, each in zip(ids, others, strict=True)}
        if card.reference == "pair"
        else None,
        seconds=[1.0] * CLIPS,
        options={option: values[0] for option, values in card.options.items()},
    )


def _features(family: str, count: int, seed: int) -> list[Features]:
    """Features of noise: of `sound` the measured ones, of a classifier probabilities, else normal rows."""
    random = [np.random.default_rng(seed + place) for place in range(count)]
    if family == "sound":
        sounds = [
            each.normal(0, each.uniform(0.01, 0.3), (2, 16000 + 160 * place)) for place, each in enumerate(random)
        ]
        return SoundEmbedder("sound").embed([Clip(sound.astype(np.float32), 16000, "") for sound in sounds])
    frames, dimensions = _FORMS.get(family, (3, 16))
    if family == "passt":
        return [each.dirichlet(np.ones(dimensions), frames).astype(np.float32) for each in random]
    return [each.normal(0, 1, (frames, dimensions)).astype(np.float32) for each in random]


def _chosen(inputs: MetricInputs, places: Sequence[int]) -> MetricInputs:
    return replace(
        inputs,
        ids=[inputs.ids[place] for place in places],
        groups=[inputs.groups[place] for place in places],
        features=[inputs.features[place] for place in places],
        texts=None if inputs.texts is None else inputs.texts[list(places)],
        seconds=[inputs.seconds[place] for place in places],
    )


def _bits(inputs: MetricInputs) -> bytes:
    return b"".join(each.tobytes() for each in inputs.features)


def _other(first: MetricResult, again: MetricResult, exact: bool = False) -> str:
    """How another result differs from the first, "" where it does not."""
    allowed = 0.0 if exact else _CLOSE
    if not math.isclose(first.value, again.value, rel_tol=allowed, abs_tol=allowed):
        return f"gave {again.value!r} instead of {first.value!r}"
    if first.per_prompt.keys() != again.per_prompt.keys():
        return "gave values of other prompts"
    moved = [
        key
        for key, value in first.per_prompt.items()
        if not np.isclose(value, again.per_prompt[key], allowed, allowed, True)
    ]
    return f"gave prompt {moved[0]!r} another value" if moved else ""


def _interval_fault(metric: Metric, result: MetricResult) -> str:
    low, high = metric.card.bounds
    if not low <= result.value <= high:
        return f"{result.value:.6g} is not between the bounds {low:g} and {high:g} of its card"
    if result.low is None or result.high is None:
        return "" if result.low is result.high else "has one end alone"
    if not result.low <= result.value <= result.high:
        return f"[{result.low:.6g}, {result.high:.6g}] does not hold the value {result.value:.6g}"
    return "" if low <= result.low and result.high <= high else f"leaves the bounds {low:g} and {high:g} of its card"


def _leave_outs_fault(metric: Metric, name: str, inputs: MetricInputs, result: MetricResult) -> str:
    if not result.leave_outs:
        return ""
    folds = assign_folds(inputs.groups)
    count = int(folds.max()) + 1
    if len(result.leave_outs) != count:
        return f"are {len(result.leave_outs)}, and there are {count} folds"
    kept = [_chosen(inputs, [int(place) for place in np.flatnonzero(folds != fold)]) for fold in range(count)]
    without = [computed(metric, name, each).value for each in kept]
    allowed = 3 * float(np.std(without)) + _CLOSE * abs(result.value)  # one that draws may draw otherwise
    for fold, (said, found) in enumerate(zip(result.leave_outs, without, strict=True)):
        if not abs(said - found) <= allowed:
            return f"without fold {fold} it gives {found:.6g}, and says {said:.6g}"
    return ""


def _options_fault(metric: Metric, name: str, inputs: MetricInputs) -> str:
    for option, values in metric.card.options.items():
        for value in values:
            given = _inputs(metric, "passt_rows") if value == JOINED else inputs
            result = computed(metric, name, replace(given, options={**inputs.options, option: value}))
            if not math.isfinite(result.value):
                return f"{option}={value} gave {result.value}"
    return ""


def _few_fault(metric: Metric, name: str, inputs: MetricInputs, nothing: bool = False) -> str:
    """A reason is an answer; where `nothing` can be said, a number is none."""
    try:
        result = computed(metric, name, inputs)
    except BrokenPlugin as error:
        return error.message
    except UserError:
        return ""
    if nothing and math.isfinite(result.value):
        return f"gave {result.value:.6g} all the same"
    return _interval_fault(metric, result) if math.isfinite(result.value) else ""


def _number_of_nan(metric: Metric, name: str, inputs: MetricInputs) -> str:
    """A run embeds no such features; whatever is raised is better than a number."""
    broken = [np.full_like(inputs.features[0], np.nan), *inputs.features[1:]]
    try:
        value = computed(metric, name, replace(inputs, features=broken)).value
    except UserError:
        return ""
    return f"gave {value:.6g} all the same" if math.isfinite(value) else ""
