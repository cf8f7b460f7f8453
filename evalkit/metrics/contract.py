"""What evalkit looks at before it relies on a metric: that it is one, its card, and what it returns.

Metrics come from installed packages and from modules that a suite names. One that fails costs its own number; for that,
whatever it does wrong has to be found here, and not by whoever reads scores.json.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalkit.audio.ladders import LADDERS
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.fields import Fields, is_number, is_whole
from evalkit.core.plugins import BrokenPlugin, running
from evalkit.metrics.base import METRICS, Metric, MetricCard, MetricInputs, MetricResult
from evalkit.stats.relative import Influences

DIRECTIONS = ("lower", "higher", "none")
REFERENCES = ("set", "pair", "")


def load_metric(name: str, typed: bool = False) -> Metric:
    """The metric of that name, or behind that `module:attribute`.

    Raises UserError where it is none, BrokenPlugin where its import fails or its card is not as it should be.
    """
    metric: Metric = METRICS.load(name, typed)
    with running(f"metric {name!r}: its card cannot be read"):
        card: object = getattr(metric, "card", None)
    if isinstance(metric, type) and isinstance(card, MetricCard):
        raise UserError(f"metric {name!r} is a class", "name an instance of it, as METRIC = MyMetric() makes one")
    if not isinstance(card, MetricCard) or not callable(getattr(metric, "compute", None)):
        raise UserError(
            f"metric {name!r} is a {type(metric).__name__}, no metric", "a metric has a `card` and `compute`"
        )
    _require_card(card, name)
    return metric


def _require_card(card: MetricCard, name: str) -> None:
    fields = Fields(card)
    for text in ("name", "title", "family"):
        fields.text(text)
    for text in ("unit", "citation", "blind_to"):
        fields.text(text, empty=True)
    fields.one_of("direction", DIRECTIONS)
    fields.one_of("reference", REFERENCES)
    for flag in ("text", "headline", "biased_by_n", "general", "needs_clips"):
        fields.flag(flag)
    bounds: object = card.bounds
    if not isinstance(bounds, tuple) or len(bounds) != 2 or not all(is_number(end) for end in bounds):
        fields.fault(f"bounds are {bounds!r:.40}, expected the lowest and the highest value")
    elif not bounds[0] < bounds[1]:
        fields.fault(f"bounds are {bounds!r:.40}, expected low < high")
    for option, values in fields.options("options").items():
        texts = isinstance(values, tuple | list) and all(isinstance(each, str) for each in values)
        if not values or not texts:
            fields.fault(f"options[{option!r}] is {values!r:.60}, expected a tuple of its values, the default first")
    _claims(card, fields)
    if fields.faults:
        raise BrokenPlugin(f"metric {name!r}: its card is not as it should be: {'; '.join(fields.faults)}")


def _claims(card: MetricCard, fields: Fields) -> None:
    """What a card claims of ladders: their names, a way for each, and for a metric with a direction the worse one."""
    hears: object = card.hears
    deaf_to: object = card.deaf_to
    if not isinstance(hears, Mapping) or not isinstance(deaf_to, tuple | list):
        fields.fault("hears is a mapping of ladders to up or down, and deaf_to a tuple of ladders")
        return
    for name in (*hears, *deaf_to):
        if name not in LADDERS:
            fields.fault(str(unknown_name("ladder", str(name), LADDERS)))
    worse = {"lower": "up", "higher": "down"}.get(card.direction)
    for name, way in hears.items():
        if way not in ("up", "down") or (worse and way != worse):
            fields.fault(f"hears[{name!r}] is {way!r:.20}, expected {worse or 'up or down'}")
    fields.faults.extend(f"{name} is both heard and not heard" for name in hears if name in deaf_to)


def computed(metric: Metric, name: str, inputs: MetricInputs) -> MetricResult:
    """The metric's result, its numbers as plain ones. Raises UserError where the inputs give none, BrokenPlugin for
    whatever else is raised, and for a result that is none."""
    with running(f"metric {name!r}: compute() failed"):
        result: object = metric.compute(inputs)
    if not isinstance(result, MetricResult):
        told = "None" if result is None else f"a {type(result).__name__}"
        raise BrokenPlugin(f"metric {name!r}: compute() returned {told}, expected a MetricResult")
    faults = [*_number_faults(result), *_count_faults(result), *_prompt_faults(result, inputs)]
    if faults:
        raise BrokenPlugin(f"metric {name!r}: its result is not as it should be: {'; '.join(faults)}")
    return replace(
        result,
        value=float(result.value),
        se=None if result.se is None else float(result.se),
        freedom=None if result.freedom is None else int(result.freedom),
        n=int(result.n),
        n_reference=int(result.n_reference),
        per_prompt={key: float(value) for key, value in result.per_prompt.items()},
        warnings=tuple(result.warnings),
    )


def _number_faults(result: MetricResult) -> list[str]:
    """A value may be no number, as no clips have none; the ends of its interval are numbers, or None."""
    faults = [] if is_number(result.value) else [f"value is {result.value!r:.40}, expected a number"]
    ends = {"low": result.low, "high": result.high}
    for name, end in ends.items():
        if end is not None and not (is_number(end) and (math.isfinite(end) or not _is_finite(result.value))):
            faults.append(f"{name} is {end!r:.40}, expected a finite number or None")
    if not faults and None not in ends.values() and _is_finite(result.value) and ends["low"] > ends["high"]:  # type: ignore[operator]
        faults.append(f"low is {ends['low']} and high is {ends['high']}, expected low <= high")
    if result.se is not None and not (is_number(result.se) and math.isfinite(result.se) and result.se >= 0):
        faults.append(f"se is {result.se!r:.40}, expected a finite number of 0 or more, or None")
    if result.freedom is not None and not (is_whole(result.freedom) and result.freedom > 0):
        faults.append(f"freedom is {result.freedom!r:.40}, expected a whole number of 1 or more, or None")
    if not (is_number(result.level) and 0 < result.level < 1):
        faults.append(f"level is {result.level!r:.40}, expected a number between 0 and 1")
    return faults


def _count_faults(result: MetricResult) -> list[str]:
    faults = []
    for name, value in (("n", result.n), ("n_reference", result.n_reference)):
        if not is_whole(value) or value < 0:
            faults.append(f"{name} is {value!r:.40}, expected a whole number of 0 or more")
    method: object = result.method
    if not isinstance(method, str):
        faults.append(f"method is {method!r:.40}, expected text")
    warnings: object = result.warnings
    if not isinstance(warnings, tuple | list) or not all(isinstance(each, str) for each in warnings):
        faults.append(f"warnings are {warnings!r:.40}, expected a tuple of sentences")
    left: object = result.leave_outs
    if not isinstance(left, tuple | list) or not all(is_number(each) for each in left):
        faults.append(f"leave_outs are {left!r:.40}, expected a tuple of numbers")
    parts: object = result.influences
    if parts is not None and not _are_influences(parts):
        faults.append(f"influences are {parts!r:.40}, expected evalkit.stats.relative.Influences of numbers, or None")
    return faults


def _are_influences(parts: object) -> bool:
    if not isinstance(parts, Influences) or not isinstance(parts.sources, Mapping):
        return False
    named = all(isinstance(name, str) and is_number(part) for name, part in parts.sources.items())
    return named and isinstance(parts.reference, tuple | list) and all(map(is_number, parts.reference))


def _prompt_faults(result: MetricResult, inputs: MetricInputs) -> list[str]:
    values: object = result.per_prompt
    if not isinstance(values, Mapping):
        return [f"per_prompt is {values!r:.40}, expected a mapping of prompt ids to numbers"]
    known = set(inputs.ids)
    strange = [key for key in values if key not in known]
    wrong = [key for key, value in values.items() if not is_number(value)]
    faults = [f"per_prompt names {strange[0]!r:.60}, which is none of the prompts that it was given"] if strange else []
    return faults + ([f"per_prompt[{wrong[0]!r:.60}] is {values[wrong[0]]!r:.40}, expected a number"] if wrong else [])


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)
